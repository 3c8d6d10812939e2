"""Makes training rows from token arrays: windows, blanks, masks.

Everything random comes from one generator per step, keyed by (seed, step) and by the process where several share a
step, so a run resumed at a step sees the same data as an uninterrupted run.

Windows have log-uniform lengths; half of them start at a document or paragraph, as pages do.  BOS and EOS appear only
where a window touches that end; the causal twin starts every window with BOS.  For the diffusion twin a fraction of the
windows are pages with blanks, split into given text and holes by the border rules of the engine (ARCHITECTURE.md); many
holes are padded with <empty>.
"""
import dataclasses
import math
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "data"))
from prepare import BOS, EMPTY, EOS, MASK, load_vocabulary  # noqa: E402

IGNORED = -1
SHORTEST = 8
FREE_MOST = 16          # tokens that the engine shows for [[?]]
SPACE = "\u2581"


@dataclasses.dataclass
class Window:
    """The input of one evaluation. targets are IGNORED at positions without a prediction."""
    tokens: list
    targets: list
    weights: list           # of each target in the sum of cross-entropies


class Corpus:
    """Sources mixed by weight, and the vocabulary."""

    def __init__(self, folder, weights=None):
        folder = pathlib.Path(folder)
        import json
        self.report = json.loads((folder / "sources.json").read_text())
        self.vocab = load_vocabulary(folder / "vocab.model")
        self.vocab_inside = load_vocabulary(folder / "vocab.model", dummy_prefix=False)
        self.size = self.vocab.get_piece_size()
        pieces = [self.vocab.id_to_piece(i) for i in range(self.size)]
        self.newline = pieces.index("\n")
        self.begins_word = np.array([p.startswith(SPACE) for p in pieces])
        self.text_of = [bytes([int(p[1:-1], 16)]) if self.vocab.is_byte(i)
                        else b"" if self.vocab.is_control(i) or self.vocab.is_unknown(i)
                        else p.replace(SPACE, " ").encode() for i, p in enumerate(pieces)]
        self.names = list(self.report["sources"])
        self.train = {n: dict(np.load(folder / f"{n}.train.npz")) for n in self.names}
        self.valid = {n: dict(np.load(folder / f"{n}.valid.npz")) for n in self.names}
        share = np.array([(weights or {}).get(n, self.report["sources"][n]["weight"]) * len(self.train[n]["tokens"])
                          for n in self.names])
        self.share = share / share.sum()

    def draw_window(self, rng, most, shortest):
        """ids of a window of `shortest` to `most` tokens (fewer at a document's end), and whether it touches
        its document's two ends."""
        source = self.train[self.names[rng.choice(len(self.names), p=self.share)]]
        tokens, bounds = source["tokens"], source["documents"]
        length = min(most, int(math.exp(rng.uniform(math.log(min(shortest, most)), math.log(most + 1)))))
        head = []
        boundaries, documents = len(source["starts"]), len(bounds) - 1
        if rng.random() < 0.5 and boundaries + documents:
            pick = int(rng.integers(boundaries + documents))
            if pick < documents:
                at = int(bounds[pick])
            else:
                pick -= documents
                at = int(source["starts"][pick] + source["head_skip"][pick])
                head = source["heads"][source["head_from"][pick]:source["head_to"][pick]].tolist()
        else:
            at = int(rng.integers(len(tokens)))
            while at > 0 and not self.begins_word[tokens[at]] and tokens[at] != self.newline:
                at -= 1
        document = int(np.searchsorted(bounds, at - len(head), "right")) - 1
        end = min(int(bounds[document + 1]), at + length - len(head))
        ids = head + tokens[at:end].tolist()
        return ids, at == bounds[document], end == bounds[document + 1]

    def text(self, ids):
        return b"".join(self.text_of[i] for i in ids).decode("utf-8")


