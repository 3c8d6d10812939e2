#!/usr/bin/env python3
"""Stores the outputs of small networks of every causal architecture, for the tests of the engine.

usage: make_arch_golden.py [SHARED]        (needs the packages of tools/convert/requirements.txt, torch among them)

Random checkpoints of tools/convert/samples.py are converted by tools/convert:
  tests/golden/arch/NAME.gguf   F32, with a small tokenizer
  tests/golden/arch/NAME.bin    tokens, and the logits of all positions in float64, computed from that file; computed
                                from the checkpoint as it was before the conversion they must agree

llama-tied      Llama with the embedding as output, 4 heads on 2 for keys; SentencePiece
llama-bias      a separate output, biases in attention and MLP, heads wider than the embedding shares out; llama-bpe
llama-factors   rope_freqs.weight, as Llama 3 has it; smollm
llama-linear    rope.scaling.type linear
qwen2, qwen3    biases of q, k, v; norms of q and k and wide heads; rotation of halves
gpt2            learned positions, LayerNorm, fused qkv, biases everywhere

With SHARED, the folder of shared test files, also tests/golden/arch/llama-2-tiny-random.bin: SHARED's
fixtures/gguf-tiny/llama-2-tiny-random.gguf, which is not in this repository, at a sample of its 32,000 columns.

A .bin file, little endian: "PALARCH1", i32 n, i32 columns, i32 tokens [n], i32 column [columns] (ids of the logits
that follow, ascending), f64 logits [n, columns].
"""
import pathlib
import sys
import tempfile

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/convert"))
import convert    # noqa: E402
import read_back  # noqa: E402
import reference  # noqa: E402
import samples    # noqa: E402

POSITIONS = 40
# Both computations use float64, so only the order of sums differs; but the file has rope_freqs.weight in float32.
AGREE, AGREE_FACTORS = 1e-11, 1e-5


def store(path, tokens, columns, logits):
    with open(path, "wb") as file:
        file.write(b"PALARCH1")
        np.array([len(tokens), len(columns), *tokens, *columns], "<i4").tofile(file)
        np.asarray(logits, "<f8").tofile(file)
    print(f"{path.name}: {path.stat().st_size} bytes")


def make(folder, name, seed):
    config, pre = samples.NETWORKS[name]
    generator = torch.Generator().manual_seed(seed)
    tensors = samples.random_tensors(config, seed, lambda shape: torch.randn(shape, generator=generator).numpy())
    path = folder / f"{name}.gguf"
    with tempfile.TemporaryDirectory() as source:
        samples.write(pathlib.Path(source) / name, config, pre, tensors)
        words = [f"{source}/{name}", "-o", str(path), "--type", "F32", "--name", name, "--license", "MIT"]
        assert convert.main(words) == 0
    tokens = np.random.default_rng(seed).integers(0, config["vocab_size"], POSITIONS)
    g = read_back.Gguf(path)
    logits, before = reference.gguf_logits(g, tokens), reference.checkpoint_logits(config, tensors, tokens)
    agree = AGREE_FACTORS if "rope_freqs.weight" in g.tensors else AGREE
    assert (logits - before).abs().max() < agree * logits.abs().max(), name
    store(path.with_suffix(".bin"), tokens, np.arange(config["vocab_size"]), logits)


def make_tiny_random(folder, shared, seed=77):
    g = read_back.Gguf(shared / "fixtures/gguf-tiny/llama-2-tiny-random.gguf")
    vocab = len(g.tensors["token_embd.weight"])
    rng = np.random.default_rng(seed)
    tokens, columns = rng.integers(0, vocab, 24), np.arange(0, vocab, 251)
    store(folder / "llama-2-tiny-random.bin", tokens, columns, reference.gguf_logits(g, tokens)[:, columns])


def main():
    folder = ROOT / "tests/golden/arch"
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(samples.NETWORKS, 41):
        make(folder, name, seed)
    if len(sys.argv) > 1:
        make_tiny_random(folder, pathlib.Path(sys.argv[1]))


if __name__ == "__main__":
    main()
