#!/usr/bin/env python3
"""Converts a llama2.c checkpoint or a folder with a Hugging Face model to a GGUF file."""
import argparse
import pathlib
import sys

import gguf

import huggingface
import llama2c
import output
from parts import Refused, require

EXAMPLES = """examples:
  convert.py stories15M.bin --tokenizer tokenizer.bin -o stories15M.gguf --type Q8_0
  convert.py SmolLM-135M/ -o smollm-135m.gguf
  convert.py gpt2/ -o gpt2.gguf --type Q4_0 --name GPT-2 --license MIT
  convert.py sedd-small/ --tokenizer gpt2/ -o sedd-small.gguf --type Q8_0 --license MIT

A folder holds config.json, model.safetensors (or its shards and their index) and tokenizer.json or tokenizer.model;
LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM and GPT2LMHeadModel are known, and SEDD, MDLM and RADD.  What cannot be converted
faithfully is refused, with the reason.  tools/convert/README.md has the details."""


def arguments(words):
    p = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("source", type=pathlib.Path, help="a llama2.c .bin file, or a folder")
    p.add_argument("--tokenizer", type=pathlib.Path, metavar="FILE",
                   help="llama2.c's tokenizer (default: tokenizer.bin in the folder of the source); for SEDD, MDLM "
                   "and RADD a folder with GPT-2's tokenizer.json (default: the folder of the source)")
    p.add_argument("-o", "--output", type=pathlib.Path, required=True, metavar="FILE", help="the GGUF file to write")
    p.add_argument("--type", choices=output.TYPES, default="F16",
                   help="of the matrices (default F16); rows that are not whole blocks of 32 stay F16, vectors F32")
    p.add_argument("--name", help="general.name (default: the source's name)")
    p.add_argument("--author", default="", metavar="TEXT", help="general.author (default: none)")
    p.add_argument("--license", default="", metavar="TEXT", help="general.license (default: none)")
    return p.parse_args(words)


def load(args):
    if args.source.is_dir():
        return huggingface.load(args.source, args.tokenizer)
    return llama2c.load(args.source, args.tokenizer or args.source.with_name("tokenizer.bin"))


def main(words=None):
    args = arguments(words)
    try:
        model = load(args)
        source = args.source.resolve()
        name = args.name or (source.name if source.is_dir() else source.stem)
        output.write(args.output, model, args.type, {"name": name, "author": args.author, "license": args.license})
    except Refused as reason:
        print(f"convert.py: {reason}", file=sys.stderr)
        return 1
    kinds = {gguf.GGMLQuantizationType(output.stored_type(t, output.TYPES[args.type][0])).name for t in model.tensors}
    print(f"{args.output}: {model.architecture}, {len(model.tensors)} tensors ({', '.join(sorted(kinds))}), "
          f"{len(model.vocabulary.tokens)} tokens ({model.vocabulary.kind}, {model.vocabulary.pre}), "
          f"{args.output.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
