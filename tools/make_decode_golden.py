#!/usr/bin/env python3
"""Writes the golden files of tests/test_processors.c and tests/test_grammar*.c.

usage: make_decode_golden.py      (needs numpy)

  tests/golden/decode/processors.bin   rows of logits, options, and the resulting distribution, draws, log-probabilities
  tests/golden/decode/grammar.bin      grammars and texts: which are in the language, the longest valid prefix of each
The formulas and the parser below are written from the definitions, not from the engine: probabilities by numpy,
grammars by an Earley parser, JSON by Python's json.  The seed is fixed; the same numpy gives the same files.

All numbers are little-endian and packed.  processors.bin: "PALDEC1\\n", u32 cases, then for each: u32 n, tokens,
biases, flags (1: allowed follows); i32 top_k, repeat_last_n, mirostat; f64 temperature, typical_p, top_p, min_p,
repetition, frequency, presence, tau, eta, mu; f32 logits[n]; i32 tokens[]; (i32 id, f64 bias)[]; u8 allowed[n]
if there; i32 outcome (0: a distribution, 1: no token is left, 2: not a number, then i32 at); for a distribution
f64 probs[n], 4 times (f64 u, i32 id, f64 logprob, f64 mu afterwards), and 5 times (i32 id or -1, f64 logprob).
grammar.bin: "PALGBN1\\n", u32 grammars, then for each: u32 bytes, text, u32 texts, and for each: u32 bytes, text,
i32 length of the longest valid prefix (-1: not known), u8 whether it is in the language.
"""
import json
import pathlib
import random
import struct

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "decode"
CASES, NEAR = 1200, 1e-9


# ---- processors ------------------------------------------------------------------------------------------

class TooNear(Exception):
    """The result of this case could depend on rounding: another one is made."""


def apart(values, threshold):
    values = np.asarray(values, dtype=np.float64)
    if len(values) and np.min(np.abs(values - threshold)) < NEAR:
        raise TooNear


def ranked(keys, ids):
    """ids by decreasing key, the lowest id first among equals."""
    return sorted(ids, key=lambda i: (-keys[i], i))


def normal(p):
    return p / p.sum()


def only(p, ids):
    out = np.zeros_like(p)
    out[list(ids)] = p[list(ids)]
    return out


def up_to(p, order, share):
    """The first ids of order until their mass reaches that share of p, including the one that crosses it."""
    reached = np.cumsum([p[i] for i in order]) / p.sum()
    apart(reached[:-1], share)
    return order[:1 + int(np.sum(reached[:-1] < share))]


def truncate(p, o):
    alive = [i for i in range(len(p)) if p[i] > 0]
    if o["top_k"]:
        p = only(p, ranked(p, alive)[:o["top_k"]])
        alive = [i for i in alive if p[i] > 0]
    if o["typical_p"] < 1:
        q = normal(p)
        surprise = {i: -np.log(q[i]) for i in alive}
        entropy = sum(q[i] * surprise[i] for i in alive)
        distance = {i: -abs(surprise[i] - entropy) for i in alive}
        order = ranked(distance, alive)
        for a, b in zip(order, order[1:]):
            if p[a] != p[b] and abs(distance[a] - distance[b]) < NEAR:
                raise TooNear
        # equal probabilities are equally far
        p = only(p, up_to(p, sorted(order, key=lambda i: (-round(distance[i], 12), i)), o["typical_p"]))
        alive = [i for i in alive if p[i] > 0]
    if o["top_p"] < 1:
        p = only(p, up_to(p, ranked(p, alive), o["top_p"]))
        alive = [i for i in alive if p[i] > 0]
    if o["min_p"] > 0:
        ratio = p / p.max()
        apart([r for r in ratio[alive] if r < 1], o["min_p"])
        p = only(p, [i for i in alive if ratio[i] >= o["min_p"]])
    return p


