"""Boards of a training step: which cells are given.

Three kinds: solved boards with a random number of cells masked (masked diffusion); puzzles, of which half have further
cells filled in at random, because a sampler meets partly filled boards; and boards of the step before with the cells
filled in that the network was most certain of, as PUMA does (the network's own order), always with the true digits.
"""
import dataclasses

import numpy as np

from boards.boards import shuffled


@dataclasses.dataclass
class Boards:
    """tokens: what the network sees, 0 where open; solution: all digits.  uint8 [boards, cells]."""
    tokens: np.ndarray
    solution: np.ndarray

    def __len__(self):
        return len(self.tokens)

    def of(self, part):
        return Boards(self.tokens[part], self.solution[part])


def joined(parts):
    return Boards(np.concatenate([p.tokens for p in parts]), np.concatenate([p.solution for p in parts]))


def rng_of(*numbers):
    return np.random.default_rng(numbers)


def keep_random(rng, open_cells, share):
    """open_cells [boards, cells] with a random number of them, uniform from 1 to all, in the boards chosen with `share`."""
    count = open_cells.sum(1)
    left = 1 + (rng.random(len(count)) * count).astype(np.int64)
    left = np.where(rng.random(len(count)) < share, left, count)
    order = np.where(open_cells, rng.random(open_cells.shape), 2.0)
    rank = order.argsort(1).argsort(1)
    return rank < left[:, None]


def random_masks(rng, solution):
    return Boards(np.where(keep_random(rng, np.ones(solution.shape, bool), 1.0), 0, solution).astype(np.uint8), solution)


def filled_further(rng, puzzle, solution, share=0.5):
    return Boards(np.where(keep_random(rng, puzzle == 0, share), 0, solution).astype(np.uint8), solution)


def weights_of(puzzles, hard):
    """Probability of each puzzle: those that need a guess count `hard` times, those that need pairs half way between."""
    weight = np.array([1.0, (1.0 + hard) / 2, hard])[puzzles["grade"]]
    return weight / weight.sum()


def draw(rng, data, count, masked, box):
    """`count` boards, a share of `masked` of them solved boards with random masks; each after a random symmetry."""
    at = np.minimum(np.searchsorted(data["cumulative"], rng.random(count)), len(data["grade"]) - 1)
    pairs = shuffled(rng, np.stack([data["puzzle"][at], data["solution"][at]], 1), box)
    first = int(round(masked * count))
    return joined([random_masks(rng, pairs[:first, 1]), filled_further(rng, pairs[first:, 0], pairs[first:, 1])])


def further(rng, boards, margin, longest=12):
    """The next boards in the network's own order: 1 to `longest` of the cells with the highest margin are filled in.

    margin [boards, cells]: difference of the two highest probabilities.  Boards that are then full are left out."""
    open_cells = boards.tokens == 0
    order = np.where(open_cells, -margin, np.inf).argsort(1).argsort(1)
    revealed = open_cells & (order < rng.integers(1, longest + 1, (len(boards), 1)))
    tokens = np.where(revealed, boards.solution, boards.tokens)
    left = (tokens == 0).any(1)
    return Boards(tokens[left], boards.solution[left])
