#!/usr/bin/env python3
"""Writes a trained picture network as GGUF and reads it back.

usage: export.py --run DIR --out FILE.gguf [--type Q8_0|F16|F32] [--name NAME] [--license TEXT] [--neighbours FILE]

DIR holds best.pt of train.py and, once heads.py has run, heads.pt: the heads and the table of Gamma, without which the
file can be drawn from by fewer samplers.  The quantised file has F16 where blocks of 32 do not fit the channels.
"""
import argparse
import pathlib

import torch

from files import read_back, write


def load(run):
    checkpoint = torch.load(run / "best.pt", weights_only=True)
    if (run / "heads.pt").exists():
        heads = torch.load(run / "heads.pt", weights_only=True)
        if heads["seen"] != checkpoint["seen"]:
            raise SystemExit(f"{run}/heads.pt belongs to another network: run heads.py again")
        checkpoint["weights"] |= heads["weights"]
        checkpoint["head_arguments"] = heads["arguments"]
    return checkpoint


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--run", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--type", choices=("F32", "F16", "Q8_0"), default="Q8_0")
    p.add_argument("--name", default="")
    p.add_argument("--license", default="MIT")
    p.add_argument("--neighbours", default="", help="picture sheet beside the model")
    args = p.parse_args(argv)
    checkpoint = load(args.run)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    part = args.out.with_suffix(".part")
    write(part, checkpoint, args.type, args.name or args.out.stem, args.license, args.neighbours)
    worst = read_back(part, checkpoint, args.type)
    part.replace(args.out)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, {checkpoint['seen']:,} pictures seen, "
          f"largest relative error {worst:.2e}")


if __name__ == "__main__":
    main()