def processed(logits, o):
    """Logits in double; -inf is impossible."""
    x = logits.astype(np.float64)
    never = np.isneginf(x)
    x = np.clip(x, -1e30, 1e30)
    for i, bias in o["bias"]:
        if np.isneginf(bias):
            never[i] = True
        x[i] = np.clip(x[i] + bias, -1e30, 1e30)
    n, last = o["repeat_last_n"], o["tokens"]
    if 0 <= n < len(last):
        last = last[len(last) - n:]
    for i in set(t for t in last if 0 <= t < len(x)):
        y = x[i] / o["repetition"] if x[i] > 0 else x[i] * o["repetition"]
        x[i] = np.clip(np.clip(y, -1e30, 1e30) - o["frequency"] * last.count(i) - o["presence"], -1e30, 1e30)
    if o["allowed"] is not None:
        never |= np.asarray(o["allowed"]) == 0
    x[never] = -np.inf
    return x


def law_of(logits, o):
    """(distribution, mass of each token before truncation)"""
    x = processed(logits, o)
    if np.all(np.isneginf(x)):
        return None, None
    if o["temperature"] == 0:
        p = np.zeros(len(x))
        p[int(np.argmax(x))] = 1
        return p, p
    with np.errstate(over="ignore", under="ignore"):
        p = normal(np.exp((x - x.max()) / o["temperature"]))
    if o["mirostat"] == 2:
        with np.errstate(divide="ignore"):
            surprise = -np.log2(p)
        apart(surprise[np.isfinite(surprise)], o["mu"])
        keep = surprise <= o["mu"]
        keep[int(np.argmax(p))] = True
        return normal(np.where(keep, p, 0)), p
    return normal(truncate(p, o)), p


def draws_of(rng, law, full, logprobs, o):
    reached = np.cumsum(law)
    out = []
    while len(out) < 4:
        u = rng.choice([0.0, rng.random(), rng.random(), 1 - 2.0 ** -53])
        if 0 < u < 0.9999 and np.min(np.abs(reached - u)) < NEAR:
            continue
        alive = [i for i in range(len(law)) if law[i] > 0]
        later = [i for i in alive if reached[i] > u]
        i = alive[-1] if u > 0.9999 or not later else later[0]
        if u > 0.9999 and law[i] < 1e-12:   # the last ones may be smaller than what rounding leaves
            continue
        mu = o["mu"]
        if o["mirostat"] == 2 and o["temperature"] > 0:
            mu -= o["eta"] * (-np.log2(full[i]) - o["tau"])
        out.append((u, i, logprobs[i], mu))
    return out


