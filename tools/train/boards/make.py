#!/usr/bin/env python3
"""Makes the boards that the network of Sudoku is trained on and those it is measured on, all by `palimpsest sudoku`.

usage: make.py --palimpsest build/release/palimpsest --out build/boards [--train 40000x24-27,...]
               [--test 22-26,27-29,30-40,41-45] [--each 500]

OUT/train.npz and OUT/test.npz have the puzzles, solutions and grades, OUT/boards.json how they were made and the counts
of the check: solutions of test boards whose canonical form a training board has too (or an earlier test board) are left
out and made again with the next number, so that no solution of a test board equals one of training up to symmetry.
"""
import argparse
import concurrent.futures
import json
import pathlib
import sys

import numpy as np

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from boards.boards import made  # noqa: E402

TRAIN_SEED, TEST_SEED, PART = 20261129, 7, 1000
TRAIN = {3: "40000x24-27,4000x23,1500x22,8000x28-45", 2: "4000x4-12"}
TEST = {3: "22-26,27-29,30-40,41-45", 2: "4-6,7-12"}


def joined(parts):
    """The results of `made`, one after the other."""
    return {"canonical": [text for part in parts for text in part["canonical"]],
            **{key: np.concatenate([part[key] for part in parts]) for key in ("puzzle", "solution", "grade")}}


def training_boards(a):
    """Every part of --train has a seed of its own."""
    jobs = []
    for number, part in enumerate(a.train.split(",")):
        count, givens = part.split("x")
        jobs += [(a.palimpsest, min(PART, int(count) - first), givens, TRAIN_SEED + number, first, a.box)
                 for first in range(0, int(count), PART)]
    with concurrent.futures.ThreadPoolExecutor(a.processes) as pool:
        return joined(list(pool.map(lambda job: made(*job), jobs)))


def test_boards(a, givens, seed, known):
    """a.each boards with these givens whose canonical forms are not in `known`, which gets them; those left out."""
    kept, left_out, first = [], 0, 0
    while sum(len(part["grade"]) for part in kept) < a.each:
        drawn = made(a.palimpsest, a.each - sum(len(part["grade"]) for part in kept), givens, seed, first, a.box)
        first += len(drawn["grade"])
        new = []
        for at, text in enumerate(drawn["canonical"]):
            if text not in known:
                new.append(at)
                known.add(text)
        left_out += len(drawn["grade"]) - len(new)
        kept.append({"canonical": [drawn["canonical"][at] for at in new],
                     **{key: drawn[key][new] for key in ("puzzle", "solution", "grade")}})
    return joined(kept), left_out


def save(path, boards, **more):
    arrays = {key: value for key, value in boards.items() if key != "canonical"}
    np.savez_compressed(path, **arrays, **more)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--palimpsest", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--box", type=int, choices=(2, 3), default=3)
    p.add_argument("--train", help="parts COUNTxGIVENS with commas between")
    p.add_argument("--test", help="bands of givens with commas between")
    p.add_argument("--each", type=int, default=500, help="test boards of each band")
    p.add_argument("--processes", type=int, default=2)
    a = p.parse_args()
    a.train, a.test = a.train or TRAIN[a.box], a.test or TEST[a.box]
    a.out.mkdir(parents=True, exist_ok=True)
    train = training_boards(a)
    known = set(train["canonical"])
    about = {"box": a.box, "train": a.train, "train_boards": len(train["grade"]), "train_classes": len(known),
             "train_seed": TRAIN_SEED, "test_seed": TEST_SEED, "test": {}}
    parts, bands = [], []
    for number, givens in enumerate(a.test.split(",")):
        part, left_out = test_boards(a, givens, TEST_SEED + number, known)
        about["test"][givens] = {"boards": len(part["grade"]), "left_out_as_equal": left_out}
        parts.append(part)
        bands += [number] * len(part["grade"])
    about["shared_classes"] = len(set(train["canonical"]) & set(text for part in parts for text in part["canonical"]))
    save(a.out / "train.npz", train)
    save(a.out / "test.npz", joined(parts), band=np.array(bands, np.uint8))
    (a.out / "boards.json").write_text(json.dumps(about, indent=1) + "\n")
    print(json.dumps(about))


if __name__ == "__main__":
    main()
