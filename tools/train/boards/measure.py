#!/usr/bin/env python3
"""Measures a model of boards by the command: which share of the held-out puzzles each order of filling solves completely.

usage: measure.py --palimpsest build/release/palimpsest --model models/sudoku.gguf --data build/boards --out build/measures
                  [--samplers margin,...] [--bands 30-40,...] [--boards 500] [--loops 1,2,...] [--loop-boards 100]
                  [--minutes N] [--jobs N]

OUT/boards.jsonl gets a row for each board, so that a run that was stopped goes on where it was; rows of another model file
are not counted.  The digits are always the most probable ones (temperature 0): the orders alone differ.  First come all
boards of `margin`, then those of the other orders in turn, some boards of each band at a time, then more and fewer loops on
the first band.  Prints the tables of the card.
"""
import argparse
import concurrent.futures
import json
import pathlib
import sys
import tempfile
import time

import numpy as np

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import engine  # noqa: E402
from boards.boards import GRADES, parse, show  # noqa: E402

SAMPLERS = ("margin", "confidence", "entropy", "remask", "first-hitting")
LOOPS = (1, 2, 4, 8, 16, 32, 64)
PART = 10               # boards of one run of the command
SEED = 11


def read_test(folder):
    """{band: {"puzzle", "solution", "grade"}} of test.npz, with the names of boards.json."""
    names = list(json.loads((folder / "boards.json").read_text())["test"])
    with np.load(folder / "test.npz") as data:
        return {name: {key: data[key][data["band"] == number] for key in ("puzzle", "solution", "grade")}
                for number, name in enumerate(names)}


def jobs_of(a, test, default):
    """(sampler, loops, band, first board) of every part, the most important ones first."""
    parts = lambda most: range(0, most, PART)
    bands = [name for name in test if not a.bands or name in a.bands]
    size = {name: min(a.boards, len(test[name]["grade"])) for name in bands}
    first = [("margin", default, name, at) for name in bands for at in parts(size[name]) if "margin" in a.samplers]
    others = [(sampler, default, name, at) for at in parts(a.boards) for name in bands for sampler in a.samplers
              if sampler != "margin" and at < size[name]]
    loops = [("margin", loops, bands[0], at) for at in parts(min(a.loop_boards, size[bands[0]])) for loops in a.loops
             if loops != default or "margin" not in a.samplers]
    return first + others + loops


def measured(a, test, job):
    """The rows of a part: runs the command and compares its boards with the solutions."""
    sampler, loops, band, first = job
    boards = test[band]
    at = range(first, min(first + PART, a.boards, len(boards["grade"])))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(show(boards["puzzle"][i]) + "\n" for i in at))
        file.flush()
        filled = engine.run(a.palimpsest, "infill", "-m", a.model, "--pages", "--file", file.name, "--sampler", sampler, "--loops",
                            loops, "--temperature", 0, "--seed", SEED + first, "--threads", 1)
    return [{"model": a.digest, "sampler": sampler, "loops": loops, "band": band, "board": i, "grade": GRADES[boards["grade"][i]],
             "solved": bool((parse(page["board"]) == boards["solution"][i]).all()), "evaluations": page["evaluations"]}
            for i, page in zip(at, filled, strict=True)]


def read_rows(path, digest):
    """The rows of this model file, each board once."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {(r["sampler"], r["loops"], r["band"], r["board"]): r for r in rows if r["model"] == digest}


def measure(a, test, default):
    """Runs what is missing, at most a.minutes; adds the rows to OUT/boards.jsonl."""
    began, path = time.monotonic(), a.out / "boards.jsonl"
    found = read_rows(path, a.digest)
    missing = [job for job in jobs_of(a, test, default) if job not in found]
    late = lambda: a.minutes is not None and time.monotonic() - began > 60 * a.minutes
    work = lambda job: [] if late() else measured(a, test, job)
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool, path.open("a") as file:
        for future in concurrent.futures.as_completed([pool.submit(work, job) for job in missing]):
            file.write("".join(json.dumps(row) + "\n" for row in future.result()))
            file.flush()
    return list(read_rows(path, a.digest).values())


def cell(rows):
    """Share that is solved, with the number of boards."""
    return f"{100 * sum(r['solved'] for r in rows) / len(rows):.1f} % of {len(rows)}" if rows else "-"


def table(head, lines):
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *lines])


def tables(rows, default):
    """Markdown: orders by givens, orders by technique, loops.  Orders are compared on the boards that all of them have."""
    bands = sorted({r["band"] for r in rows}, key=lambda band: int(band.split("-")[0]))
    usual = [r for r in rows if r["loops"] == default]
    samplers = [s for s in SAMPLERS if any(r["sampler"] == s for r in usual)]
    of = lambda some, **what: [r for r in some if all(r[key] == value for key, value in what.items())]
    by_band = [[f"`{s}`", *(cell(of(usual, sampler=s, band=band)) for band in bands)] for s in samplers]
    boards = lambda s: {(r["band"], r["board"]) for r in of(usual, sampler=s)}
    common = set.intersection(*(boards(s) for s in samplers))
    shared = [r for r in usual if (r["band"], r["board"]) in common]
    by_grade = [[f"`{s}`", *(cell(of(shared, sampler=s, grade=grade)) for grade in GRADES)] for s in samplers]
    looped = {n: of(rows, sampler="margin", loops=n, band=bands[0]) for n in sorted({r["loops"] for r in rows})}
    looped = {n: some for n, some in looped.items() if some}
    same = set.intersection(*({r["board"] for r in some} for some in looped.values())) if looped else set()
    by_loops = [[str(n), cell([r for r in some if r["board"] in same])] for n, some in looped.items()]
    return "\n\n".join([table(["order", *(f"{band} givens" for band in bands)], by_band),
                        table(["order", *GRADES], by_grade),
                        table(["loops", f"`margin`, {bands[0]} givens"], by_loops)])


def default_loops(model):
    import gguf

    return gguf.GGUFReader(model).fields["sudoku.loop_count"].contents()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("palimpsest", "model", "data", "out"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    names = lambda text: text.split(",")
    p.add_argument("--samplers", type=names, default=SAMPLERS)
    p.add_argument("--bands", type=names)
    p.add_argument("--boards", type=int, default=500, help="of each band")
    p.add_argument("--loops", type=lambda text: [int(n) for n in text.split(",")], default=LOOPS)
    p.add_argument("--loop-boards", type=int, default=100, help="boards of the first band for each number of loops")
    p.add_argument("--minutes", type=float)
    p.add_argument("--jobs", type=int, default=1, help="commands that run at the same time")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    a.digest, default = engine.sha256(a.model), default_loops(a.model)
    print(tables(measure(a, read_test(a.data), default), default))


if __name__ == "__main__":
    main()