def some_logits(rng, n, kind):
    draw = np.random.default_rng(rng.randrange(2 ** 32))
    x = (draw.normal(size=n) * rng.choice([0.5, 2, 8])).astype(np.float32)
    if kind == "ties":
        x = np.round(x)
    if kind == "flat":
        x[:] = rng.choice([0, -3.5, 1e30])
    if kind == "huge":
        for _ in range(1 + n // 3):
            x[rng.randrange(n)] = rng.choice([3e38, -3e38, 1e10, -1e10, 1e-40, np.inf, 100, 200])
    if kind == "holes":
        x[draw.random(n) < 0.5] = -np.inf
    if kind == "none":
        x[:] = -np.inf
    if kind == "nan":
        x[rng.randrange(n)] = np.nan
    return x.astype(np.float32)


def some_case(rng):
    kind = rng.choice(["plain"] * 8 + ["ties", "ties", "flat", "flat", "huge", "huge", "holes", "holes", "none", "nan"])
    n = rng.choice([1, 2, 3, 5, 8, 13, 20, 40, 40, 90] + [400] * (rng.random() < 0.1))
    often = lambda value, off: value if rng.random() < 0.4 else off
    o = {
        "temperature": rng.choice([1.0, 1.0, 0.0, 0.7, 0.05, 3.0, 100.0, 1e-3]),
        "top_k": often(rng.choice([1, 2, 5, 10, 1000]), 0), "typical_p": often(rng.uniform(0.0, 1.0), 1.0),
        "top_p": often(rng.uniform(0.0, 1.0), 1.0), "min_p": often(rng.choice([rng.uniform(0, 0.5), 1.0]), 0.0),
        "repetition": often(rng.uniform(0.3, 3), 1.0), "frequency": often(rng.uniform(-2, 2), 0.0),
        "presence": often(rng.uniform(-2, 2), 0.0), "repeat_last_n": rng.choice([64, 64, -1, 0, 3]),
        "mirostat": rng.choice([0, 0, 0, 2]), "tau": rng.uniform(0.5, 8), "eta": rng.uniform(0.01, 1),
        "mu": rng.choice([rng.uniform(0, 12), -3.0, 0.1, 1000.0]),
        "tokens": [rng.randrange(-1, n + 2) for _ in range(rng.choice([0, 5, 100]))],
        "bias": [(rng.randrange(n), rng.choice([rng.uniform(-5, 5), -np.inf, 100.0, -1e300, 1e30]))
                 for _ in range(rng.choice([0, 0, 1, 4]))],
        "allowed": [int(rng.random() < 0.5) for _ in range(n)] if rng.random() < 0.25 else None,
    }
    return some_logits(rng, n, kind), o


def write_case(logits, o, rng):
    n = len(logits)
    out = struct.pack("<4I", n, len(o["tokens"]), len(o["bias"]), int(o["allowed"] is not None))
    out += struct.pack("<3i", o["top_k"], o["repeat_last_n"], o["mirostat"])
    names = ["temperature", "typical_p", "top_p", "min_p", "repetition", "frequency", "presence", "tau", "eta", "mu"]
    out += struct.pack("<10d", *(o[name] for name in names))
    out += logits.astype("<f4").tobytes() + np.array(o["tokens"], "<i4").tobytes()
    out += b"".join(struct.pack("<id", *b) for b in o["bias"])
    out += bytes(o["allowed"]) if o["allowed"] is not None else b""
    if np.isnan(logits).any():
        return out + struct.pack("<2i", 2, int(np.flatnonzero(np.isnan(logits))[0]))
    law, full = law_of(logits, o)
    if law is None:
        return out + struct.pack("<i", 1)
    x = np.where(np.isneginf(logits), -np.inf, np.clip(logits.astype(np.float64), -1e30, 1e30))
    with np.errstate(under="ignore"):
        logprobs = x - x.max() - np.log(np.exp(x - x.max()).sum())
    out += struct.pack("<i", 0) + law.astype("<f8").tobytes()
    for draw in draws_of(rng, law, full, logprobs, o):
        out += struct.pack("<didd", *draw)
    likeliest = ranked(logits, [i for i in range(n) if not np.isneginf(logits[i])])[:5]
    for i in likeliest + [-1] * (5 - len(likeliest)):
        out += struct.pack("<id", i, logprobs[i] if i >= 0 else 0.0)
    return out


def write_processors(path):
    rng = random.Random(20240917)
    cases = []
    while len(cases) < CASES:
        try:
            cases.append(write_case(*some_case(rng), rng))
        except TooNear:
            pass
    path.write_bytes(b"PALDEC1\n" + struct.pack("<I", len(cases)) + b"".join(cases))
    print(f"{path}: {len(cases)} cases, {path.stat().st_size} bytes")


# ---- grammars: trees, their text, and an Earley parser ------------------------------------------------------
# A tree is ("text", characters) | ("class", [(low, high)]) | ("rule", name) | ("either", [trees])
# | ("both", [trees]) | ("times", tree, least, most or None).

LAST = 0x10FFFF
ALPHABET = "abcxyz01-]^\"\\ \n\u00e9\u20ac\u4e2d\U0001F600\u07ff\u0800\uffff\U00010000\U0010FFFF\x7f\x80"


def others(ranges):
    out, at = [], 0
    for low, high in sorted(ranges + [(0xD800, 0xDFFF)]):
        if at < low:
            out.append((at, low - 1))
        at = max(at, high + 1)
    return out + ([(at, LAST)] if at <= LAST else [])


class Grammar:
    """Context-free rules of the simplest form: a tree becomes names, and names derive lists of symbols, a symbol being
    a name or a tuple of ranges."""

    def __init__(self, rules):
        self.rules = {}
        for name, tree in rules.items():
            self.rules[name] = [[self.symbol(tree)]]
        self.nullable = set()
        while True:
            more = {n for n, ways in self.rules.items() if any(all(s in self.nullable for s in w) for w in ways)}
            if more == self.nullable:
                break
            self.nullable = more

    def new(self, ways):
        name = len(self.rules)
        self.rules[name] = []
        self.rules[name] = ways(name) if callable(ways) else ways
        return name

    def symbol(self, tree):
        kind = tree[0]
        if kind == "text":
            return self.new([[((ord(c), ord(c)),) for c in tree[1]]])
        if kind == "class":
            return tuple(tree[1])
        if kind == "rule":
            return tree[1]
        if kind == "both":
            return self.new([[self.symbol(t) for t in tree[1]]])
        if kind == "either":
            return self.new([[self.symbol(t)] for t in tree[1]])
        _, inner, least, most = tree
        s = self.symbol(inner)
        if most is None:
            return self.new([[s] * least + [self.new(lambda name: [[], [s, name]])]])
        return self.new([[s] * k for k in range(least, most + 1)])

    def read(self, text):
        """The length in characters of the longest valid prefix, whether the text is complete, and what may follow."""
        sets = [self.close({("root", tuple(w), 0, 0) for w in self.rules["root"]}, [], 0)]
        for i, c in enumerate(text):
            moved = {(n, w, d + 1, f) for n, w, d, f in sets[-1]
                     if d < len(w) and isinstance(w[d], tuple) and any(lo <= ord(c) <= hi for lo, hi in w[d])}
            if not moved:
                break
            sets.append(self.close(moved, sets, i + 1))
        done = any(n == "root" and d == len(w) and f == 0 for n, w, d, f in sets[-1])
        nexts = sorted({r for n, w, d, f in sets[-1] if d < len(w) and isinstance(w[d], tuple) for r in w[d]})
        return len(sets) - 1, done and len(sets) == len(text) + 1, nexts

    def close(self, items, sets, here):
        items, todo = set(items), list(items)
        while todo:
            name, way, dot, origin = todo.pop()
            new = []
            if dot == len(way):
                for n, w, d, f in (items if origin == here else sets[origin]):
                    if d < len(w) and w[d] == name and not isinstance(w[d], tuple):
                        new.append((n, w, d + 1, f))
            elif not isinstance(way[dot], tuple):
                new += [(way[dot], tuple(w), 0, here) for w in self.rules[way[dot]]]
                if way[dot] in self.nullable:
                    new.append((name, way, dot + 1, origin))
            for item in new:
                if item not in items:
                    items.add(item)
                    todo.append(item)
        return items

    def viable_bytes(self, raw):
        """The length in bytes of the longest prefix of valid UTF-8 in the language, and whether the text is
        complete."""
        text = raw.decode()
        count, done, nexts = self.read(text)
        good = len(text[:count].encode())
        if count < len(text):
            b = text[count].encode()
            for k in range(len(b) - 1, 0, -1):
                value = b[0] & (0x7F >> len(b))
                for x in b[1:k]:
                    value = value << 6 | x & 63
                shift = 6 * (len(b) - k)
                low = max(value << shift, {2: 0x80, 3: 0x800, 4: 0x10000}[len(b)])
                high = ((value + 1) << shift) - 1
                spans = [(low, min(high, 0xD7FF)), (max(low, 0xE000), min(high, LAST))]
                if any(max(lo, s) <= min(hi, e) for lo, hi in nexts for s, e in spans if s <= e):
                    good += k
                    break
        return good, done


class Maker:
    def __init__(self, rng, names):
        self.rng, self.names = rng, names

    def character(self):
        return self.rng.choice(ALPHABET[:8] if self.rng.random() < 0.7 else ALPHABET)

    def ranges(self):
        out = []
        for _ in range(self.rng.randint(1, 3)):
            low, high = sorted([ord(self.character()), ord(self.character())])
            out.append((low, high if self.rng.random() < 0.6 else low))
        return out

    def tree(self, depth, rule, left):
        """left: this rule has not read anything yet, so it may only call later rules."""
        rng = self.rng
        inner = ["both"] * 3 + ["either"] * 2 + ["times"] * 2
        kind = rng.choice(["text"] * 3 + ["class"] * 2 + ["rule"] * 2 + inner * (depth > 0))
        if kind == "rule":
            names = self.names[rule + 1:] if left else self.names
            return ("rule", rng.choice(names)) if names else ("text", "a")
        if kind == "text":
            return ("text", "".join(self.character() for _ in range(rng.choice([0, 1, 1, 2, 3]))))
        if kind == "class":
            not_in, ranges = rng.random() < 0.3, self.ranges()
            return ("class", others(ranges) if not_in else ranges, not_in, ranges)
        if kind == "both":
            parts = []
            for _ in range(rng.randint(1, 3)):
                parts.append(self.tree(depth - 1, rule, left and not any(reads(p) for p in parts)))
            return ("both", parts)
        if kind == "either":
            return ("either", [self.tree(depth - 1, rule, left) for _ in range(rng.randint(2, 3))])
        # the first element of a repetition may also come after nothing
        least, most = rng.choice([(0, None), (1, None), (0, 1), (2, 2), (1, 3), (2, None), (0, 0)])
        return ("times", self.tree(depth - 1, rule, True if left else left), least, most)


def reads(tree):
    """Whether the tree always reads at least one character."""
    kind = tree[0]
    if kind == "text":
        return tree[1] != ""
    if kind == "both":
        return any(reads(t) for t in tree[1])
    if kind == "either":
        return all(reads(t) for t in tree[1])
    if kind == "times":
        return tree[2] > 0 and reads(tree[1])
    return kind == "class"


def can_end(tree, ending):
    kind = tree[0]
    if kind == "rule":
        return tree[1] in ending
    if kind in ("both", "either"):
        return (all if kind == "both" else any)(can_end(t, ending) for t in tree[1])
    return kind != "times" or tree[2] == 0 or can_end(tree[1], ending)


class Writer:
    """GBNF of a tree, in one of many spellings."""

    def __init__(self, rng):
        self.rng = rng

    def space(self, lines):
        return self.rng.choice([" ", "  ", "\t"] + [" # ) | \" comment\n  ", "\n   "] * lines)

    def escape(self, c, special):
        short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
        code = ord(c)
        if c in short and self.rng.random() < 0.7:
            return short[c]
        if self.rng.random() < 0.15 or code < 32:
            return f"\\x{code:02X}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08X}"
        return "\\" + c if c in special else c

    def class_text(self, ranges, not_in):
        out = "".join(self.escape(chr(lo), "]\\^-[") + ("-" + self.escape(chr(hi), "]\\^-[") if hi != lo else "")
                      for lo, hi in ranges)
        return "[" + "^" * not_in + out + "]"

    def write(self, tree, lines=True):
        kind, rng = tree[0], self.rng
        if kind == "text":
            return '"' + "".join(self.escape(c, '"\\') for c in tree[1]) + '"'
        if kind == "class":
            return self.class_text(tree[3], tree[2])
        if kind == "rule":
            return tree[1]
        if kind == "both":
            return "(" + self.space(True).join(self.write(t) for t in tree[1]) + self.space(True) + ")"
        if kind == "either":
            return "(" + (self.space(True) + "|" + self.space(True)).join(self.write(t) for t in tree[1]) + ")"
        inner, least, most = self.write(tree[1]), tree[2], tree[3]
        if tree[1][0] == "times":
            inner = "(" + inner + ")"
        signs = {(0, None): ["*", "{0,}"], (1, None): ["+", "{1,}"], (0, 1): ["?", "{0,1}"],
                 (2, 2): ["{2}", "{ 2 , 2 }"]}
        counts = "{" + f"{least},{'' if most is None else most}" + "}"
        return inner + rng.choice(signs.get((least, most), [counts]))


def some_text(rng, g, maker):
    """A text made one character at a time, mostly of characters that the grammar allows."""
    text = ""
    for _ in range(rng.choice([0, 1, 2, 4, 8, 14])):
        _, _, nexts = g.read(text)
        if rng.random() < 0.12 or not nexts:
            text += maker.character()
            continue
        low, high = rng.choice(nexts)
        code = rng.choice([low, high, rng.randint(low, high)] + [ord(c) for c in ALPHABET if low <= ord(c) <= high][:3])
        text += chr(code) if not 0xD800 <= code < 0xE000 else "a"
    return text


def random_grammar(rng):
    names = ["root", "a-rule", "b_2", "X"][:rng.randint(1, 4)]
    maker, writer = Maker(rng, names), Writer(rng)
    rules = {n: maker.tree(3, i, True) for i, n in enumerate(names)}
    ending = set()
    for _ in names:
        ending |= {n for n in names if can_end(rules[n], ending)}
    if len(ending) < len(names):
        return None
    order = list(names)
    rng.shuffle(order)
    gbnf = "".join(f"{n}{rng.choice(['', ' '])}::={writer.space(True)}{writer.write(rules[n])}\n" for n in order)
    g = Grammar(rules)
    texts = {some_text(rng, g, maker) for _ in range(16)}
    return gbnf, [(t.encode(),) + g.viable_bytes(t.encode()) for t in sorted(texts)]


# ---- JSON ---------------------------------------------------------------------------------------------------

def some_json(rng, depth):
    kind = rng.randrange(8 if depth else 6)
    if kind == 0:
        return rng.choice([True, False, None])
    if kind <= 2:
        return rng.choice([0, -1, 17, 2.5, -1e-9, 1e300, rng.randint(-10 ** 12, 10 ** 12)])
    if kind <= 5:
        return "".join(rng.choice(ALPHABET + "/\b\f\r\t\x01") for _ in range(rng.randint(0, 8)))
    items = [some_json(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    return items if kind == 6 else {f"k{i}\u00e9"[:i + 1]: x for i, x in enumerate(items)}


INSERTS = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b".", b"e", b"E+", b"u00", b"\\u12aF", b"\\/",
           b"\t", b"\n", b" ", b"\x00", b"\x1f", b"\x7f", b"\xc3", b"\xe4\xb8", b"\x80", b"true", b"nul",
           b"\xc3\xa9", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80"]


def mutated(rng, raw):
    raw = bytearray(raw)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        at = rng.randrange(len(raw) + 1)
        if rng.random() < 0.4:
            del raw[at:at + rng.randint(1, 3)]
        elif rng.random() < 0.8:
            raw[at:at] = rng.choice(INSERTS)
        elif at < len(raw):
            raw[at] = rng.randrange(256)
    return bytes(raw)


def is_json(raw):
    def refuse(name):
        raise ValueError(name)
    try:
        json.loads(raw.decode(), parse_constant=refuse)
        return True
    except ValueError:
        return False


def json_texts(rng, count):
    texts = set()
    while len(texts) < count:
        raw = json.dumps(some_json(rng, 3), ensure_ascii=rng.random() < 0.3, indent=rng.choice([None, None, 1]),
                         separators=rng.choice([(",", ":"), (", ", ": ")])).encode()
        texts.add(mutated(rng, raw)[:400])
    texts |= {b"NaN", b"[Infinity]", b"-Infinity", b"01", b"-", b"1.", b".5", b"1e", b"-0", b"-0.0e-0", b"", b" ",
              b"[1,]", b'{"a":1,}', b'{"a" 1}', b'{1:2}', b"'a'", b'"\\x41"', b'"\\u12G4"', b"\xef\xbb\xbf1",
              b"[" * 200 + b"]" * 200, b"[" * 200 + b"]" * 199}
    return [(t, -1, is_json(t)) for t in sorted(texts)]


def write_grammars(path):
    rng = random.Random(20240918)
    out = [((GOLDEN / "json.gbnf").read_text(), json_texts(rng, 1500))]
    while len(out) < 500:
        made = random_grammar(rng)
        if made:
            out.append(made)
    data = b"PALGBN1\n" + struct.pack("<I", len(out))
    for gbnf, texts in out:
        raw = gbnf.encode()
        data += struct.pack("<I", len(raw)) + raw + struct.pack("<I", len(texts))
        for text, viable, inside in texts:
            data += struct.pack("<I", len(text)) + text + struct.pack("<iB", viable, inside)
    path.write_bytes(data)
    inside = sum(t[2] for _, ts in out for t in ts)
    print(f"{path}: {len(out)} grammars, {sum(len(t) for _, t in out)} texts, {inside} inside, {len(data)} bytes")


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    write_processors(GOLDEN / "processors.bin")
    write_grammars(GOLDEN / "grammar.bin")


if __name__ == "__main__":
    main()
