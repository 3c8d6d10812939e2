#!/usr/bin/env python3
"""Writes what train.py has trained: an adapter or a whole network as GGUF, or an adapter as safetensors.

usage: export.py BASE.gguf CHECKPOINT OUT [--name NAME] [--license TEXT] [--type Q8_0|F16|F32] [--bits 6]

CHECKPOINT is the average.pt of a run, a state file of the prototype (last.pt), or an adapter as .safetensors.  It can
also be an adapter file .gguf: all of it is kept, and only what it says of its base is written anew from BASE.gguf.
BASE.gguf is the file that it was trained over.  OUT.gguf is an adapter file if adapters were trained: factors A in
--type, B in F16 (their rows are short), the mask vector in F32.  If all weights were trained, OUT.gguf is a network
with the metadata of BASE.gguf.  OUT.safetensors keeps an adapter in F16 for more training.
Every tensor is read back and compared.
"""
import argparse
import hashlib
import json
import pathlib
import re
import sys

import gguf
import numpy as np
import torch

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from rows.base import read_base  # noqa: E402
from stored import quantize, stored_type  # noqa: E402

KINDS = gguf.GGMLQuantizationType
FILE_TYPES = {"Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "F16": gguf.LlamaFileType.MOSTLY_F16,
              "F32": gguf.LlamaFileType.ALL_F32}
PATHS = ("base", "out", "init", "texts", "valid")       # arguments that name files: only their last part is written
REPLACED = re.compile(r"GGUF\.|general\.(architecture|name|license|file_type|quantization_version)$|palimpsest\.")
OF_BASE = re.compile(r"GGUF\.|general\.architecture$|palimpsest\.base_")     # what an adapter file says of its base
LICENSE = "MIT (weights); the training text has licences of its own"


def read_trained(path, alpha):
    """{weights, alpha, seen, arguments, start, empty} of a checkpoint; what it does not say is None."""
    trained = {"alpha": alpha, "seen": None, "arguments": None, "start": None, "empty": None, "rows": "left"}
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file
            return {**trained, "weights": {name: w.float() for name, w in load_file(path).items()}}
        state = torch.load(path, weights_only=True)
    except Exception as error:          # a damaged pickle can raise anything
        raise SystemExit(f"{path}: cannot be read: {error}") from error
    if "net" in state:                  # of the prototype
        return {**trained, "weights": state["ema"], "seen": state["tokens"]}
    if not isinstance(state, dict) or "rows" not in state:
        raise SystemExit(f"{path}: not an average.pt of a run, a state of the prototype or an adapter")
    return {**trained, **{name: state[name] for name in (*trained, "weights")}}


def without_folders(arguments):
    short = lambda value: [pathlib.Path(one).name for one in value] if isinstance(value, list) else \
        value and pathlib.Path(value).name
    return {name: short(value) if name in PATHS else value for name, value in arguments.items()}


def adapter_tensors(trained, base, path):
    """{name in the file: float32 array}; checked against the base."""
    tensors = {"palimpsest.mask": trained["weights"]["mask"]}
    for name, w in trained["weights"].items():
        if name == "mask":
            continue
        found = re.fullmatch(r"block\.(\d+)\.(\w+)\.([ab])", name)
        matrix = found and f"blk.{found[1]}.{found[2]}.weight"
        if not found or matrix not in base.weights or w.shape["ab".index(found[3]) ^ 1] != \
                base.weights[matrix].shape["ba".index(found[3])]:
            raise SystemExit(f"{path}: {name} does not fit {base.path}")
        tensors[f"{matrix}.lora_{found[3]}"] = w
    return {name: w.detach().float().numpy() for name, w in tensors.items()}


def hashes(reader):
    """What the engine compares with the base: sha256 of the token list, of names and values of all vectors, and of
    names and first rows of all matrices."""
    field, tokens = reader.fields["tokenizer.ggml.tokens"], hashlib.sha256()
    for at in field.data:
        text = bytes(field.parts[at])
        tokens.update(len(text).to_bytes(8, "little") + text)
    vectors, matrices = hashlib.sha256(), hashlib.sha256()
    for tensor in reader.tensors:
        if len(tensor.shape) == 1:
            vectors.update(tensor.name.encode() + tensor.data.tobytes())
        else:
            matrices.update(tensor.name.encode() + tensor.data[0].tobytes())
    return {"tokens": tokens.hexdigest(), "vectors": vectors.hexdigest(), "matrices": matrices.hexdigest()}


def copy_metadata(writer, reader, replaced=REPLACED):
    """All keys but the replaced ones: of a base its shape and vocabulary."""
    for name, field in reader.fields.items():
        if replaced.match(name):
            continue
        kind, inner = field.types[0], field.types[-1] if len(field.types) > 1 else None
        value = field.contents()
        if inner == gguf.GGUFValueType.STRING:          # the bytes, which need not be UTF-8
            value = [bytes(field.parts[at]) for at in field.data]
        writer.add_key_value(name, value, kind, inner)


def start_writer(path, trained, base, args):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(args.name or args.out.stem)
    writer.add_license(args.license)
    writer.add_string("palimpsest.rows", trained["rows"])
    choose = lambda name: getattr(base, name) if trained[name] is None else trained[name]
    writer.add_uint32("palimpsest.start_token_id", choose("start"))
    writer.add_uint32("palimpsest.empty_token_id", choose("empty"))
    if trained["seen"] is not None:
        writer.add_uint64("palimpsest.training.tokens", trained["seen"])
    if trained["arguments"]:
        writer.add_string("palimpsest.training.arguments",
                          json.dumps(without_folders(trained["arguments"]), sort_keys=True))
    return writer


