"""Held-out texts as tokens, and pages cut out of them.  Every page depends only on its number, so that all networks get
the same ones and a run can go on where it stopped."""
import dataclasses
import json
import lzma
import re
import subprocess
import tempfile

import numpy as np

SEPARATOR = "<|endoftext|>"
HELD_OUT = 20                   # as in tools/train/rows/texts.py: of a text without .valid every twentieth document
VALID_SEED = 7                  # as in tools/train/rows/training.py
EDGE = 8                        # tokens of a window before and after its blank
SENTENCE = (5, 32)              # tokens


def held_out(folder, name):
    """The documents of NAME.valid.txt(.xz), or every twentieth of NAME.train.txt(.xz)."""
    for part in ("valid", "train"):
        for ending, read in (("", lambda p: p.read_bytes()), (".xz", lambda p: lzma.decompress(p.read_bytes()))):
            path = folder / f"{name}.{part}.txt{ending}"
            if path.exists():
                documents = [d.strip() for d in read(path).decode().split(f"\n{SEPARATOR}\n")]
                return documents if part == "valid" else documents[HELD_OUT - 1::HELD_OUT]
    raise SystemExit(f"{folder}: neither {name}.valid.txt nor {name}.train.txt, plain or .xz")


# ---- tokens

def _byte_letters():
    """The letters that byte-level vocabularies write for bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {**{chr(b): b for b in plain}, **{chr(256 + i): b for i, b in enumerate(others)}}


LETTERS = _byte_letters()


class Tokenizer:
    """The command's own, one process for many texts."""

    def __init__(self, command, model):
        self.command, self.model, self.separator = command, model, SEPARATOR
        for mark in ("<mask>", SEPARATOR):
            ids = self._run(mark)["ids"]
            if len(ids) == 1:
                self.separator, self.mark, self.mark_is_mask = mark, ids[0], mark != SEPARATOR
                return
        raise SystemExit(f"{model}: no control token that can separate texts")

    def _run(self, text):
        with tempfile.NamedTemporaryFile(suffix=".txt") as file:
            file.write(text.encode())
            file.flush()
            done = subprocess.run([self.command, "tokenize", "-m", self.model, "--special", "--json", "--file", file.name],
                                  capture_output=True, check=True)
        return json.loads(done.stdout)

    def pieces(self, text):
        """(ids, texts of the tokens) of a text that continues another; a vocabulary that marks spaces is normalised."""
        out = self._run(self.separator + text)
        return out["ids"][1:], [self.text_of(piece) for piece in out["pieces"][1:]]

    @staticmethod
    def text_of(piece):
        if re.fullmatch(r"<0x[0-9A-F]{2}>", piece):
            return chr(int(piece[3:5], 16))
        if "\u2581" in piece or not all(c in LETTERS for c in piece):
            return piece.replace("\u2581", " ")
        return bytes(LETTERS[c] for c in piece).decode("latin-1")

    def many(self, texts):
        """The ids of each text, as it is tokenized behind other text."""
        if not texts:
            return []
        ids = np.array(self._run(self.separator + self.separator.join(texts))["ids"])
        ends = [*np.flatnonzero(ids == self.mark), len(ids)]
        return [ids[a + 1:b].tolist() for a, b in zip(ends, ends[1:])]


# ---- windows

@dataclasses.dataclass
class Page:
    before: str
    ids: list                   # what stood in the blank
    hidden: str
    after: str

    def blank(self, notation=None):
        return f"{self.before}[[{notation or len(self.ids)}]]{self.after}"


