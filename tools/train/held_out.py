"""Makes pages with one blank from the validation texts, for measure_pair.py and compare_samplers.py; and windows of these
texts.

A paragraph is a line of 20 to 50 words.  Everything is drawn from a generator with a fixed seed, so that every
model and option gets the same pages."""
import dataclasses
import lzma
import re

import numpy as np


@dataclasses.dataclass
class Page:
    before: str
    hidden: str      # what stood in the blank
    after: str
    tokens: int      # of ` hidden`, in the vocabulary of the models

    def blank(self, notation):
        return f"{self.before}[[{notation}]]{self.after}"

    @property
    def whole(self):
        return self.before + self.hidden + self.after


def validation(folder, name):
    """The text of NAME.valid.txt, plain or .xz."""
    path = folder / f"{name}.valid.txt"
    raw = path.read_bytes() if path.exists() else lzma.decompress((folder / f"{name}.valid.txt.xz").read_bytes())
    return raw.decode()


def paragraphs(folder, name):
    lines = validation(folder, name).split("\n")
    return [line for line in lines if 20 <= len(line.split()) <= 50 and "[[" not in line]


def windows(corpus, tokens, count, seed):
    """Ids of `count` windows of the validation texts, sources as often as in training.  Each is within a document;
    shorter documents are left out."""
    rng, starts = np.random.default_rng(seed), {}
    for name in corpus.names:
        bounds = corpus.valid[name]["documents"].tolist()
        starts[name] = [(a, b - tokens) for a, b in zip(bounds, bounds[1:]) if b - a >= tokens]
    names = [name for name in corpus.names if starts[name]]
    if not names:
        raise SystemExit(f"no held-out document has {tokens} tokens")
    share, made = np.array([corpus.share[corpus.names.index(name)] for name in names]), []
    while len(made) < count:
        name = names[rng.choice(len(names), p=share / share.sum())]
        at = int(rng.integers(*np.add(starts[name][int(rng.integers(len(starts[name])))], (0, 1))))
        made.append(corpus.valid[name]["tokens"][at:at + tokens].tolist())
    return made


def _page(corpus, line, begin, end):
    return Page(line[:begin], line[begin:end], line[end:], len(corpus.vocab_inside.encode(" " + line[begin:end])))


def words(corpus, folder, name, count):
    """`count` pages that lack one word of three letters or more after a space; a paragraph may be used again, but not a
    word of it."""
    rng = np.random.default_rng(1)
    lines, seen, pages = paragraphs(folder, name), set(), []
    while len(pages) < count:
        at = int(rng.integers(len(lines)))
        spans = [m.span() for m in re.finditer(r"(?<= )[A-Za-z]{3,}(?=[ .,!?;:])", lines[at])]
        spans = [span for span in spans if (at, span) not in seen]
        if spans:
            span = spans[int(rng.integers(len(spans)))]
            seen.add((at, span))
            pages.append(_page(corpus, lines[at], *span))
    return pages


def spans(corpus, folder, name, count, longest=12):
    """`count` pages that lack a span of whole words, 1 to `longest` tokens, each length equally often."""
    rng = np.random.default_rng(2)
    lines, pages = paragraphs(folder, name), []
    while len(pages) < count:
        line, wanted = lines[int(rng.integers(len(lines)))], 1 + len(pages) % longest
        starts = [m.span() for m in re.finditer(r"(?<= )\S+", line)]
        first = int(rng.integers(len(starts)))
        for _, end in starts[first:first + wanted]:
            page = _page(corpus, line, starts[first][0], end)
            if page.tokens == wanted:
                pages.append(page)
                break
    return pages
