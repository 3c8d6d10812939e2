"""Makes tests/golden/kernels.bin and dequantize.bin: weights as the `gguf` Python package stores and reads them.

    pip install gguf numpy
    python tools/make_kernel_golden.py tests/golden

kernels.bin, little endian: "PALGOLD1", u32 sections, then per section u32 tensor type, u32 values, f32 values,
u32 bytes, the stored bytes, and f32 values as read back: the types that the engine writes.

dequantize.bin: "PALDEQT1", u32 sections, then per section u32 tensor type, u32 values, u32 bytes, the stored bytes
and f32 values as read back: every type that the engine reads, on blocks of random bits with hostile scales.

test_weights.c requires equal bytes and values (any NaN equals any other).  All seeds are fixed, so the script always
makes the same files.
"""
import pathlib
import struct
import sys

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import quants

BLOCK = 32


def blocks():
    """Random blocks of all magnitudes, and blocks with values that are close to rounding boundaries."""
    rng = np.random.default_rng(20240)
    rows = [rng.standard_normal(BLOCK) * 10.0 ** rng.uniform(-6, 3) for _ in range(200)]
    rows.append(np.zeros(BLOCK))
    rows.append(np.linspace(-1, 1, BLOCK))
    for sign in 1, -1:
        ties = np.arange(BLOCK) * 4 + 0.5           # scale 1: halves away from zero, in Q8_0
        ties[31] = 127
        rows.append(sign * ties)
        ties = np.arange(BLOCK) % 16 - 7.5          # scale 1: halves, in Q4_0
        ties[5] = -8
        rows.append(sign * ties)
        twice = rng.uniform(-0.9, 0.9, BLOCK)       # the first of two extremes decides the sign, in Q4_0
        twice[3], twice[20] = sign, -sign
        rows.append(twice)
    for at in range(0, BLOCK, 5):                   # the extreme at any place
        single = rng.uniform(-1, 1, BLOCK)
        single[at] = -3 if at % 2 else 3
        rows.append(single)
    for magnitude in 3e-8, 1e-9, 1e-30, 60000.0:    # scales that are subnormal halves, zero, and large
        rows.append(rng.uniform(-1, 1, BLOCK) * magnitude)
    return np.concatenate(rows).astype(np.float32)


def section(kind, x):
    stored = quants.quantize(x, kind)
    back = quants.dequantize(stored, kind).astype(np.float32)
    return (struct.pack("<II", kind, x.size) + x.astype("<f4").tobytes()
            + struct.pack("<I", stored.nbytes) + stored.tobytes() + back.astype("<f4").tobytes())


# Bytes of a block, and the offsets of its half floats.
LAYOUTS = {T.Q8_0: (34, [0]), T.Q4_0: (18, [0]), T.Q4_1: (20, [0, 2]), T.Q5_0: (22, [0]), T.Q5_1: (24, [0, 2]),
           T.Q4_K: (144, [0, 2]), T.Q5_K: (176, [0, 2]), T.Q6_K: (210, [208])}
# Zeros, the smallest and the largest subnormal, one, the largest number, infinities, a NaN.
HALVES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x3C00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00]


def random_blocks(rng, kind, count=40):
    """Random bits everywhere; half of the blocks get ordinary scales, a quarter hostile ones."""
    size, halves = LAYOUTS[kind]
    out = rng.integers(0, 256, (count, size), np.uint8)
    for at in halves:
        scales = rng.standard_normal(count).astype("<f2").view("<u2")
        scales[: count // 4] = rng.choice(np.array(HALVES, "<u2"), count // 4)
        scales = scales[: count * 3 // 4]
        out[: len(scales), at:at + 2] = scales.view(np.uint8).reshape(-1, 2)
    out[0, halves[0]:halves[0] + 2] = 0x00, 0x7C                # an infinite scale occurs in each type
    return out.reshape(1, -1)


def random_floats(rng, kind):
    if kind == T.F32:
        bits = rng.integers(0, 2**32, 256, np.uint64).astype("<u4")
        bits[:4] = 0, 0x80000000, 1, 0x7F800000
        return bits.view("<f4").reshape(1, -1)
    bits = rng.integers(0, 2**16, 1024, np.uint32).astype("<u2")
    bits[:len(HALVES)] = HALVES
    bits[len(HALVES):len(HALVES) + 3] = 0x7F80, 0xFF80, 0x0080     # the same corners of bfloat16
    return bits.view(np.uint8).reshape(1, -1) if kind == T.BF16 else bits.view("<f2").reshape(1, -1)


def read_section(rng, kind):
    stored = random_blocks(rng, kind) if kind in LAYOUTS else random_floats(rng, kind)
    with np.errstate(all="ignore"):
        back = quants.dequantize(stored, kind).astype("<f4")
    return struct.pack("<III", kind, back.size, stored.nbytes) + stored.tobytes() + back.tobytes()


def write(path, magic, sections):
    path.write_bytes(magic + struct.pack("<I", len(sections)) + b"".join(sections))
    print(f"{path.name}: {path.stat().st_size} bytes")


def main():
    folder, x, rng = pathlib.Path(sys.argv[1]), blocks(), np.random.default_rng(20261)
    write(folder / "kernels.bin", b"PALGOLD1", [section(kind, x) for kind in (T.F16, T.Q8_0, T.Q4_0)])
    kinds = T.F32, T.F16, T.BF16, *LAYOUTS
    write(folder / "dequantize.bin", b"PALDEQT1", [read_section(rng, kind) for kind in kinds])


if __name__ == "__main__":
    main()
