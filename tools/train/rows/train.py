#!/usr/bin/env python3
"""Trains a network that fills blanks in any order, by query rows over a Llama-type GGUF file.

usage: train.py BASE.gguf --out DIR --steps N FILE=SHARE... [--train adapter|all] [--init FILE] [--resume] ...

FILE is an array of token ids (.npy of texts.py, .npz of tools/data/prepare.py) and is chosen for SHARE of the windows.
--train adapter (default) leaves the base as it is and trains low-rank adapters of the query rows and a mask vector;
--train all trains every weight, and reads the mask token of the vocabulary.

DIR receives last.pt (everything needed to resume), average.pt (averaged weights, for export.py) and log.jsonl (the
curve).  The run stops after N steps in all, or saves and stops at SIGTERM and Ctrl-C; --resume goes on exactly where it
stopped, also with another --steps, --length, --batch or --lr.  --init takes the weights of an average.pt, a .gguf file
or a .safetensors file with an adapter; state files of the prototype (with optimizer and step) are taken whole.
"""
import argparse
import os
import pathlib
import sys
import time

import numpy as np
import torch

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from loop import stop_on_signals  # noqa: E402
from precision import add_option, choose, dtype_of  # noqa: E402
from rows.base import read_base  # noqa: E402
from rows.pages import SHORTEST  # noqa: E402
from rows.texts import read_mixture, read_tokens  # noqa: E402
from rows.training import Training, windows_of  # noqa: E402


def parse_arguments(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("base", type=pathlib.Path, metavar="BASE.gguf")
    p.add_argument("texts", nargs="+", metavar="FILE=SHARE")
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--steps", type=int, required=True, help="total number of steps at the end")
    p.add_argument("--train", choices=("adapter", "all"), default="adapter")
    p.add_argument("--rows", choices=("left", "both"), default="left",
                   help="what rows of given tokens see: what is left of them (default), or all given tokens")
    p.add_argument("--init", type=pathlib.Path, help="file with the initial weights")
    p.add_argument("--resume", action="store_true", help="continue from OUT/last.pt")
    p.add_argument("--length", type=int, default=128, help="places of a window (default 128)")
    p.add_argument("--batch", type=int, default=32, help="windows per step (default 32)")
    p.add_argument("--part", type=int, default=16, help="windows that are evaluated at once (default 16)")
    p.add_argument("--random", type=float, default=0.25,
                   help="share of random orders (default 0.25); in the others every blank is filled from its left")
    p.add_argument("--wide", type=float, default=0.6,
                   help="of the windows with blanks, the share whose blanks are free in length (default 0.6)")
    p.add_argument("--crowd", type=float, default=1.0, help="factor of the number of blanks in a window (default 1)")
    p.add_argument("--given", type=float, default=1.0,
                   help="share of windows whose places are asked for a second time, with the given text only (default 1)")
    p.add_argument("--long", type=int, default=0, metavar="LENGTH",
                   help="train on windows of this length too, with fewer of them in a step and in a part")
    p.add_argument("--long-share", type=float, default=0.25,
                   help="share of a step's tokens that are in windows of --long (default 0.25)")
    p.add_argument("--from-start", type=float, default=0.0, metavar="SHARE",
                   help="share of windows that begin where a document or a line does (default 0: anywhere); some of them "
                        "begin with a blank")
    p.add_argument("--end-weight", type=float, default=0.0,
                   help="additional weight of the decision where a blank of free length ends (default 0)")
    p.add_argument("--rank", type=int, default=16, help="rank of the adapters")
    p.add_argument("--alpha", type=float, default=32.0, help="adapters are scaled by alpha / rank")
    p.add_argument("--lr", type=float, default=5e-4)
    p.add_argument("--muon-lr", type=float, default=0.0,
                   help="with --train all: Muon at this rate for the matrices of the layers (default: AdamW for all)")
    p.add_argument("--warmup", type=int, default=20, help="steps in which the learning rate rises")
    p.add_argument("--decay", type=float, default=0.0,
                   help="fraction of the steps over which the learning rate falls to zero (default 0: it stays)")
    p.add_argument("--weight-decay", type=float, default=0.0)
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--ema", type=float, default=0.995, help="average of the weights: what is kept of it at each step")
    p.add_argument("--valid", nargs="*", default=[], metavar="FILE",
                   help="held-out texts: nats per token of blanks of 4 and 12 tokens, and of ends of blanks, in the curve")
    p.add_argument("--valid-windows", type=int, default=64)
    p.add_argument("--every", type=int, default=100, help="steps between validations")
    p.add_argument("--print", type=int, default=5, help="steps between lines of output", dest="print_every")
    p.add_argument("--save", type=int, default=25, help="steps between points of the curve, each with a save")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=0, help="default: all cores")
    p.add_argument("--start-token", type=int, help="token at place 0; default: the file's key or the vocabulary's")
    p.add_argument("--empty-token", type=int, help="token that ends a blank; default: <empty> or <|endoftext|>")
    p.add_argument("--compile", action="store_true",
                   help="compile each layer (about 1.5 times as fast, a minute later; needs a C++ compiler)")
    add_option(p)
    args = p.parse_args(arguments)
    check(p, args)
    return args


