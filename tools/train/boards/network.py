"""The network of boards: a few layers that are run again and again, their answer fed back into the next loop.

Attention sees all cells; where a cell is, it learns only from a bias for each relation between two cells (same row,
column, box, ...).  No rule of Sudoku is built in.  Parameter names are the GGUF tensor names.
"""
import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

from boards.boards import RELATIONS, relations

BIAS_SCALE = 8.0                # parameters of the biases are an eighth of the biases: they must move further than others
BIAS_START = 4.0


@dataclasses.dataclass(frozen=True)
class Shape:
    box: int = 3
    dim: int = 128
    layers: int = 2
    heads: int = 4
    hidden: int = 320           # a multiple of 32, as quantised rows need
    eps: float = 1e-5

    @property
    def digits(self):
        return self.box * self.box

    @property
    def cells(self):
        return self.digits * self.digits


class Biases(nn.Module):
    """A number for each head and relation.  Heads begin with one relation each: row, column, box, and any."""

    def __init__(self, heads):
        super().__init__()
        start = torch.zeros(heads, len(RELATIONS))
        for head in range(heads):
            start[head, [[1, 4], [2, 5], [3, 4, 5], []][head % 4]] = BIAS_START / BIAS_SCALE
        self.weight = nn.Parameter(start)

    def forward(self, related):
        return (BIAS_SCALE * self.weight)[:, related]


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        linear = lambda rows, cols: nn.Linear(cols, rows, bias=False)
        d = shape.dim
        self.shape = shape
        self.attn_norm, self.ffn_norm = nn.RMSNorm(d, eps=shape.eps), nn.RMSNorm(d, eps=shape.eps)
        self.attn_q, self.attn_k, self.attn_v, self.attn_output = (linear(d, d) for _ in range(4))
        self.attn_bias = Biases(shape.heads)
        self.ffn_gate, self.ffn_up, self.ffn_down = linear(shape.hidden, d), linear(shape.hidden, d), linear(d, shape.hidden)

    def forward(self, h, related):
        """h [boards, cells, dim] -> the same."""
        a = self.attn_norm(h)
        split = lambda x: x.unflatten(-1, (self.shape.heads, -1)).transpose(1, 2)      # [boards, heads, cells, head_dim]
        q, k, v = split(self.attn_q(a)), split(self.attn_k(a)), split(self.attn_v(a))
        scores = q @ k.transpose(2, 3) * q.shape[-1] ** -0.5 + self.attn_bias(related)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(-2)
        h = h + self.attn_output(mixed)
        f = self.ffn_norm(h)
        return h + self.ffn_down(F.silu(self.ffn_gate(f)) * self.ffn_up(f))


class Network(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.digits + 1, shape.dim)
        self.feedback = nn.Linear(shape.digits, shape.dim, bias=False)
        self.loop_norm = nn.RMSNorm(shape.dim, eps=shape.eps)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.dim, eps=shape.eps)
        self.output = nn.Linear(shape.dim, shape.digits, bias=False)
        self.register_buffer("related", torch.from_numpy(relations(shape.box)), persistent=False)

    def reset(self, generator):
        """Embeddings with deviation 1, matrices with 1/sqrt(columns), zeros for those that write to the residual stream."""
        for name, p in self.named_parameters():
            if p.ndim == 1:
                nn.init.ones_(p)
            elif name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.zeros_(p)
            elif not name.endswith("attn_bias.weight"):
                deviation = {"token_embd.weight": 1.0, "feedback.weight": 1.0}.get(name, 1 / math.sqrt(p.shape[1]))
                nn.init.normal_(p, 0.0, deviation, generator=generator)

    def loop(self, tokens, h, p):
        """One loop: tokens [boards, cells], h [boards, cells, dim] and p [boards, cells, digits] of the loop before
        -> h, logits."""
        h = self.loop_norm(h) + self.token_embd(tokens) + self.feedback(p)
        for block in self.blk:
            h = block(h, self.related)
        return h, self.output(self.output_norm(h))

    def start(self, boards):
        """h and p before the first loop."""
        shape = self.shape
        return torch.zeros(boards, shape.cells, shape.dim), torch.zeros(boards, shape.cells, shape.digits)

    def forward(self, tokens, loops, graded=4, loop=None):
        """Logits [boards, cells, digits] of the last `graded` loops (or of all, if there are fewer); gradients go through
        these only.  loop: a compiled form of self.loop."""
        loop = loop or self.loop
        h, p = self.start(len(tokens))
        answers = []
        for number in range(loops):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= loops - graded):
                h, logits = loop(tokens, h, p)
                p = logits.softmax(-1)
            if number >= loops - graded:
                answers.append(logits)
        return answers