class Text:
    def __init__(self, tokenizer, documents):
        self.tokenizer = tokenizer
        self.ids, self.pieces = tokenizer.pieces("\n".join(documents))
        self.adds_space = tokenizer.mark_is_mask    # of SentencePiece vocabularies
        self.begins = np.array([p[:1] in " \n" for p in self.pieces])       # a word or a line
        self.lines = [line for d in documents for line in d.split("\n")
                      if 20 <= len(line.split()) <= 60 and "[[" not in line and "\\" not in line]

    def _window(self, number, size, kind):
        """(first token, first token of the blank, number of its tokens), or None if there is no sentence.  Windows of
        query rows and their blanks of a number of tokens are those of the trainer's validation (rows/training.py)."""
        n = 0 if kind == "sentence" else int(kind)
        rng = np.random.default_rng([VALID_SEED, n, number])
        at = max(0, int(rng.integers(0, len(self.ids) - size + 2)) - 1)
        first = at + int(rng.integers(EDGE, size + 1 - max(n, 1) - EDGE)) - 1
        if n:
            return at, first, n
        ends = [i for i in range(at, at + size - 1)
                if re.search(r"[.!?][\"')]?$", self.pieces[i]) and self.begins[i + 1]]
        spans = [(a + 1, b - a) for a, b in zip(ends, ends[1:])
                 if SENTENCE[0] <= b - a <= SENTENCE[1] and a + 1 - at >= EDGE and b < at + size - EDGE]
        return (at, *spans[int(rng.integers(len(spans)))]) if spans else None

    def windows(self, numbers, size, kind):
        """The pages of these numbers: windows of `size` tokens with a blank of `kind` tokens or a sentence.  Left out are
        those without a sentence, with brackets or backslashes, and those whose parts are tokenized otherwise alone."""
        pages, join = [], lambda a, b: "".join(self.pieces[a:b])
        for number in numbers:
            window = self._window(number, size, kind)
            if window is None:
                continue
            at, first, n = window
            page = Page(join(at, first), self.ids[first:first + n], join(first, first + n), join(first + n, at + size))
            if "[[" not in page.before + page.after and "\\" not in page.before + page.after:
                pages.append((page, self.ids[at:first], self.ids[first + n:at + size]))
        if self.adds_space:         # to the start of a page: the first token must begin with one
            pages = [(Page(p.before[1:], p.ids, p.hidden, p.after), b, a) for p, b, a in pages if p.before[:1] == " "]
        parts = self.tokenizer.many([part for page, _, _ in pages
                                     for part in (" " * self.adds_space + page.before, page.after)])
        return [page for (page, before, after), b, a in zip(pages, parts[::2], parts[1::2]) if b == before and a == after]

    # ---- paragraphs

    def words(self, numbers):
        """Paragraphs that lack one word of three letters or more."""
        pages = []
        for number in numbers:
            rng = np.random.default_rng([6, number])
            while True:
                line = self.lines[int(rng.integers(len(self.lines)))]
                spans = [m.span() for m in re.finditer(r"(?<= )[A-Za-z]{3,}(?=[ .,!?;:])", line)]
                if spans:
                    break
            a, b = spans[int(rng.integers(len(spans)))]
            pages.append(Page(line[:a], None, line[a:b], line[b:]))
        return self._with_ids(pages)

    def spans(self, numbers, lengths):
        """Paragraphs that lack whole words of lengths[number % len(lengths)] tokens."""
        candidates, wanted = [], []
        for number in numbers:
            rng = np.random.default_rng([7, number])
            n = lengths[number % len(lengths)]
            for _ in range(24):
                line = self.lines[int(rng.integers(len(self.lines)))]
                words = [m.span() for m in re.finditer(r"(?<= )\S+", line)]
                first = int(rng.integers(1, max(2, len(words) - 2)))
                last = min(len(words) - 1, first + max(0, int(rng.integers(n // 2, n + 1)) - 1))
                a, b = words[first][0], words[last][1]
                candidates.append(Page(line[:a], None, line[a:b], line[b:]))
                wanted.append((number, n))
        found = {}
        for page, (number, n) in zip(self._with_ids(candidates), wanted):
            if len(page.ids) == n:
                found.setdefault(number, page)
        return list(found.values())

    def _with_ids(self, pages):
        for page, ids in zip(pages, self.tokenizer.many([" " + page.hidden for page in pages])):
            page.ids = ids
        return pages

