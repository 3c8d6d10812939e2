#!/usr/bin/env python3
"""Writes the golden files of tests/test_token_reference.c: texts and their tokens by the sentencepiece package.

usage: make_token_golden.py VOCAB.model TEXT_DIR      (needs the packages sentencepiece, protobuf, gguf, numpy)

VOCAB.model and TEXT_DIR are those of tools/data/prepare.py.  Three vocabularies, each as a GGUF file
without tensors and a list of texts:
  tests/models/tales-vocab.gguf      our own vocabulary as it is       tests/golden/token/tales.bin, 10,000 texts
  tests/golden/token/variant.gguf    a part of it, with unused pieces and more user-defined ones    variant.bin
  tests/golden/token/nobytes.gguf    the same without byte pieces                                   nobytes.bin

Texts have neither invalid UTF-8 nor U+2581, for which the engine deliberately differs from the package.  The seed is
fixed; the same packages and inputs give the same files.

A .bin file: "PALTOK1\\n", u32 texts, and for each u16 bytes, the bytes, u16 n, u16 ids[n] with the dummy
prefix, u16 m, u16 k, u16 ids[m]: the tokens without the prefix are these m and then the last k of the n.
Little endian throughout.
"""
import pathlib
import random
import struct
import sys

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools" / "data"))
from prepare import find_sources  # noqa: E402

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)
MARK = "\u2581"
EMOJI = ["\U0001F600", "\U0001F468\u200d\U0001F469\u200d\U0001F467", "\U0001F1E9\U0001F1EA", "\u2764\ufe0f",
         "\U0001F44D\U0001F3FD"]
COMBINING = ["e\u0301", "n\u0303o", "a\u0308\u0323", "\u1112\u1161\u11ab", "\u0915\u094d\u0937\u093f"]
LITERALS = ["<mask>", "<empty>", "<s>", "</s>", "<unk>", "<0x41>", "<0x0A>", "[[?]]", "[[3-8]]", "\\[["]
BREAKS = ["\n", "\r\n", "\r", "\t", "\n\n\n", " \n", "\n ", "\u2028", "\u00a0", "\x00", "\x0b"]


# ---- texts -----------------------------------------------------------------

class Texts:
    def __init__(self, proto, documents, seed):
        self.random = random.Random(seed)
        self.pieces = [p.piece.replace(MARK, " ") for p in proto.pieces if p.type not in (BYTE, UNKNOWN)]
        self.documents = documents
        self.words = sorted({w for d in documents[:400] for w in d.split()})
        self.makers = [self.glued, self.unicode, self.ascii, self.spaces, self.run, self.cut_words, self.excerpt,
                       self.rare, self.mixed, self.single, self.long_run]
        self.shares = [18, 10, 12, 10, 8, 14, 14, 8, 12, 2, 0.5]

    def char(self):
        top = self.random.choice([0x7F, 0xFF, 0x24F, 0x52F, 0x1FFF, 0xFFFF, 0x10FFFF])
        while True:
            code = self.random.randint(0, top)
            if not 0xD800 <= code <= 0xDFFF and code != 0x2581:
                return chr(code)

    def some(self, make, most):
        return "".join(make() for _ in range(self.random.randint(1, most)))

    def glued(self):
        return self.some(lambda: self.random.choice(self.pieces), 12)

    def unicode(self):
        return self.some(self.char, 16)

    def ascii(self):
        return self.some(lambda: chr(self.random.randint(0, 127)), 40)

    def spaces(self):
        return self.some(lambda: self.random.choice([" " * self.random.randint(1, 6), "\n" * self.random.randint(1, 3),
                                                     "\t", "a", "the", ".", "\r\n"]), 12)

    def run(self):
        unit = self.random.choice([self.char(), self.random.choice(self.pieces), self.random.choice("ae .\nn'\"-")])
        return unit * self.random.randint(2, 40) + self.random.choice(["", "s", " "])

    def long_run(self):
        unit = self.random.choice(["a", " ", "e", "\n", "he", "\u00e9", "th", "  a"])
        return (unit * 2000)[:self.random.randint(200, 2000)]

    def cut_words(self):
        def word():
            w = self.random.choice(self.words)
            at = self.random.randint(0, len(w))
            return self.random.choice([w[:at], w[at:], " " + w[:at], w[at:] + " "])
        return self.some(word, 8)

    def excerpt(self):
        d = self.random.choice(self.documents)
        at = self.random.randrange(len(d))
        return d[at:at + self.random.randint(1, 120)]

    def rare(self):
        return self.some(lambda: self.random.choice([self.random.choice(EMOJI), self.random.choice(COMBINING),
                                                     self.char(), self.random.choice(self.words), " "]), 8)

    def mixed(self):
        return self.some(lambda: self.random.choice([self.random.choice(BREAKS), self.random.choice(LITERALS),
                                                     self.random.choice(self.words), self.random.choice(self.pieces),
                                                     " "]), 8)

    def single(self):
        return self.random.choice([self.char(), " ", "\n", "", " \n", self.random.choice(self.pieces)])

    def make(self, count):
        texts = []
        while len(texts) < count:
            text = self.random.choices(self.makers, self.shares)[0]()
            if MARK not in text:
                texts.append(text)
        return texts


