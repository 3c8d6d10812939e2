"""Draws pages to learn from: windows of text with blanks, and the order in which their places become known.

Everything random comes from a generator whose key is (seed, step, window), so a run that is stopped and resumed sees
the same pages as a run that was not.
"""
import dataclasses

import numpy as np

NEVER = 1 << 30             # rank of places that never become known: behind the end of a gap that is too wide
SHORTEST = 32               # places of a window
GAP = 16                    # places that the engine makes of [[?]]
PER_PLACES = 128            # counts of blanks below are per so many places
OPENING = 0.3               # of the windows that begin with a sentence, the share whose first blank is at place 1


@dataclasses.dataclass(frozen=True)
class Settings:
    """Shares of windows: blanks of several tokens, single tokens; the rest have an open end.  Of windows with blanks
    `wide` have gaps wider than their text, and `crowd` is a factor of the number of blanks.  `random` of the orders are
    random, the others fill every blank from its left.  `given` of the windows are also asked for with the given text
    only.  `begins` of the windows begin where a document or a line of it does, the others anywhere."""
    length: int = 128
    spans: float = 0.70
    scattered: float = 0.18
    wide: float = 0.6
    random: float = 0.25
    crowd: float = 1.0
    given: float = 1.0
    begins: float = 0.0


@dataclasses.dataclass
class Page:
    tokens: np.ndarray      # [length]; what is right of a gap's end is <empty>
    ranks: np.ndarray       # [length]: 0 given, 1.. in the order of becoming known, NEVER
    places: np.ndarray      # [n], ascending: the open places that are asked for
    asked: np.ndarray       # [n]: rank at which each is asked for; a blank's end is asked for and never becomes known
    free: bool              # blanks are free in length: <empty> is a candidate
    given: bool = True      # every place is asked for a second time, with the given text only


def beginnings(text, start, line_ends):
    """(places of `text` where documents begin, places where lines begin); `line_ends` are the tokens that end one."""
    after = np.flatnonzero(np.isin(text, [start, *line_ends])) + 1
    after = after[after < len(text)]
    after = after[~np.isin(text[after], [start, *line_ends])]           # empty lines
    document = text[after - 1] == start
    return after[document], after[~document]


def choose_beginning(rng, found, size, text):
    """One of the places found by beginnings(), behind which there are `size` - 1 tokens: of a document as often as of a
    line.  None if there is no such place."""
    found = [places[places <= len(text) - size + 1] for places in found]
    found = [places for places in found if len(places)]
    return int(rng.choice(found[rng.integers(len(found))])) if found else None


def cut(rng, text, size, start, line_break, at=None):
    """`size` tokens: the start token, then text from `at`, or from anywhere; borders of documents become line
    breaks."""
    if at is None:
        at = int(rng.integers(0, len(text) - size + 2))
    window = text[at:at + size - 1].astype(np.int64)
    window[window == start] = line_break
    return np.concatenate([[start], window])


def draw_lengths(rng, s):
    """(lengths of the blanks, places that each gap has beyond them, is there an open end, are blanks free)."""
    u, scale, longest = rng.random(), s.length / PER_PLACES, s.length // 4
    wide = u < s.spans and rng.random() < s.wide
    if u < s.spans:
        count = int(rng.integers(1, max(2, round((3 if wide else 5) * scale * s.crowd) + 1)))
        lengths = [min(int(rng.geometric(0.14)), 24, longest) for _ in range(count)]
    elif u < s.spans + s.scattered:
        lengths = [1] * (1 + int(rng.uniform(0.02, 0.45) * (s.length - 2)))
    else:
        return [int(rng.integers(8, max(10, round(40 * scale))))], [0], True, False
    beyond = lambda n: max(0, GAP - n) if rng.random() < 0.5 else int(rng.integers(0, GAP))
    return lengths, [beyond(n) if wide else 0 for n in lengths], False, wide


