#!/usr/bin/env python3
"""Stores the outputs of small networks of boards (architecture sudoku), for tests/test_board.c.

usage: make_board_golden.py                                  (needs torch, numpy and gguf)
       make_board_golden.py FILE [--box 3] [--dim 128] [--heads 4] [--layers 4] [--hidden 320] [--loops 16] [--type Q8_0]

Without FILE:
  tests/golden/arch/sudoku.gguf, sudoku-4.gguf    random networks in F32 for boards of 9 x 9 and 4 x 4
  tests/golden/arch/NAME.LOOPS.bin                the tokens of a board with open cells, and the logits of all cells after
                                                  that many loops, computed here in float64 by PyTorch
With FILE: only a random network of that shape, to measure times.

The format of .bin files is that of make_arch_golden.py.  docs/board-models.md describes the network.
"""
import argparse
import pathlib

import gguf
import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOOPS = 1, 2, 5, 16
EPS = 1e-5


def shapes(box, dim, heads, layers, hidden):
    n = box * box
    found = {"token_embd.weight": (n + 1, dim), "feedback.weight": (dim, n), "loop_norm.weight": (dim,)}
    for i in range(layers):
        for name in "attn_q", "attn_k", "attn_v", "attn_output":
            found[f"blk.{i}.{name}.weight"] = dim, dim
        found |= {f"blk.{i}.attn_norm.weight": (dim,), f"blk.{i}.attn_bias.weight": (heads, 7),
                  f"blk.{i}.ffn_norm.weight": (dim,), f"blk.{i}.ffn_gate.weight": (hidden, dim),
                  f"blk.{i}.ffn_up.weight": (hidden, dim), f"blk.{i}.ffn_down.weight": (dim, hidden)}
    return found | {"output_norm.weight": (dim,), "output.weight": (n, dim)}


def random_tensors(all_shapes, seed):
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, shape in all_shapes.items():
        x = torch.randn(shape, generator=generator)
        if len(shape) == 1:
            x = 1 + 0.2 * x
        elif "bias" not in name and "token" not in name:
            x *= 1.5 / shape[1] ** 0.5
        found[name] = x
    return found


def write(path, tensors, box, dim, heads, layers, hidden, loops, kind="F32"):
    out = gguf.GGUFWriter(path, "sudoku")
    out.add_name(path.stem)
    for key, value in {"embedding_length": dim, "block_count": layers, "attention.head_count": heads,
                       "feed_forward_length": hidden, "box": box, "loop_count": loops}.items():
        out.add_uint32(f"sudoku.{key}", value)
    out.add_float32("sudoku.attention.layer_norm_rms_epsilon", EPS)
    wanted = gguf.GGMLQuantizationType[kind]
    for name, x in tensors.items():
        narrow = x.ndim == 1 or x.shape[1] % 32 or "blk" not in name
        of = gguf.GGMLQuantizationType.F32 if narrow else wanted
        out.add_tensor(name, gguf.quants.quantize(x.numpy(), of), raw_dtype=of)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def relations(box):
    """[cells, cells]: 0 same cell, 1 row, 2 column, 3 box, 4 row and box, 5 column and box, 6 none."""
    n = box * box
    row, column = torch.arange(n).repeat_interleave(n), torch.arange(n).repeat(n)
    square = row // box * box + column // box
    r, c, s = (x[:, None] == x[None, :] for x in (row, column, square))
    of = torch.full((n * n, n * n), 6)
    of[s & ~r & ~c] = 3
    of[r & ~s], of[c & ~s] = 1, 2
    of[r & s], of[c & s] = 4, 5
    of[r & c] = 0
    return of


def norm(x, gain):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPS) * gain


def logits(tensors, box, heads, layers, tokens, loops):
    t = {name: x.double() for name, x in tensors.items()}
    of, cells = relations(box), len(tokens)
    h, p = torch.zeros(cells, t["loop_norm.weight"].numel()).double(), torch.zeros(cells, box * box).double()
    split = lambda x: x.view(cells, heads, -1).transpose(0, 1)    # noqa: E731
    for _ in range(loops):
        h = norm(h, t["loop_norm.weight"]) + t["token_embd.weight"][tokens] + p @ t["feedback.weight"].T
        for i in range(layers):
            w = lambda name, i=i: t[f"blk.{i}.{name}.weight"]    # noqa: E731
            a = norm(h, w("attn_norm"))
            q, k, v = (split(a @ w(name).T) for name in ("attn_q", "attn_k", "attn_v"))
            scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5 + w("attn_bias")[:, of]
            h = h + (scores.softmax(-1) @ v).transpose(0, 1).reshape(cells, -1) @ w("attn_output").T
            f = norm(h, w("ffn_norm"))
            h = h + (torch.nn.functional.silu(f @ w("ffn_gate").T) * (f @ w("ffn_up").T)) @ w("ffn_down").T
        out = norm(h, t["output_norm.weight"]) @ t["output.weight"].T
        p = out.softmax(-1)
    return out


def store(path, tokens, values):
    with open(path, "wb") as file:
        file.write(b"PALARCH1")
        np.array([len(tokens), values.shape[1], *tokens, *range(values.shape[1])], "<i4").tofile(file)
        np.asarray(values, "<f8").tofile(file)


def make(folder, name, seed, box, dim, heads, layers, hidden):
    tensors = random_tensors(shapes(box, dim, heads, layers, hidden), seed)
    write(folder / f"{name}.gguf", tensors, box, dim, heads, layers, hidden, 4)
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, box * box + 1, box**4) * (rng.random(box**4) < 0.5)
    for loops in LOOPS:
        store(folder / f"{name}.{loops}.bin", tokens, logits(tensors, box, heads, layers, torch.tensor(tokens), loops))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=pathlib.Path)
    for name, default in ("box", 3), ("dim", 128), ("heads", 4), ("layers", 4), ("hidden", 320), ("loops", 16):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--type", default="Q8_0")
    r = parser.parse_args()
    if r.file:
        shape = r.box, r.dim, r.heads, r.layers, r.hidden
        write(r.file, random_tensors(shapes(*shape), 7), *shape, r.loops, r.type)
        return
    folder = ROOT / "tests/golden/arch"
    make(folder, "sudoku", 91, 3, 32, 4, 2, 48)
    make(folder, "sudoku-4", 92, 2, 24, 3, 2, 40)


if __name__ == "__main__":
    main()
