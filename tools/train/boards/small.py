#!/usr/bin/env python3
"""Boards of 4 x 4, where everything can be enumerated: trains a small network and compares it with the exact answer.

usage: small.py --out build/boards4 [--boards 40000]

There are 288 solved boards.  Given the known cells of a board drawn evenly from them, the probability of each digit in a
cell is the share of the boards that agree with the known cells; a masked network should learn just that, for every set of
known cells.  Prints how far it is from it (Kullback-Leibler divergence in nats, beside the entropy), by number of givens,
and the share of all drawn puzzles with one solution that `margin` solves.
"""
import argparse
import itertools
import json
import pathlib
import sys

import numpy as np
import torch

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from boards.batch import random_masks  # noqa: E402
from boards.boards import is_solved  # noqa: E402
from boards.solve import solved_share  # noqa: E402
from boards.train import parse_arguments, run  # noqa: E402
from boards.training import BoardTraining  # noqa: E402

OPTIONS = ("--box 2 --dim 64 --layers 2 --heads 4 --hidden 128 --loops 8 --batch 128 --parts 4 --bands 4-12 --reveal 1 "
           "--masked 0.7 --every 20000").split()


def solved_boards():
    """All 288, uint8 [288, 16]."""
    rows = np.array(list(itertools.permutations((1, 2, 3, 4))), np.uint8)
    pairs = np.stack([np.concatenate(pair) for pair in itertools.product(rows, rows)])
    pairs = pairs[[(np.sort(np.concatenate((p[[0, 1, 4, 5]], p[[2, 3, 6, 7]])).reshape(2, 4)) == [1, 2, 3, 4]).all() for p in pairs]]
    boards = np.concatenate([np.concatenate([np.tile(top, (len(pairs), 1)), pairs], 1) for top in pairs])
    return boards[is_solved(boards, 2)]


def exact(tokens, solved):
    """Probabilities [boards, cells, digits], given what is not 0; and the number of solved boards that agree."""
    agrees = ((tokens[:, None] == 0) | (tokens[:, None] == solved[None])).all(2).astype(np.float64)
    count = agrees.sum(1)
    digits = (solved[:, :, None] == np.arange(1, 5)).astype(np.float64)
    return np.einsum("bs,scd->bcd", agrees, digits) / count[:, None, None], count


def draw(rng, solved, count):
    """Random masks of solved boards drawn evenly."""
    return random_masks(rng, solved[rng.integers(len(solved), size=count)])


def make(out, solved, seed=1, count=4000):
    """train.npz and test.npz: boards with one solution.  Every solved board is in both, because there are no others."""
    out.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(("train", "test")):
        drawn = draw(np.random.default_rng((seed, number)), solved, count)
        one = exact(drawn.tokens, solved)[1] == 1
        kept = {"puzzle": drawn.tokens[one], "solution": drawn.solution[one], "grade": np.zeros(one.sum(), np.uint8)}
        np.savez_compressed(out / f"{name}.npz", **kept, band=np.zeros(one.sum(), np.uint8))


@torch.no_grad()
def compare(network, solved, loops, count=4000, seed=2):
    """[{"givens", "boards", "entropy", "divergence"}]: means over the open cells, in nats."""
    drawn = draw(np.random.default_rng(seed), solved, count)
    true, _ = exact(drawn.tokens, solved)
    guessed = network(torch.from_numpy(drawn.tokens.astype(np.int64)), loops)[-1].log_softmax(-1).double().numpy()
    log = np.log(np.where(true > 0, true, 1.0))
    entropy, divergence = -(true * log).sum(2), (true * (log - guessed)).sum(2)
    givens, rows = (drawn.tokens > 0).sum(1), []
    for low, high in ((0, 3), (4, 7), (8, 11), (12, 15)):
        at = (drawn.tokens == 0) & ((givens >= low) & (givens <= high))[:, None]
        rows.append({"givens": f"{low}-{high}", "boards": int(at.any(1).sum()), "entropy": float(entropy[at].mean()),
                     "divergence": float(divergence[at].mean())})
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--boards", type=int, default=40000)
    a, more = p.parse_known_args()
    solved = solved_boards()
    make(a.out, solved)
    sys.argv[1:] = ["--data", str(a.out), "--out", str(a.out), "--boards", str(a.boards), *OPTIONS, *more]
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    training = BoardTraining(args)
    run(training, [])

    def measure():
        return {"rows": compare(training.network, solved, args.loops),
                "solved": solved_share(training.network, training.test, args.loops), "puzzles": len(training.test["grade"])}
    print(json.dumps(training.with_average(measure), indent=1))


if __name__ == "__main__":
    main()