def check(parser, args):
    for name in ("steps", "batch", "part", "rank", "valid_windows", "every", "print_every", "save"):
        if getattr(args, name) < 1:
            parser.error(f"--{name.removesuffix('_every').replace('_', '-')} must be at least 1")
    if not 0 < args.crowd <= 4:
        parser.error("--crowd must be above 0 and at most 4")
    if args.muon_lr and args.train != "all":
        parser.error("--muon-lr needs --train all: adapters are trained by AdamW")
    if args.length < SHORTEST:
        parser.error(f"--length must be at least {SHORTEST}")
    for name in ("random", "wide", "given", "from_start", "long_share", "decay", "ema"):
        if not 0 <= getattr(args, name) <= 1:
            parser.error(f"--{name.replace('_', '-')} must be from 0 to 1")
    if args.long and args.long <= args.length:
        parser.error("--long must be more than --length")
    if args.long and min(count for _, count, _ in windows_of(args)) < 1:
        parser.error("--long: a step would have no window of one of the lengths; change --long-share or --batch")
    if args.resume and not (args.out / "last.pt").is_file():
        parser.error(f"--resume: there is no {args.out / 'last.pt'}")
    if not args.resume and (args.out / "last.pt").exists():
        parser.error(f"{args.out} has a run already: --resume continues it, another --out starts a new one")


def open_run(args):
    """The run with everything that it reads."""
    base = read_base(args.base, args.start_token, args.empty_token)
    longest = max(args.length, args.long)
    if longest > base.shape.context:
        raise SystemExit(f"--l{'ong' if args.long else 'ength'} {longest}: the base has a context of "
                         f"{base.shape.context} tokens")
    read = lambda path: read_tokens(path, base.start, base.shape.vocab)
    held_out = {pathlib.Path(path).name.split(".")[0]: read(path) for path in args.valid}
    texts, shares = read_mixture(args.texts, base.start, base.shape.vocab, longest)
    run = Training(args, base, texts, shares, held_out)
    if run.step >= args.steps:
        raise SystemExit(f"--steps {args.steps}: the run has made {run.step} steps already; give a larger number")
    return run


def add_point(run, losses, hours):
    """A point of the curve, with a save; returns what it says about held-out texts."""
    point = {"step": run.step, "seen": run.seen, "loss": float(np.mean(losses)), "hours": run.hours + hours}
    if run.held_out and (run.step % run.args.every == 0 or run.step >= run.args.steps):
        point["valid"] = run.validate()
    run.log.append(point)
    run.save(hours)
    return "".join(f"  {name} {', '.join(f'{span}: {nats:.3f}' for span, nats in found.items())}"
                   for name, found in point.get("valid", {}).items())


def train(run):
    """Steps until the end or a signal; every step's windows depend on the seed and its number only."""
    args, stop, began, first, losses, pending = run.args, stop_on_signals(), time.time(), run.seen, [], []
    while run.step < args.steps and not stop:
        losses.append(run.train_step())
        pending.append(losses[-1])
        seconds = time.time() - began
        if run.step % args.print_every == 0:
            print(f"step {run.step}  {run.seen:,} targets  loss {np.mean(losses[-50:]):.4f}  "
                  f"{(run.seen - first) / seconds:.0f} targets/s  {seconds / 60:.1f} min", flush=True)
        if run.step % args.save == 0 or run.step >= args.steps or stop:
            held_out = add_point(run, pending, seconds / 3600)
            pending = []
            if held_out:
                print(f"nats per token of held-out blanks:{held_out}", flush=True)
    print(f"{'stopped' if stop else 'done'} after step {run.step}; --resume goes on", flush=True)


def main():
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads or os.cpu_count() or 1)
    torch.set_flush_denormal(True)
    run = open_run(args)
    args.precision = choose(args.precision, lambda precision: run.trial_step(dtype_of(precision)))
    run.network.use(dtype_of(args.precision))
    if args.compile:
        run.network.compile_layers()
    print(f"{sum(p.numel() for p in run.network.parameters()):,} parameters, {torch.get_num_threads()} threads, "
          f"from step {run.step}", flush=True)
    train(run)


if __name__ == "__main__":
    main()