# ---- vocabularies ----------------------------------------------------------

def read_proto(path):
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(path.read_bytes())
    return proto


def processor(proto, dummy_prefix):
    copy = sentencepiece_model_pb2.ModelProto()
    copy.CopyFrom(proto)
    copy.normalizer_spec.add_dummy_prefix = dummy_prefix
    return sentencepiece.SentencePieceProcessor(model_proto=copy.SerializeToString())


def variant(proto, bytes_too):
    """1,000 merges and all characters; every fifth merge and a few characters unused; overlapping user pieces."""
    user = ["\n", "ing", "<b>", MARK * 3, "in" + MARK + "the", "th", "the", "\n\n", "\u00e9", "aa", MARK + "wa",
            "\u4e2d\u6587"]
    out = sentencepiece_model_pb2.ModelProto()
    out.CopyFrom(proto)
    del out.pieces[:]
    merges = 0
    for p in proto.pieces:
        if p.piece in user or (p.type == BYTE and not bytes_too):
            continue
        if p.type == NORMAL and len(p.piece) > 1:
            merges += 1
            if merges > 1000:
                continue
        added = out.pieces.add(piece=p.piece, score=p.score, type=p.type)
        if p.type == NORMAL and (p.piece in "qjZ" or (len(p.piece) > 1 and merges % 5 == 1)):
            added.type = UNUSED
    for piece in user:
        out.pieces.add(piece=piece, score=0, type=USER)
    out.trainer_spec.byte_fallback = bytes_too
    return out


def write_gguf(path, proto, name):
    writer = gguf.GGUFWriter(path, "llada")
    writer.add_name(name)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([p.piece for p in proto.pieces])
    writer.add_token_scores([p.score for p in proto.pieces])
    writer.add_token_types([p.type for p in proto.pieces])
    ids = {p.piece: i for i, p in enumerate(proto.pieces)}
    writer.add_unk_token_id(ids["<unk>"])
    writer.add_bos_token_id(ids["<s>"])
    writer.add_eos_token_id(ids["</s>"])
    writer.add_mask_token_id(ids["<mask>"])
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


# ---- golden files ----------------------------------------------------------

def common_tail(a, b):
    n = 0
    while n < min(len(a), len(b)) and a[-1 - n] == b[-1 - n]:
        n += 1
    return n


def write_golden(path, proto, texts):
    with_prefix, without = processor(proto, True), processor(proto, False)
    out = bytearray(b"PALTOK1\n" + struct.pack("<I", len(texts)))
    for text in texts:
        raw, a, b = text.encode(), with_prefix.encode(text), without.encode(text)
        k = common_tail(a, b)
        head = b[:len(b) - k]
        out += struct.pack("<H", len(raw)) + raw + struct.pack(f"<H{len(a)}H", len(a), *a)
        out += struct.pack(f"<HH{len(head)}H", len(head), k, *head)
    path.write_bytes(out)
    print(f"{path}: {len(texts)} texts, {len(out)} bytes")


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    own = read_proto(pathlib.Path(sys.argv[1]))
    sources = find_sources(pathlib.Path(sys.argv[2]))
    documents = [d for _, s in sorted(sources.items()) for d in s["valid"]]
    golden, models = ROOT / "tests" / "golden" / "token", ROOT / "tests" / "models"
    for folder in (golden, models):
        folder.mkdir(parents=True, exist_ok=True)
    for name, proto, count, gguf_path in [
            ("tales", own, 10000, models / "tales-vocab.gguf"),
            ("variant", variant(own, True), 3000, golden / "variant.gguf"),
            ("nobytes", variant(own, False), 1000, golden / "nobytes.gguf")]:
        write_gguf(gguf_path, proto, name)
        write_golden(golden / f"{name}.bin", proto, Texts(proto, documents, seed=len(name) * 1000 + 7).make(count))


if __name__ == "__main__":
    main()