def add_base(writer, base):
    """What says which base an adapter belongs to."""
    for key, value in {"name": base.name, "sha256": base.sha256(), **hashes(gguf.GGUFReader(base.path))}.items():
        writer.add_string(f"palimpsest.base_{key}", value)


def renew(path, base, args):
    """Writes the adapter file CHECKPOINT with the keys of `base`; tensors are not changed."""
    try:
        reader = gguf.GGUFReader(args.checkpoint)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{args.checkpoint}: cannot be read as GGUF: {error}") from error
    own = lambda key: reader.fields[key].contents() if key in reader.fields else None
    factors = {t.name.removesuffix(".lora_a"): int(t.shape[0]) for t in reader.tensors if t.name.endswith(".lora_a")}
    if own("general.type") != "adapter" or not factors:
        raise SystemExit(f"{args.checkpoint}: not an adapter file")
    if own("palimpsest.base_tokens") != hashes(gguf.GGUFReader(base.path))["tokens"] or any(
            name not in base.weights or base.weights[name].shape[1] != columns for name, columns in factors.items()):
        raise SystemExit(f"{args.checkpoint}: does not fit {base.path}")
    writer = gguf.GGUFWriter(path, own("general.architecture"))
    copy_metadata(writer, reader, OF_BASE)
    add_base(writer, base)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    finish(writer)


def write_adapter(path, trained, base, args):
    """Returns the writer, with all metadata, and the tensors that it is to write."""
    writer = start_writer(path, trained, base, args)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", trained["alpha"])
    writer.add_bool("palimpsest.normalise", False)      # the base and the adapter are trained on text as it is written
    add_base(writer, base)
    return writer, adapter_tensors(trained, base, args.checkpoint)


def write_network(path, trained, base, args):
    if trained["rows"] != "left":
        raise SystemExit(f"{args.checkpoint}: rows {trained['rows']!r} need an architecture name of their own, because "
                         "other programs would read the file causally; none is defined yet")
    if set(trained["weights"]) != set(base.weights):
        raise SystemExit(f"{args.checkpoint}: not the tensors of {base.path}")
    writer = start_writer(path, trained, base, args)
    writer.add_file_type(FILE_TYPES[args.type])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    copy_metadata(writer, gguf.GGUFReader(base.path))
    return writer, {name: w.detach().float().numpy() for name, w in trained["weights"].items()}


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_tensors(writer, tensors, wanted, bits):
    for name, data in tensors.items():
        kind = stored_type(data, wanted)
        writer.add_tensor(name, quantize(data, kind, bits), raw_dtype=kind)
    finish(writer)


def read_back(path, tensors, wanted, bits):
    """Every tensor read back must equal its quantised values; returns the largest error relative to its tensor."""
    stored, worst = {t.name: t for t in gguf.GGUFReader(path).tensors}, 0.0
    if set(stored) != set(tensors):
        raise SystemExit(f"{path}: written tensors are missing")
    for name, data in tensors.items():
        kind, found = stored_type(data, wanted), stored[name]
        got = gguf.quants.dequantize(found.data, found.tensor_type).reshape(data.shape)
        if not np.array_equal(got, gguf.quants.dequantize(quantize(data, kind, bits), kind).reshape(data.shape)):
            raise SystemExit(f"{path}: {name} is not what was written")
        worst = max(worst, float(np.abs(got - data).max() / max(np.abs(data).max(), 1e-30)))
    return worst


def export(args):
    part = args.out.with_name(args.out.name + ".part")      # an older file stays until the new one is whole
    base = read_base(args.base)
    if args.checkpoint.suffix == ".gguf":
        renew(part, base, args)
        part.replace(args.out)
        print(f"{args.out}: {args.out.stat().st_size:,} bytes, with the keys of {base.name}")
        return
    trained = read_trained(args.checkpoint, args.alpha)
    is_adapter = "mask" in trained["weights"]
    if args.out.suffix == ".safetensors":
        from safetensors.torch import save_file
        if not is_adapter:
            raise SystemExit(f"{args.out}: only adapters are kept as safetensors; all weights are a .gguf file")
        adapter_tensors(trained, base, args.checkpoint)
        save_file({name: w.detach().half().contiguous() for name, w in trained["weights"].items()}, args.out)
        print(f"{args.out}: {args.out.stat().st_size:,} bytes")
        return
    writer, tensors = (write_adapter if is_adapter else write_network)(part, trained, base, args)
    write_tensors(writer, tensors, KINDS[args.type], args.bits)
    worst = read_back(part, tensors, KINDS[args.type], args.bits)
    part.replace(args.out)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, largest relative error {worst:.2e}")


def parse_arguments(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("base", type=pathlib.Path, metavar="BASE.gguf")
    p.add_argument("checkpoint", type=pathlib.Path, metavar="CHECKPOINT")
    p.add_argument("out", type=pathlib.Path, metavar="OUT")
    p.add_argument("--name", default="", help="default: the name of the file")
    p.add_argument("--license", default=LICENSE)
    p.add_argument("--type", choices=FILE_TYPES, default="Q8_0")
    p.add_argument("--bits", type=int, choices=range(4, 9), default=8, help="bits of the integers of Q8_0")
    p.add_argument("--alpha", type=float, default=32.0, help="of adapters in files that do not say it (default 32)")
    args = p.parse_args(arguments)
    if args.out.suffix not in (".gguf", ".safetensors"):
        p.error("OUT must end in .gguf or .safetensors")
    if not args.alpha > 0:
        p.error("--alpha must be above 0")
    return args


if __name__ == "__main__":
    export(parse_arguments())
