#!/usr/bin/env python3
"""Writes the table of docs/unpredictable.md: the share of random classes that can never be the most probable one.

usage: unpredictable.py [--palimpsest COMMAND] [--classes N,...] [--widths D,...]      (needs gguf and numpy)

Rows of n classes are drawn from a normal distribution in d dimensions, as they are or scaled to length 1, and written
as the output layer of a model without other weights; `palimpsest probe` decides about each class.  The seed is fixed."""
import argparse
import json
import pathlib
import subprocess
import tempfile

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLASSES, WIDTHS = (64, 256, 1024, 4096), (2, 4, 8, 12, 16, 24, 32)


def write_layer(path, rows, gain=None):
    """A llama file whose output layer is rows [n, d], d even, after an RMSNorm with these gains; the rest is zero."""
    count, width = rows.shape
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("output layer")
    writer.add_context_length(16)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    shapes = {f"blk.0.{name}": (width, width) for name in
              ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")}
    shapes |= {"blk.0.attn_norm": (width,), "blk.0.ffn_norm": (width,), "token_embd": (count, width)}
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    tensors |= {"output": rows.astype(np.float32),
                "output_norm": np.ones(width, np.float32) if gain is None else gain.astype(np.float32)}
    for name, data in tensors.items():
        writer.add_tensor(f"{name}.weight", data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def share(command, rows):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "layer.gguf"
        write_layer(path, rows)
        done = subprocess.run([*command, "probe", "-m", path, "unpredictable", "--json"], capture_output=True, check=True)
    counts = json.loads(done.stdout)["drawn"]
    undecided = f" ({counts['undecided']} undecided)" if counts["undecided"] else ""
    return f"{100 * counts['unpredictable'] / len(rows):.1f} %{undecided}"


def numbers(text):
    return tuple(int(n) for n in text.split(","))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--palimpsest", default=str(ROOT / "build/release/palimpsest"))
    parser.add_argument("--classes", type=numbers, default=CLASSES)
    parser.add_argument("--widths", type=numbers, default=WIDTHS)
    wanted = parser.parse_args()
    command = wanted.palimpsest.split()
    for name, equal in (("Lengths as they are drawn", False), ("Lengths made equal", True)):
        print(f"\n| {name}: d | " + " | ".join(f"n = {n}" for n in wanted.classes) + " |")
        print("|---" * (len(wanted.classes) + 1) + "|")
        for width in wanted.widths:
            cells = []
            for count in wanted.classes:
                rows = np.random.default_rng([width, count]).normal(size=(count, width))
                if equal:
                    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
                cells.append(share(command, rows))
            print(f"| {width} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
