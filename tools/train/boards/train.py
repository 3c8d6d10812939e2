#!/usr/bin/env python3
"""Trains the network of boards by masked diffusion, with loops.

usage: train.py --data build/boards --out build/train/sudoku --boards 150000 [--resume] ...

--data is what make.py wrote.  --out receives last.pt (everything needed to resume), best.pt (averaged weights), log.jsonl.
Every part of a step runs a random number of loops up to --loops; the loss is taken after each of the last --graded loops,
and gradients go through these only.  SIGTERM saves and stops; --resume goes on exactly, also with another --boards.
"""
import argparse
import pathlib
import sys
import time

import torch

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from boards.training import BoardTraining  # noqa: E402
from loop import stop_on_signals  # noqa: E402
from together import start  # noqa: E402


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--boards", type=float, required=True, help="total number of boards at the end")
    p.add_argument("--resume", action="store_true", help="continue from OUT/last.pt")
    p.add_argument("--box", type=int, choices=(2, 3), default=3)
    p.add_argument("--seed", type=int, default=1)
    for name, default in (("dim", 128), ("layers", 2), ("heads", 4), ("hidden", 320)):
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--batch", type=int, default=64, help="boards per step")
    p.add_argument("--parts", type=int, default=4, help="parts of a step, each with its own number of loops")
    p.add_argument("--loops", type=int, default=16, help="most loops")
    p.add_argument("--grow", type=float, default=0.4, help="share of the run in which the most loops grow from 4")
    p.add_argument("--graded", type=int, default=4, help="last loops that have a loss and gradients")
    p.add_argument("--masked", type=float, default=0.3, help="of the new boards: solved boards with random masks, not puzzles")
    p.add_argument("--further", type=float, default=0.25, help="most boards that go on from the step before (PUMA)")
    p.add_argument("--hard", type=float, default=3.0, help="how many times as often puzzles that need a guess are drawn")
    p.add_argument("--muon-lr", type=float, default=0.02)
    p.add_argument("--adam-lr", type=float, default=3e-3)
    p.add_argument("--weight-decay", type=float, default=0.01)
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--warmup", type=float, default=3000, help="boards")
    p.add_argument("--decay", type=float, default=0.4, help="fraction of the boards over which the rate falls to zero")
    p.add_argument("--ema", type=float, default=0.99, help="per step; grows from 0 in the first steps")
    p.add_argument("--every", type=float, default=6400, help="boards between validations and saved states")
    p.add_argument("--validate", type=int, default=64, help="held-out puzzles of each band in a validation")
    p.add_argument("--bands", nargs="+", default=["22-26", "27-29", "30-40", "41-45"], help="names of the bands of test.npz")
    p.add_argument("--reveal", type=int, default=4, help="cells at a time in a validation")
    p.add_argument("--minutes", type=float, help="save and stop after so many")
    p.add_argument("--processes", type=int, default=1, help="processes that share every step, each with some of its parts")
    p.add_argument("--threads", type=int, default=1, help="threads per process")
    p.add_argument("--compile", action="store_true", help="torch.compile (faster, a minute later; needs a C++ compiler)")
    args = p.parse_args()
    if args.batch % args.parts or args.parts < args.processes:
        p.error("--batch must be a multiple of --parts, which must be at least --processes")
    return args


def report(training, losses, hours, say):
    """Validates, saves and adds a row to the log."""
    mean = sum(losses) / len(losses)
    training.log.append({"step": training.step, "seen": training.seen, "hours": training.hours + hours,
                         "loss": mean.tolist(), "solved": training.validate()})
    training.save(hours)
    say(training.log[-1], flush=True)


def run(training, asked, say=print):
    """Steps until the end, a signal or --minutes; the first process validates and saves, every args.every boards and at
    the end."""
    a, began, losses, stop = training.args, time.monotonic(), [], False
    hours = lambda: (time.monotonic() - began) / 3600
    began_at = training.seen
    while training.seen < a.boards and not stop:
        before = training.seen
        loss, stop = training.train_step(bool(asked) or bool(a.minutes and hours() * 60 > a.minutes))
        losses.append(loss)
        if training.step % 20 == 0:
            mean = sum(losses[-20:]) / len(losses[-20:])
            say(f"step {training.step}: {training.seen} boards, loss {mean[0]:.4f} {mean[1]:.4f}, loops to "
                f"{training.most_loops()}, {(training.seen - began_at) / 3600 / hours():.1f} boards/s", flush=True)
        if training.group.rank == 0 and (training.seen // a.every > before // a.every or training.seen >= a.boards):
            report(training, losses, hours(), say)
            losses = []
        elif training.group.rank == 0 and stop:
            training.save(hours())
            say(f"stopped at {training.seen} boards; --resume goes on", flush=True)


def train(group, args):
    """The whole run of one process."""
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    run(BoardTraining(args, group), stop_on_signals(), print if group.rank == 0 else lambda *_, **__: None)


def main():
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    start(args.processes, train, args)


if __name__ == "__main__":
    main()
