#!/usr/bin/env python3
"""Stores the outputs of small networks of discrete diffusion, for tests/test_ddit.c.

usage: make_ddit_golden.py        (needs the packages of tools/convert/requirements.txt, torch among them)

Random checkpoints in the published formats (tools/convert/samples.py) are converted by tools/convert:
  tests/golden/arch/NAME.gguf        F32, with a small tokenizer
  tests/golden/arch/NAME.SIGMA.bin   tokens, and the logits of all positions in float64, which the independent forward
                                     pass tools/convert/reference_ddit.py computes from the checkpoint at that noise level

sedd, sedd-uniform   two blocks, the noise level embedded in 16 numbers; at 1e-3, 1 and 5
radd                 no noise level, norms with biases
mdlm                 the noise level is always 0
sedd-wide            one block as wide as SEDD small; its weights are computed (weights_of), here and in the test, and the
                     file is not stored

The format of .bin files is that of make_arch_golden.py.
"""
import pathlib
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools/convert"), str(ROOT / "tools")]
import convert           # noqa: E402
import discrete          # noqa: E402
import huggingface       # noqa: E402
import reference_ddit    # noqa: E402
import samples           # noqa: E402
from make_arch_golden import store    # noqa: E402

POSITIONS, SIGMAS = 24, ("0.001", "1", "5")
WIDE = discrete.Shape(dim=768, layers=1, heads=12, context=16, tokens=15, width=128, graph="absorb", is_timed=True,
                      has_biases=False)


def make(folder, name, seed):
    config, width, biases = samples.DISCRETE[name]
    with tempfile.TemporaryDirectory() as source:
        source = pathlib.Path(source) / name
        samples.write_discrete(source, config, {})
        values = huggingface.Config(source)
        s = discrete.read_mdlm(values) if name == "mdlm" else discrete.read_lou(values, width > 0)
        tensors = samples.discrete_tensors(discrete.expected(s), seed)
        samples.write_discrete(source, config, tensors)
        path = folder / f"{name}.gguf"
        words = [str(source), "-o", str(path), "--type", "F32", "--name", name, "--license", "MIT"]
        assert convert.main(words) == 0
    tokens = np.random.default_rng(seed).integers(0, s.vocab, POSITIONS)
    tokens[::5] = s.vocab - 1
    for sigma in SIGMAS if name.startswith("sedd") else ("0",):
        got = reference_ddit.logits(tensors, s.vocab, s.dim, s.layers, s.heads, width, biases, tokens, float(sigma))
        store(folder / f"{name}.{sigma}.bin", tokens, np.arange(s.vocab), got)


def weights_of(number, shape, power):
    """Element i of tensor `number`: a hash, as a float in -1 .. 1, times 2^power; vectors of norms are 1 more."""
    x = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(number * 0x9E3779B1)
    for factor in 0x7FEB352D, 0x846CA68B:
        x = ((x & 0xFFFFFFFF) ^ ((x & 0xFFFFFFFF) >> np.uint64(16))) * np.uint64(factor)
    x = (x & 0xFFFFFFFF) ^ ((x & 0xFFFFFFFF) >> np.uint64(16))
    return ((x >> np.uint64(8)).astype(np.float64) * 2.0**-23 - 1).astype(np.float32).reshape(shape) * np.float32(2.0**power)


def make_wide(folder):
    tensors = {}
    for number, (name, shape) in enumerate(discrete.expected(WIDE).items()):
        power = -5 if len(shape) == 2 and "embedding" not in name else -1
        tensors[name] = weights_of(number, shape, power) + np.float32("norm" in name)
    tokens = np.array([15, 3, 0, 15, 7, 9, 15, 1, 14, 2])
    for sigma in SIGMAS:
        got = reference_ddit.logits(tensors, WIDE.vocab, WIDE.dim, WIDE.layers, WIDE.heads, WIDE.width, False, tokens,
                                    float(sigma))
        store(folder / f"sedd-wide.{sigma}.bin", tokens, np.arange(WIDE.vocab), got)


def main():
    folder = ROOT / "tests/golden/arch"
    for seed, name in enumerate(samples.DISCRETE, 61):
        make(folder, name, seed)
    make_wide(folder)


if __name__ == "__main__":
    main()