def hole_spans(rng, text):
    """Character ranges [a, b) of `text` to be blanked, in order, not touching each other.

    Ends are mostly between words (a space belongs to the word after it), sometimes inside a word; lengths are one to
    four words, five to twelve, or the rest of the sentence."""
    words = [i for i in range(1, len(text)) if text[i] == " "]
    starts = [0] + words
    if len(starts) < 3:
        return []
    spans, count = [], 1 + min(int(rng.geometric(0.5)) - 1, len(starts) // 12)
    for _ in range(count):
        first = int(rng.integers(len(starts)))
        kind = rng.random()
        many = int(rng.integers(1, 5)) if kind < 0.45 else int(rng.integers(5, 13))
        a = starts[first]
        b = starts[first + many] if first + many < len(starts) else len(text)
        if kind > 0.8:
            stops = [i + 1 for i in range(a + 1, len(text)) if text[i] in ".!?\n"]
            b = stops[0] if stops else len(text)
        if rng.random() < 0.12 and b - a > 3:
            a += int(rng.integers(1, 3))                    # inside the first word, or right behind its space
        if rng.random() < 0.12 and b < len(text) - 1:
            b -= int(rng.integers(0, min(3, b - a - 1) + 1)) if b - a > 1 else 0
        if rng.random() < 0.5 and text[b - 1] in ".,!?;:\"":
            b -= 1                                          # leave the punctuation standing, as people do
        if b > a and all(b < c or a > d for c, d in spans):
            spans.append((a, b))
    return sorted(spans)


def cut_page(corpus, rng, ids, page_start, most, padded):
    """Makes a page with blanks from a window: (tokens, is_hole), or None if that is not possible."""
    try:
        text = corpus.text(ids)
    except UnicodeDecodeError:
        return None
    prefixed = page_start and text.startswith(" ")
    if prefixed:
        text = text[1:]
    spans = hole_spans(rng, text)
    if not spans:
        return None
    inside, at_start = corpus.vocab_inside.encode, corpus.vocab.encode if prefixed else corpus.vocab_inside.encode
    encode = lambda piece, where: at_start(piece) if where == 0 else inside(piece)
    tokens, hole, at = [], [], 0
    for a, b in spans + [(len(text), len(text))]:
        given = encode(text[at:a], at) if a > at else []
        # a lone space before a blank belongs to the blank's first token: see the border rules
        if given and b > a and text[a - 1] == " ":
            given, a = (encode(text[at:a - 1], at) if a - 1 > at else []), a - 1
        tokens += given
        hole += [0] * len(given)
        if b > a:
            filled = encode(text[a:b], a)
            shown = len(filled)
            if rng.random() < padded:
                shown = max(shown, FREE_MOST) if rng.random() < 0.6 else shown + int(rng.integers(0, 17))
            tokens += filled + [EMPTY] * (shown - len(filled))
            hole += [1] * shown
        at = b
    return (tokens, hole) if len(tokens) <= most else None


def diffusion_window(corpus, rng, most, options):
    """(tokens, is_hole, is_page); masks are chosen for the whole batch, see mask_windows."""
    ids, first, last = corpus.draw_window(rng, most, options.shortest)
    page = None
    if rng.random() < options.pages and len(ids) >= SHORTEST:
        page = cut_page(corpus, rng, ids, page_start=True, most=most, padded=options.padded)
    tokens, hole = page or (ids, [1] * len(ids))
    if first and rng.random() < 0.5 and len(tokens) < most:
        tokens, hole = [BOS] + tokens, [0] + hole
    if last and rng.random() < 0.5 and len(tokens) < most:
        tokens, hole = tokens + [EOS], hole + [0]
    return tokens, hole, page is not None


def mask_windows(rng, drawn, options):
    """Chooses k of the n maskable positions of every window, k stratified over the batch, and weighs each
    masked cross-entropy by n / k: an unbiased estimate of n times the bound per token.  A level_power below 1
    of n / k is biased towards windows with much missing, and far less noisy: those with a single mask count less.

    A fraction of the pages has all holes masked, k = n, like the start of the engine: these teach lengths.  A page has
    few masks compared with a whole window; a factor corrects for this."""
    windows = []
    levels = (rng.permutation(len(drawn)) + rng.random(len(drawn))) / len(drawn)
    for (tokens, hole, is_page), level in zip(drawn, levels):
        at = np.flatnonzero(hole)
        k = len(at) if is_page and rng.random() < options.untouched else 1 + int(level * len(at))
        factor = options.page_weight if is_page else 1.0
        window = Window(list(tokens), [IGNORED] * len(tokens), [0.0] * len(tokens))
        for i in rng.choice(at, k, replace=False).tolist():
            window.targets[i] = tokens[i]
            window.tokens[i] = MASK
            window.weights[i] = factor * (len(at) / k) ** options.level_power
        windows.append(window)
    return windows


def causal_window(corpus, rng, most, options):
    ids, _, last = corpus.draw_window(rng, most - 1, options.shortest)
    tokens = [BOS] + ids + ([EOS] if last and len(ids) + 2 <= most else [])
    return Window(tokens, tokens[1:] + [IGNORED], [1.0] * (len(tokens) - 1) + [0.0])


def make_batch(corpus, seed, budget, context, causal, options):
    """Windows of at most `context` tokens, `budget` tokens in all (a few less at the end); `seed` is a sequence."""
    rng = np.random.default_rng(seed)
    draw, made, left = causal_window if causal else diffusion_window, [], budget
    while left > 2 * SHORTEST:
        made.append(draw(corpus, rng, min(context, left), options))
        left -= len(made[-1].tokens if causal else made[-1][0])
    return made if causal else mask_windows(rng, made, options)


def split_batch(windows, parts):
    """The windows in `parts` groups of about equal size in tokens, in order."""
    total, groups, seen = sum(len(w.tokens) for w in windows), [[] for _ in range(parts)], 0
    for window in windows:
        groups[min(parts - 1, seen * parts // total)].append(window)
        seen += len(window.tokens)
    return [group for group in groups if group]
