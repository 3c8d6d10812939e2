"""Boards as arrays of digits (0: open), their relations and symmetries, and boards made by `palimpsest sudoku`.

A board has n x n cells, n = box * box; cells are numbered row by row.  No rule of Sudoku is here except which cells share
a row, a column or a box: puzzles, their solutions, grades and canonical forms come from the command.
"""
import json
import subprocess

import numpy as np

RELATIONS = ("same cell", "row", "column", "box", "row and box", "column and box", "none")
GRADES = ("singles", "pairs", "guess")          # as the command names them


def relations(box):
    """[cells, cells]: the index in RELATIONS of how cell j is related to cell i."""
    n = box * box
    row, column = np.divmod(np.arange(n * n), n)
    same = lambda x: x[:, None] == x[None]
    in_row, in_column, in_box = same(row), same(column), same(row // box * box + column // box)
    related = np.select([in_row & in_column, in_row & in_box, in_column & in_box, in_row, in_column, in_box],
                        [0, 4, 5, 1, 2, 3], 6)
    return related.astype(np.int64)


def parse(text):
    """Digits and dots -> uint8 array."""
    return np.frombuffer(text.encode(), np.uint8) * (np.frombuffer(text.encode(), np.uint8) != ord(".")) % 48


def show(board):
    """The array as digits and dots."""
    return "".join("." if digit == 0 else str(digit) for digit in board)


def made(command, count, givens, seed, first=0, box=3, canonical=True):
    """Puzzles with one solution: {"puzzle", "solution" [count, cells], "grade" [count], "canonical" list of texts}."""
    arguments = [str(command), "sudoku", "--make", str(count), "--givens", givens, "--seed", str(seed), "--first", str(first),
                 "--solutions", "--json", *(["--canonical"] if canonical else []), *(["--small"] if box == 2 else [])]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {"puzzle": np.stack([parse(row["puzzle"]) for row in rows]),
            "solution": np.stack([parse(row["solution"]) for row in rows]),
            "grade": np.array([GRADES.index(row["grade"]) for row in rows], np.uint8),
            "canonical": [row.get("canonical") for row in rows]}


def line_orders(rng, count, box):
    """[count, n]: random orders of the lines in which those of a band stay together."""
    band = rng.random((count, box)).argsort(1)
    within = rng.random((count, box, box)).argsort(2)
    return (band[:, :, None] * box + within).reshape(count, box * box)


def shuffled(rng, boards, box):
    """The same random symmetry for all boards of a row: boards [count, k, cells] -> the same shape.

    Symmetries are new names of the digits, transposition, and permuted bands, stacks, rows and columns within them."""
    count, n = len(boards), box * box
    cells = line_orders(rng, count, box)[:, :, None] * n + line_orders(rng, count, box)[:, None, :]
    turned = rng.random(count) < 0.5
    cells[turned] = cells[turned].transpose(0, 2, 1)
    names = np.concatenate([np.zeros((count, 1), np.int64), 1 + rng.random((count, n)).argsort(1)], 1)
    moved = np.take_along_axis(boards, cells.reshape(count, 1, n * n), 2)
    return np.take_along_axis(names[:, None], moved.astype(np.int64), 2).astype(np.uint8)


def is_solved(boards, box):
    """[count]: whether rows, columns and boxes have every digit once.  boards [count, cells]."""
    n = box * box
    grid = boards.reshape(-1, n, n)
    boxes = grid.reshape(-1, box, box, box, box).transpose(0, 1, 3, 2, 4).reshape(-1, n, n)
    units = np.concatenate([grid, grid.transpose(0, 2, 1), boxes], 1)
    return (np.sort(units, 2) == np.arange(1, n + 1)).all((1, 2))
