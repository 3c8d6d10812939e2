#!/usr/bin/env python3
"""Writes the golden files of tests/test_bpe.c: texts and their tokens by the tokenizers package.

usage: make_bpe_golden.py TEXT      (needs the packages tokenizers and gguf)

TEXT is a file of English text (tools/data: classic.valid.txt).  One small vocabulary is trained on parts of it
and on texts made here, across spaces, digits and punctuation alike, so that tokens show where words were split:
  tests/golden/token/bpe.gguf     the vocabulary, without tokenizer.ggml.pre, which the test puts in
  tests/golden/token/bpe.bin      texts and tokens, for each rule

Some of its pieces cannot be made by merges (only Llama 3's rule uses them), some are user-defined, and some are control
pieces, which are plain text here.  The seed is fixed; the same packages and input give the same files.

bpe.bin: "PALBPE1\\n", then numbers, 7 bits a byte, the lowest first, the high bit set in all bytes but the last:
the number of rules and of texts, and for each text its bytes, the bytes themselves, then until all rules had
their turn: a mask of the rules (in the order of RULES) that give the same tokens, how many tokens are those of
the sequence before at its start and at its end, how many stand between, and these.
"""
import json
import pathlib
import random
import sys
import unicodedata

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).resolve().parent.parent
NORMAL, UNKNOWN, CONTROL, USER = range(1, 5)
TEXTS, PIECES, WHOLE_WORDS = 3000, 1800, 24
USER_PIECES = ["<tag>", "<tag>>", "    ", "\u00e9!", "\n\t\n"]       # training may well make <tag> and <tag>>
CONTROL_PIECES = ["<s>", "</s>", "<MASK>", "<|endoftext|>"]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
RULES = {
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    "gpt-2": [GPT2],
    "llama-bpe": [LLAMA3],
    "qwen2": [LLAMA3.replace("{1,3}", "")],
    "smollm": [r"\p{N}", GPT2],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", r"\p{N}"],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
}

SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", "\x0b", "\x0c", "\x85", "\xa0", "\u1680", "\u2003",
          "\u2028", "\u2029", "\u202f", "\u3000", "\u200b", "\u180e", "\ufeff", " \n", "\n ", "\t\n \n"]
TAILS = ["s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "Ve", "M", "lL", "D", "r", "v", "l", "x", "\u017f",
         "\ufb06", "'s", " s", ""]
NUMBERS = ["0", "7", "12", "123", "1234", "12345678",
           "\u0663", "\u0967", "\u00bd", "\u2167", "\u3007", "\u00b2", "\u4e09"]
SCRIPTS = ["\u4e2d\u6587", "\u65e5\u672c\u8a9e", "\u3053\u3093", "\ud55c\uad6d", "\u0440\u0443\u0441", "\u03bb\u03cc",
           "\u05e9\u05dc", "\u0639\u0631", "\u0939\u093f\u0928\u094d", "\u0e44\u0e17\u0e22", "e\u0301", "\u00e9",
           "\u0130", "\U0001D400", "\u1e9e", "\u9fa5\u9fa6", "\u07ff\u0800", "\ud7a3\ud7fb", "\u4dff\u3400",
           "\U00020000"]
SIGNS = ["!", "?!", "...", "--", "$", "+", "<=", "=>", "^", "~", "|", "`", "``", "_", "#@", "\u2014", "\u201c",
         "\u20ac", "\u00a9", "\u00d7", "\u02c6", "\u3002", "\uff01", "\U0001F600",
         "\U0001F468\u200d\U0001F469", "\u2764\ufe0f",
         "\U0001F44D\U0001F3FD", "\x00", "\x07", "\x7f", "\uffff", "\U0010FFFF", "\ue000"]


# ---- texts -----------------------------------------------------------------