def place_spans(rng, size, lengths, beyond, apart, opening=False):
    """[(first place, length, places beyond)] in order of the text, or None if a span finds no space in 12 tries.  Gaps
    of free length do not touch each other.  `opening`: one of them is at place 1."""
    free, spans = np.ones(size + 1, bool), []       # one more place: the window's end is a border like given text
    free[0] = False
    pairs = list(zip(lengths, beyond))
    if opening:
        length, more = pairs.pop(int(rng.integers(len(pairs))))
        free[1:1 + length] = False
        spans.append((1, length, more))
    for length, more in sorted(pairs, key=lambda pair: -pair[0]):
        for first in rng.integers(1, max(2, size - length + 1), 12).tolist():
            end = first + length
            alone = not apart or (first == 1 or free[first - 1]) and free[min(end, size)]
            if end <= size and free[first:end].all() and alone:
                free[first:end] = False
                spans.append((first, length, more))
                break
        else:
            return None
    return sorted(spans)


def draw_order(rng, blank, wide, share_random):
    """Ranks 1..n of the open places, whose blanks are `blank` [n], in order of the text."""
    n, kinds = len(blank), np.array([0.467, 0.333, 0.2, 0.0]) * (1 - share_random)
    kinds[3] = 1 - kinds.sum()
    kind = rng.choice(4, p=kinds)
    if kind == 0:                                   # from left to right
        return 1 + np.arange(n)
    if kind == 3 and not wide:                      # any order
        return 1 + rng.permutation(n)
    key = rng.random(n)
    if kind != 1:                                   # one blank after another, in random order
        key = 1e-6 * key + rng.random(int(blank[-1]) + 1)[blank]
    for one in np.unique(blank):                    # in each blank from its left
        key[blank == one] = np.sort(key[blank == one])
    return 1 + np.argsort(np.argsort(key, kind="stable"), kind="stable")


def draw_page(rng, text, found, settings, start, empty, line_break):
    """One page from `text`, an array of token ids in which every document begins with the start token; `found` are its
    beginnings()."""
    begins = settings.begins and rng.random() < settings.begins
    opening = begins and rng.random() < OPENING
    while True:
        lengths, beyond, open_end, wide = draw_lengths(rng, settings)
        size = settings.length - sum(beyond)
        if size < settings.length // 2:
            continue
        spans = [(size - lengths[0], lengths[0], 0)] if open_end else place_spans(rng, size, lengths, beyond, wide,
                                                                                 opening)
        if spans:
            at = choose_beginning(rng, found, size, text) if begins else None
            return lay_out(rng, cut(rng, text, size, start, line_break, at), spans, wide, empty, settings.random)


def lay_out(rng, window, spans, wide, empty, share_random):
    """Makes the page of a window whose spans become blanks, with the places beyond them."""
    tokens, places, blank, never, at = [], [], [], [], 0
    for number, (first, length, more) in enumerate(spans):
        tokens += window[at:first].tolist()
        begin = len(tokens)
        end = begin + length
        tokens += window[first:first + length].tolist() + [empty] * more
        asked = length + (more > 0)                 # the place of the end is asked for
        places += range(begin, begin + asked)
        blank += [number] * asked
        never += range(end, end + more)
        at = first + length
    tokens = np.array(tokens + window[at:].tolist())
    order = draw_order(rng, np.array(blank), wide, share_random)
    ranks = np.zeros(len(tokens), np.int64)
    ranks[places] = order
    ranks[never] = NEVER
    return Page(tokens, ranks, np.array(places), order, wide)


def draw_pages(texts, shares, seed, step, count, settings, base, first=0, found=None):
    """Pages number `first`, .. of a step, `count` of them; each text is chosen with its share.  `found` are beginnings()
    of every text, if some windows are to begin there."""
    pages = []
    for window in range(first, first + count):
        rng = np.random.default_rng([seed, step, window])
        text = rng.choice(len(texts), p=shares)
        page = draw_page(rng, texts[text], found and found[text], settings, base.start, base.empty, base.line_break)
        page.given = rng.random() < settings.given
        pages.append(page)
    return pages
