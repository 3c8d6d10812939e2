"""Writes tests/fuzz/corpus/picture: changes of one number each in the metadata of tests/models/unet-labels.gguf.

    python3 tests/fuzz/make_picture_corpus.py

fuzz_picture.c documents the bytes.  Needs no package."""
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parent / "models/unet-labels.gguf"
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9
DRAW = b"\0"     # left over: those that open also draw


def fields(data):
    """(key, offset of the value, its bytes) of all numbers and arrays of numbers."""
    values, = struct.unpack_from("<Q", data, 16)
    at = 24

    def string(at):
        size, = struct.unpack_from("<Q", data, at)
        return data[at + 8:at + 8 + size], at + 8 + size

    for _ in range(values):
        key, at = string(at)
        kind, = struct.unpack_from("<I", data, at)
        at += 4
        count = 1
        if kind == ARRAY:
            kind, count = struct.unpack_from("<IQ", data, at)
            yield key, at + 4, 8
            at += 12
        for _ in range(count):
            if kind == STRING:
                yield key, at, 8
                _, at = string(at)
            else:
                yield key, at, WIDTHS[kind]
                at += WIDTHS[kind]


def main():
    folder = HERE / "corpus/picture"
    folder.mkdir(parents=True, exist_ok=True)
    data = MODEL.read_bytes()
    (folder / "whole").write_bytes(struct.pack("<HB", 0, data[0]) + DRAW)
    for key, place, size in fields(data):
        if not key.startswith((b"unet.", b"palimpsest.diffusion")):
            continue
        for value in (0, 1, 3, 255):
            (folder / f"{key.decode()}-{place}-{value}").write_bytes(
                struct.pack("<HB", place, value) + (DRAW if value == 1 else b""))
        (folder / f"{key.decode()}-{place}-high").write_bytes(struct.pack("<HB", place + min(size, 4) - 1, 127))


if __name__ == "__main__":
    main()