class Texts:
    def __init__(self, english, seed):
        self.random = random.Random(seed)
        self.english = english
        self.words = sorted(set(english[:200000].split()))
        self.makers = [self.parts, self.characters, self.ascii, self.run, self.excerpt, self.contractions]
        self.shares = [40, 12, 14, 8, 10, 10]

    def character(self):
        """Code points assigned in the Unicode version of this Python; the package or the engine may not know later
        ones."""
        top = self.random.choice([0x7F, 0xFF, 0x24F, 0x52F, 0x1FFF, 0x33FF, 0xFFFF, 0x1FFFF, 0x10FFFF])
        while True:
            c = chr(self.random.randint(0, top))
            if unicodedata.category(c) not in ("Cs", "Cn"):
                return c

    def some(self, make, most):
        return "".join(make() for _ in range(self.random.randint(1, most)))

    def part(self):
        pick = self.random.choice
        return pick([lambda: pick(SPACES), lambda: " ", lambda: pick(self.words), lambda: pick(NUMBERS),
                     lambda: "'" + pick(TAILS), lambda: pick(SCRIPTS), lambda: pick(SIGNS), self.character,
                     lambda: pick(USER_PIECES + CONTROL_PIECES)])()

    def parts(self):
        return self.some(self.part, 8)

    def characters(self):
        return self.some(self.character, 8)

    def ascii(self):
        return self.some(lambda: chr(self.random.randint(0, 127)), 20)

    def run(self):
        unit = self.random.choice([self.character(), self.part(), self.random.choice("ae 1.'\n\t")])
        return self.random.choice(["", "a", " ", "1"]) + unit * self.random.randint(2, 30) + self.part()

    def excerpt(self):
        at = self.random.randrange(len(self.english))
        return self.english[at:at + self.random.randint(1, 60)]

    def contractions(self):
        return self.some(lambda: self.random.choice(["I", "it", "1", " ", "\u00e9", "!", ""]) + "'"
                         + self.random.choice(TAILS), 4)

    def make(self, count):
        texts = [""]
        while len(texts) < count:
            texts.append(self.random.choices(self.makers, self.shares)[0]())
        long = ["a" * 3000, " " * 500, "ab" * 400 + "\n" * 300, "1" * 700, "'" * 200, "\u4e2d" * 200,
                "\U0001F600" * 100]
        texts[-len(long):] = long
        return texts


# ---- vocabulary --------------------------------------------------------------

def train(texts, words):
    """Pieces in the order of their ids, their types, and merges as pairs."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=PIECES, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        max_token_length=16))
    model = json.loads(tokenizer.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    names = [byte_level.pre_tokenize_str(" " + w)[0][0] for w in words]
    new = [n for n in dict.fromkeys(names) if n not in model["vocab"]][:WHOLE_WORDS]
    pieces += new
    added = [p for p in USER_PIECES + CONTROL_PIECES if p not in pieces]
    types = [USER if p in USER_PIECES else CONTROL if p in CONTROL_PIECES else NORMAL for p in pieces + added]
    return pieces + added, types, [tuple(m) for m in model["merges"]]


def write_gguf(path, pieces, types, merges):
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(pieces)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(m) for m in merges])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    print(f"{path}: {len(pieces)} pieces, {len(merges)} merges, {path.stat().st_size} bytes")


def tokenizer_of(rule, patterns, pieces, types, merges):
    made = {"".join(m) for m in merges}
    vocab = {p: i for i, (p, t) in enumerate(zip(pieces, types)) if t == NORMAL or p in made}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=rule == "llama-bpe"))
    steps = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.add_tokens([AddedToken(p, normalized=False) for p in USER_PIECES])
    assert all(pieces[tokenizer.token_to_id(p)] == p for p in USER_PIECES)
    return tokenizer


# ---- golden file ----------------------------------------------------------------

def number(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytearray([value]))


def difference(before, now):
    head = tail = 0
    most = min(len(before), len(now))
    while head < most and before[head] == now[head]:
        head += 1
    while tail < most - head and before[-1 - tail] == now[-1 - tail]:
        tail += 1
    middle = now[head:len(now) - tail]
    return b"".join(number(n) for n in [head, tail, len(middle)] + middle)


def write_golden(path, tokenizers, texts):
    out = bytearray(b"PALBPE1\n" + number(len(tokenizers)) + number(len(texts)))
    for text in texts:
        raw = text.encode()
        out += number(len(raw)) + raw
        masks = {}
        for i, tokenizer in enumerate(tokenizers):
            ids = tuple(tokenizer.encode(text).ids)
            masks[ids] = masks.get(ids, 0) | 1 << i
        before = []
        for ids, mask in masks.items():
            out += number(mask) + difference(before, list(ids))
            before = list(ids)
    path.write_bytes(out)
    print(f"{path}: {len(texts)} texts, {len(out)} bytes")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    english = pathlib.Path(sys.argv[1]).read_text()
    maker = Texts(english, seed=20240801)
    training = [t for t in maker.make(6000) if not any(c in t for c in CONTROL_PIECES)]
    training += [english[i:i + 80] for i in range(0, 400000, 80)]
    pieces, types, merges = train(training, maker.words[::97])
    golden = ROOT / "tests" / "golden" / "token"
    write_gguf(golden / "bpe.gguf", pieces, types, merges)
    tokenizers = [tokenizer_of(rule, patterns, pieces, types, merges) for rule, patterns in RULES.items()]
    write_golden(golden / "bpe.bin", tokenizers, maker.make(TEXTS))


if __name__ == "__main__":
    main()
