#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/corpus/gguf: small GGUF files, valid and odd.

Run without arguments from anywhere; needs only Python 3. tools/fuzz adds the inputs that it finds (named by hash), and
this script does not touch those.
"""
import struct
from pathlib import Path

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
PACK = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def scalar(kind, value):
    return string(value) if kind == STRING else struct.pack("<" + PACK[kind], value)


def key(name, kind, value):
    return string(name) + struct.pack("<I", kind) + scalar(kind, value)


def array(name, kind, values):
    head = struct.pack("<IIQ", ARRAY, kind, len(values))
    return string(name) + head + b"".join(scalar(kind, v) for v in values)


def pad(data, alignment):
    return data + bytes(-len(data) % alignment)


def file(keys=(), tensors=(), version=3, alignment=32, cut=False):
    """tensors: (name, extents, type number, bytes of data); cut: no padding after the last one."""
    infos, data = b"", b""
    for name, extents, kind, size in tensors:
        data = pad(data, alignment)
        infos += string(name) + struct.pack("<I", len(extents)) + struct.pack(f"<{len(extents)}Q", *extents)
        infos += struct.pack("<IQ", kind, len(data))
        data += bytes((len(data) + i) % 251 for i in range(size))
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys) + infos
    if not tensors:
        return head if cut else pad(head, alignment)
    return pad(head, alignment) + (data if cut else pad(data, alignment))


NAME = key("general.architecture", STRING, "llama")
SCALARS = [key(f"k{kind}", kind, "text" if kind == STRING else 1) for kind in PACK.keys() | {STRING}]
ARRAYS = [array(f"a{kind}", kind, ["", "b", "cc"] if kind == STRING else [0, 1, 1]) for kind in PACK.keys() | {STRING}]
VOCABULARY = [
    key("tokenizer.ggml.model", STRING, "llama"),
    array("tokenizer.ggml.tokens", STRING, ["<unk>", "<s>", "</s>", "\u2581a", "<0x0A>"]),
    array("tokenizer.ggml.scores", F32, [0.0, 0.0, 0.0, -1.5, 0.0]),
    array("tokenizer.ggml.token_type", I32, [2, 3, 3, 1, 6]),
    key("tokenizer.ggml.bos_token_id", U32, 1),
]
TENSORS = [("token_embd.weight", (8, 5), 0, 160), ("norm.weight", (8,), 0, 32), ("w", (32, 2), 8, 68)]
QUANTISED = [("q4", (32, 1, 3), 2, 54), ("q6", (256,), 14, 210), ("h", (1, 1, 1, 1), 1, 2), ("b", (3, 3), 30, 18)]

SEEDS = {
    "empty": b"",
    "magic": b"GGUF",
    "nothing-inside": file(),
    "scalars": file(SCALARS),
    "arrays": file(ARRAYS, cut=True),
    "vocabulary": file([NAME] + VOCABULARY, cut=True),
    "model": file([NAME, key("general.file_type", U32, 0)] + VOCABULARY, TENSORS),
    "model-version-2": file([NAME, key("llama.block_count", U32, 1)], TENSORS, version=2, cut=True),
    "quantised": file([NAME, key("general.quantization_version", U32, 2)], QUANTISED, cut=True),
    "aligned-to-8": file([key("general.alignment", U32, 8)], TENSORS, alignment=8),
    "aligned-to-256": file([key("general.alignment", U32, 256)], QUANTISED, alignment=256),
    "nested-array": file([string("n") + struct.pack("<IIQ", ARRAY, ARRAY, 1)]),
    "long-count": b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60) + bytes(64),
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0) + bytes(8),
    "twice": file([NAME, NAME], [TENSORS[0], TENSORS[0]]),
}


def main():
    folder = Path(__file__).resolve().parent / "corpus" / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)
    print(f"{len(SEEDS)} seeds, {sum(map(len, SEEDS.values()))} bytes, in {folder.name}")


if __name__ == "__main__":
    main()
