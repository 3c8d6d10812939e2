#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/corpus/parts: small models that were split into several files, and some odd ones.

Run without arguments from anywhere; needs only Python 3.  tools/fuzz adds the inputs that it finds."""
import struct
from pathlib import Path

from make_gguf_corpus import I32, U16, key
from make_model_corpus import NORMS, SMALL, byte_level, gpt2_tensors, llama_tensors, model, sentencepiece, shape


def packed(files):
    """An input: the number of parts, the sizes of all but the last, the parts."""
    return bytes([len(files)]) + b"".join(struct.pack("<H", len(f)) for f in files[:-1]) + b"".join(files)


def split(keys, tensors, cuts, count=None, total=None, numbers=None, matrices="F32"):
    tensors, files = list(tensors), []
    ends = [0, *cuts, len(tensors)]
    for i, (a, b) in enumerate(zip(ends, ends[1:])):
        mine = [key("split.no", U16, (numbers or range(99))[i]), key("split.count", U16, count or len(ends) - 1),
                key("split.tensors.count", I32, len(tensors) if total is None else total)]
        files.append(model((keys if i == 0 else []) + mine, tensors[a:b], matrices, seed=i))
    return files


LLAMA = shape("llama", *SMALL) + sentencepiece(), list(llama_tensors(*SMALL))
QWEN = shape("qwen3", *SMALL) + byte_level(), list(llama_tensors(*SMALL, NORMS))
SEEDS = {
    "two": packed(split(*LLAMA, [3])),
    "metadata-first": packed(split(*LLAMA, [0, 5])),
    "none-in-one": packed(split(*LLAMA, [2, 2, 7])),
    "other-order": packed(split(*LLAMA, [2, 7])[::-1]),
    "f16": packed(split(*QWEN, [4], matrices="F16")),
    "gpt2": packed(split(shape("gpt2", 8, 2, 2, 8) + byte_level(), gpt2_tensors(8, 8), [1, 6])),
    "q8": packed(split(shape("llama", 32, 2, 2, 32) + sentencepiece(), llama_tensors(32, 2, 2, 32), [6], matrices="Q8_0")),
    "one-twice": packed(split(*LLAMA, [3], numbers=[1, 1])),
    "one-missing": packed(split(*LLAMA, [3, 5])[:2]),
    "other-total": packed(split(*LLAMA, [3], total=2)),
    "other-count": packed(split(*LLAMA, [3], count=3)),
    "same-tensors": packed(split(*LLAMA, [3])[:1] + [split(*LLAMA, [2])[1]]),
    "one": packed([model(*LLAMA)]),
    "empty": packed([b"", b""]),
}


def main():
    folder = Path(__file__).resolve().parent / "corpus" / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)
    print(f"{len(SEEDS)} seeds, {sum(map(len, SEEDS.values()))} bytes, in {folder.name}")


if __name__ == "__main__":
    main()
