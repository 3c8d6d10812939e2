#!/usr/bin/env python3
"""Writes a network of score entropy as GGUF (Q8_0 by default) and reads it back.

usage: export.py --data DIR --checkpoint best.pt --out FILE.gguf [--type Q8_0|F16|F32] [--name NAME] [--license TEXT]

The matrices of the noise level (time_embd, modulation, output_modulation) are small and affect every layer: they stay
F16.
"""
import argparse
import json
import pathlib
import sys

import gguf
import numpy as np
import torch

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from export import TYPES, add_tokenizer  # noqa: E402
from sedd.noise import NOISES  # noqa: E402
from stored import quantize, stored_type  # noqa: E402
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


def tensors(checkpoint, wanted):
    """(name, values, stored type) of every tensor."""
    for name, tensor in checkpoint["weights"].items():
        data = tensor.float().numpy()
        yield name, data, type_of(name, data, wanted)


def write(path, checkpoint, corpus, kind, name, license_text):
    wanted, file_type, _ = TYPES[kind]
    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    writer.add_name(name)
    writer.add_license(license_text)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_shape(writer, checkpoint["shape"])
    add_noise(writer, checkpoint)
    add_tokenizer(writer, corpus.vocab, False)
    writer.add_uint64("palimpsest.training.tokens", checkpoint["seen"])
    writer.add_string("palimpsest.training.arguments", json.dumps(checkpoint["arguments"], sort_keys=True))
    writer.add_string("palimpsest.training.sources", json.dumps(corpus.report["sources"], sort_keys=True))
    for tensor_name, data, stored in tensors(checkpoint, wanted):
        writer.add_tensor(tensor_name, quantize(data, stored, 8), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_back(path, checkpoint, kind):
    """The largest relative error of a tensor; every tensor must be there with its type and shape."""
    stored, worst = {t.name: t for t in gguf.GGUFReader(path).tensors}, 0.0
    if set(stored) != set(checkpoint["weights"]):
        raise SystemExit(f"{path}: tensors differ from the checkpoint's")
    for name, data, wanted in tensors(checkpoint, TYPES[kind][0]):
        if stored[name].tensor_type != wanted:
            raise SystemExit(f"{path}: {name} is stored as {stored[name].tensor_type.name}")
        got = gguf.quants.dequantize(stored[name].data, wanted).reshape(data.shape)
        worst = max(worst, float(np.abs(got - data).max() / max(np.abs(data).max(), 1e-12)))
    return worst


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--checkpoint", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--type", choices=TYPES, default="Q8_0")
    p.add_argument("--name", default="")
    p.add_argument("--license",
                   default="MIT (weights); training text CDLA-Sharing-1.0, CC-BY, Apache-2.0 and public domain")
    args = p.parse_args()
    checkpoint = torch.load(args.checkpoint, weights_only=True)
    write(args.out, checkpoint, Corpus(args.data), args.type, args.name or args.out.stem, args.license)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, "
          f"largest relative error {read_back(args.out, checkpoint, args.type):.2e}")


if __name__ == "__main__":
    main()
