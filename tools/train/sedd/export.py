#!/usr/bin/env python3
"""Writes a network of score entropy as GGUF (Q8_0 by default) and reads it back.

usage: export.py --data DIR --checkpoint best.pt --out FILE.gguf [--type Q8_0|F16|F32] [--name NAME] [--license TEXT]

The matrices of the noise level (time_embd, modulation, output_modulation) are small and affect every layer: they stay
F16.
"""
import argparse
import pathlib
import sys

import gguf
import torch

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from export import LICENSE, TYPES, add_tokenizer, add_training, finish, open_writer, read_back, tensors_of  # noqa: E402
from sedd.noise import NOISES  # noqa: E402
from stored import stored_type  # noqa: E402
from windows import Corpus  # noqa: E402

ARCHITECTURE = "sedd"


def add_shape(writer, shape):
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["dim"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["hidden"])
    writer.add_head_count(shape["heads"])
    writer.add_layer_norm_eps(shape["eps"])
    writer.add_rope_freq_base(shape["rope_base"])
    writer.add_rope_dimension_count(shape["dim"] // shape["heads"])
    writer.add_vocab_size(shape["vocab"])


def add_noise(writer, checkpoint):
    graph = checkpoint["graph"]
    writer.add_string("palimpsest.graph", graph)
    writer.add_string("palimpsest.noise", checkpoint["noise"])
    for key, value in NOISES[checkpoint["noise"]]().keys().items():
        writer.add_float32(key, value)
    writer.add_bool("palimpsest.scale_by_sigma", graph == "absorb")
    if graph == "uniform":
        writer.add_uint32("palimpsest.states", len(checkpoint["states"]))


def type_of(name, data, wanted):
    kind = stored_type(data, wanted)
    conditions = name.startswith("time_embd") or "modulation" in name
    return gguf.GGMLQuantizationType.F16 if kind == gguf.GGMLQuantizationType.Q8_0 and conditions else kind


def write(path, checkpoint, corpus, kind, name, license_text):
    """Returns the largest relative error of a tensor."""
    wanted, file_type, _ = TYPES[kind]
    writer = open_writer(path, ARCHITECTURE, file_type, name, license_text)
    add_shape(writer, checkpoint["shape"])
    add_noise(writer, checkpoint)
    add_tokenizer(writer, corpus.vocab, False)
    add_training(writer, checkpoint, corpus)
    finish(writer, tensors_of(checkpoint, wanted, type_of))
    return read_back(path, tensors_of(checkpoint, wanted, type_of))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--checkpoint", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--type", choices=TYPES, default="Q8_0")
    p.add_argument("--name", default="")
    p.add_argument("--license", default=LICENSE)
    args = p.parse_args()
    checkpoint = torch.load(args.checkpoint, weights_only=True)
    worst = write(args.out, checkpoint, Corpus(args.data), args.type, args.name or args.out.stem, args.license)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, largest relative error {worst:.2e}")


if __name__ == "__main__":
    main()
