#!/usr/bin/env python3
"""Stores PyTorch's outputs, layer by layer, for tests/test_network.c.

usage: make_network_golden.py        (needs torch, numpy, gguf; writes tests/golden/network and tests/models)

Two cases: the shape that ships (models/tales-ar.gguf, causal, tied output) and a small random bidirectional network
with grouped keys and a separate output (tests/models/grouped.gguf, written here).  Everything is computed in float64
from the weights stored in the file, and stored as float32.

A golden file holds int32 n, dim, layers, vocab, count; tokens [n]; positions [count]; then float32
hidden [layers + 1, n, dim] (the embeddings, then the residual stream after each block) and logits [count, vocab].
"""
import pathlib

import gguf
import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent


def rms_norm(x, gain, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * gain


def rotate(x, base):
    """x [n, heads, head_dim]: consecutive pairs, as complex numbers."""
    n, heads, dim = x.shape
    angle = torch.arange(n, dtype=torch.float64)[:, None] * base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    turned = torch.view_as_complex(x.reshape(n, heads, dim // 2, 2).contiguous()) * torch.polar(torch.ones_like(angle), angle)[:, None]
    return torch.view_as_real(turned).reshape(n, heads, dim)


def attention(x, w, prefix, heads, kv_heads, base, causal):
    n = x.shape[0]
    split = lambda name, count: (x @ w[prefix + name].T).reshape(n, count, -1)
    q, k, v = rotate(split("attn_q.weight", heads), base), rotate(split("attn_k.weight", kv_heads), base), split("attn_v.weight", kv_heads)
    k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
    scores = torch.einsum("qhd,khd->hqk", q, k) / q.shape[-1] ** 0.5
    if causal:
        scores = scores.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), -torch.inf)
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).reshape(n, -1) @ w[prefix + "attn_output.weight"].T


def forward(w, tokens, layers, heads, kv_heads, base, eps, causal):
    x = w["token_embd.weight"][tokens]
    states = [x]
    for layer in range(layers):
        prefix = f"blk.{layer}."
        x = x + attention(rms_norm(x, w[prefix + "attn_norm.weight"], eps), w, prefix, heads, kv_heads, base, causal)
        h = rms_norm(x, w[prefix + "ffn_norm.weight"], eps)
        gate, up = h @ w[prefix + "ffn_gate.weight"].T, h @ w[prefix + "ffn_up.weight"].T
        x = x + (torch.nn.functional.silu(gate) * up) @ w[prefix + "ffn_down.weight"].T
        states.append(x)
    logits = rms_norm(x, w["output_norm.weight"], eps) @ w.get("output.weight", w["token_embd.weight"]).T
    return torch.stack(states), logits


def field(reader, key):
    value = reader.fields[key]
    return value.parts[value.data[0]][0]


def store(model_path, out, n, seed):
    reader = gguf.GGUFReader(model_path)
    architecture = bytes(reader.fields["general.architecture"].parts[-1]).decode()
    get = lambda name: field(reader, f"{architecture}.{name}")
    w = {t.name: torch.from_numpy(np.array(gguf.quants.dequantize(t.data, t.tensor_type), np.float64)) for t in reader.tensors}
    layers, vocab = int(get("block_count")), w["token_embd.weight"].shape[0]
    tokens = np.random.default_rng(seed).integers(0, vocab, n)
    states, logits = forward(w, torch.from_numpy(tokens), layers, int(get("attention.head_count")),
                             int(get("attention.head_count_kv")), float(get("rope.freq_base")),
                             float(get("attention.layer_norm_rms_epsilon")), architecture == "llama")
    positions = np.array([0, n // 2, n - 1])
    with open(out, "wb") as file:
        np.array([n, states.shape[-1], layers, vocab, len(positions), *tokens, *positions], "<i4").tofile(file)
        states.numpy().astype("<f4").tofile(file)
        logits[torch.from_numpy(positions)].numpy().astype("<f4").tofile(file)
    print(out.name, out.stat().st_size, "bytes")


def write_grouped(path, seed=7, vocab=128, dim=64, layers=3, heads=8, kv_heads=2, hidden=96, context=64):
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llada")
    writer.add_name("grouped")
    writer.add_license("MIT")
    for key, value in (("context_length", context), ("embedding_length", dim), ("block_count", layers),
                       ("feed_forward_length", hidden), ("attention.head_count", heads), ("attention.head_count_kv", kv_heads)):
        writer.add_uint32(f"llada.{key}", value)
    writer.add_float32("llada.attention.layer_norm_rms_epsilon", 1e-6)
    writer.add_float32("llada.rope.freq_base", 5000.0)
    writer.add_bool("llada.attention.causal", False)
    writer.add_bool("diffusion.shift_logits", False)
    kv_dim = dim // heads * kv_heads
    matrix = lambda rows, cols: (rng.standard_normal((rows, cols)) * 0.7 / cols ** 0.5).astype(np.float32)
    gain = lambda: (1 + 0.2 * rng.standard_normal(dim)).astype(np.float32)
    writer.add_tensor("token_embd.weight", rng.standard_normal((vocab, dim)).astype(np.float32))
    for i in range(layers):
        for name, rows, cols in (("attn_q", dim, dim), ("attn_k", kv_dim, dim), ("attn_v", kv_dim, dim), ("attn_output", dim, dim),
                                 ("ffn_gate", hidden, dim), ("ffn_up", hidden, dim), ("ffn_down", dim, hidden)):
            writer.add_tensor(f"blk.{i}.{name}.weight", matrix(rows, cols))
        writer.add_tensor(f"blk.{i}.attn_norm.weight", gain())
        writer.add_tensor(f"blk.{i}.ffn_norm.weight", gain())
    writer.add_tensor("output_norm.weight", gain())
    writer.add_tensor("output.weight", matrix(vocab, dim))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    golden, models = ROOT / "tests/golden/network", ROOT / "tests/models"
    golden.mkdir(parents=True, exist_ok=True)
    write_grouped(models / "grouped.gguf")
    store(models / "grouped.gguf", golden / "grouped.bin", n=40, seed=3)
    store(ROOT / "models/tales-ar.gguf", golden / "tales-ar.bin", n=24, seed=4)


if __name__ == "__main__":
    main()
