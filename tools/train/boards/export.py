#!/usr/bin/env python3
"""Writes the network of boards as GGUF (Q8_0, F16 or F32) and reads it back.

usage: export.py --checkpoint best.pt --out models/sudoku.gguf [--type Q8_0|F16|F32] [--loops 8] [--data build/boards]

The checkpoint is best.pt (averaged weights).  Embeddings, vectors and biases stay F32,
and so does every matrix whose rows no block of 32 fits.
"""
import argparse
import json
import pathlib
import sys

import gguf
import torch

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from boards.network import BIAS_SCALE, Network, Shape  # noqa: E402
from export import TYPES, finish, open_writer, read_back  # noqa: E402

ARCHITECTURE = "sudoku"
LICENSE = "MIT (weights); trained on boards that the program made itself"
QUANTISED = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def tensors_of(checkpoint, wanted):
    """(name, values, stored type) of every tensor; biases as they are added."""
    for name, tensor in checkpoint["weights"].items():
        data = tensor.float().numpy()
        if name.endswith("attn_bias.weight"):
            data = data * BIAS_SCALE
        large = name.split(".")[-2] in QUANTISED and data.shape[1] % 32 == 0
        yield name, data, wanted if large else gguf.GGMLQuantizationType.F32


def write(path, checkpoint, kind, name, loops, boards=None):
    """Writes the file; returns the largest relative error of a tensor.  boards: what make.py wrote of the training data."""
    wanted, file_type, _ = TYPES[kind]
    shape = Shape(**checkpoint["shape"])
    writer = open_writer(path, ARCHITECTURE, file_type, name, LICENSE)
    writer.add_embedding_length(shape.dim)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_layer_norm_rms_eps(shape.eps)
    writer.add_uint32(f"{ARCHITECTURE}.box", shape.box)
    writer.add_uint32(f"{ARCHITECTURE}.loop_count", loops)
    writer.add_uint32(f"{ARCHITECTURE}.max_loop_count", max(loops, checkpoint["loops"]))
    arguments = {key: value for key, value in checkpoint["arguments"].items() if key not in ("data", "out", "resume")}
    writer.add_uint64("palimpsest.training.boards", checkpoint["seen"])
    writer.add_string("palimpsest.training.arguments", json.dumps(arguments, sort_keys=True))
    if boards:
        writer.add_string("palimpsest.training.sources", json.dumps(boards, sort_keys=True))
    finish(writer, tensors_of(checkpoint, wanted))
    return read_back(path, tensors_of(checkpoint, wanted))


def read_network(path):
    """The network of a file of this architecture, and its default number of loops; quantised weights are dequantised."""
    reader = gguf.GGUFReader(path)
    value = lambda key: reader.fields[f"{ARCHITECTURE}.{key}"].contents()
    network = Network(Shape(value("box"), value("embedding_length"), value("block_count"), value("attention.head_count"),
                            value("feed_forward_length"), value("attention.layer_norm_rms_epsilon")))
    weights = {}
    for t in reader.tensors:
        data = gguf.quants.dequantize(t.data, t.tensor_type).astype("float32")
        weights[t.name] = torch.from_numpy(data / BIAS_SCALE if t.name.endswith("attn_bias.weight") else data)
    network.load_state_dict(weights)
    return network, value("loop_count")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--checkpoint", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--type", choices=TYPES, default="Q8_0")
    p.add_argument("--loops", type=int, help="the default number of loops; default: the most of the training")
    p.add_argument("--name", default="")
    p.add_argument("--data", type=pathlib.Path, help="what make.py wrote; its counts are kept in the file")
    a = p.parse_args()
    checkpoint = torch.load(a.checkpoint, weights_only=True)
    boards = json.loads((a.data / "boards.json").read_text()) if a.data else None
    worst = write(a.out, checkpoint, a.type, a.name or a.out.stem, a.loops or checkpoint["loops"], boards)
    print(f"{a.out}: {a.out.stat().st_size:,} bytes, largest relative error {worst:.2e}")


if __name__ == "__main__":
    main()
