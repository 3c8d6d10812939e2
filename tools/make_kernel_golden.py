"""Makes tests/golden/kernels.bin: weights as the `gguf` Python package stores and reads them.

    pip install gguf numpy
    python tools/make_kernel_golden.py tests/golden/kernels.bin

The file, little endian: "PALGOLD1", u32 sections, then per section u32 tensor type, u32 values, f32 values,
u32 bytes, the stored bytes, and f32 values as read back.  test_kernels.c wants the bytes and the values
equal.  Values come from a fixed seed, so the script makes the same file again.
"""
import struct
import sys

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import quants

BLOCK = 32


def blocks():
    """Random blocks of all magnitudes, and the ones in which rounding has something to decide."""
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


def main():
    x = blocks()
    kinds = T.F16, T.Q8_0, T.Q4_0
    with open(sys.argv[1], "wb") as out:
        out.write(b"PALGOLD1" + struct.pack("<I", len(kinds)))
        for kind in kinds:
            out.write(section(kind, x))


if __name__ == "__main__":
    main()
