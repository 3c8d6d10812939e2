"""Boards filled by the network in PyTorch, many at a time, as the engine's sampler `margin` does: after each evaluation
the cell with the largest difference of the two highest probabilities gets its most probable digit."""
import torch

from boards.boards import is_solved


def margins(logits):
    """Probabilities' highest minus second, and the most probable digit (from 1) of every cell."""
    top = logits.softmax(-1).topk(2, -1)
    return top.values[..., 0] - top.values[..., 1], top.indices[..., 0] + 1


@torch.no_grad()
def fill(network, puzzles, loops, reveal=1, batch=64):
    """puzzles: uint8 array [boards, cells] -> filled boards.  reveal: cells that each evaluation fills in."""
    boards = torch.from_numpy(puzzles.astype("int64"))
    for part in boards.split(batch):
        at = torch.arange(len(part))
        while (part == 0).any():
            at = at[(part[at] == 0).any(1)]             # full boards are not evaluated again
            margin, digit = margins(network(part[at], loops, graded=1)[-1])
            margin = margin.masked_fill(part[at] != 0, -1.0)
            best = margin.topk(reveal, 1)
            for column in range(reveal):
                cell, usable = best.indices[:, column], best.values[:, column] >= 0
                part[at[usable], cell[usable]] = digit[usable, cell[usable]]
    return boards.numpy().astype("uint8")


def solved_share(network, test, loops, reveal=1):
    """Share of the puzzles that are solved completely, by the rules: any solution of a puzzle with one is the one."""
    filled = fill(network, test["puzzle"], loops, reveal)
    return float(is_solved(filled, network.shape.box).mean())
