"""The network of score entropy diffusion: a bidirectional transformer that reads the noise level (DDiT).

Every layer is modulated by the level (adaLN, Peebles and Xie 2023): shift, scale and gate of attention, then of the
feed-forward network.  LayerNorm without bias, rotary positions on halves of a head, GELU in its tanh form, a separate
output matrix with bias.  Parameter names are the GGUF tensor names.
"""
import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

from model import mix

FREQUENCIES = 128           # of the time embedding: as many cosines and sines


@dataclasses.dataclass(frozen=True)
class Shape:
    vocab: int = 4096
    dim: int = 256
    layers: int = 8
    heads: int = 4
    hidden: int = 704           # a multiple of 32, as quantised rows need
    context: int = 512
    condition: int = 64         # size of the embedded noise level
    rope_base: float = 10000.0
    eps: float = 1e-5

    @property
    def head_dim(self):
        return self.dim // self.heads


class Norm(nn.Module):
    """LayerNorm with gains only, computed in float32."""

    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.dim))
        self.eps = shape.eps

    def forward(self, x):
        return F.layer_norm(x.float(), self.weight.shape, self.weight, None, self.eps)


def embed_level(sigma):
    """sigma [W] -> [W, 2 FREQUENCIES]."""
    f = torch.exp(-math.log(10000.0) * torch.arange(FREQUENCIES, dtype=torch.float32) / FREQUENCIES)
    angle = sigma.float()[:, None] * f
    return torch.cat([angle.cos(), angle.sin()], -1)


def rotate(x, cos, sin):
    """x [N, heads, head_dim], cos and sin [N, 1, head_dim / 2]: rotates elements i and i + head_dim / 2."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Block(nn.Module):
    def __init__(self, shape, dropout):
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.attn_norm = Norm(shape)
        self.attn_qkv = nn.Linear(shape.dim, 3 * shape.dim, bias=False)
        self.attn_output = nn.Linear(shape.dim, shape.dim, bias=False)
        self.ffn_norm = Norm(shape)
        self.ffn_up = nn.Linear(shape.dim, shape.hidden)
        self.ffn_down = nn.Linear(shape.hidden, shape.dim)
        self.modulation = nn.Linear(shape.condition, 6 * shape.dim)

    def qkv(self, x, cos, sin):
        """Queries, keys and values [N, heads, head_dim] of attn_qkv's input."""
        q, k, v = self.attn_qkv(x).unflatten(-1, (3, self.shape.heads, self.shape.head_dim)).unbind(1)
        return rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype), v

    def begin(self, x, cos, sin, level, window):
        """The layer until its attention."""
        shift, scale = level[window].chunk(6, -1)[:2]
        return self.qkv(self.attn_norm(x) * (1 + scale) + shift, cos, sin)

    def finish(self, x, mixed, level, window):
        """The layer behind its attention."""
        drop = lambda y: F.dropout(y, self.dropout, self.training)
        gate, shift, scale, gate2 = level[window].chunk(6, -1)[2:]
        x = x + gate * drop(self.attn_output(mixed))
        h = self.ffn_norm(x) * (1 + scale) + shift
        return x + gate2 * drop(self.ffn_down(F.gelu(self.ffn_up(h), approximate="tanh")))

    def forward(self, x, cos, sin, lengths, level, window):
        """x [N, dim]; level [W, condition]; window [N]: the window of each row."""
        level = self.modulation(level)
        mixed = mix(*self.begin(x, cos, sin, level, window), lengths, False, self.training)
        return self.finish(x, mixed, level, window)


class Network(nn.Module):
    """forward: tokens [N], the windows one after the other, their lengths and noise levels sigma [W] -> [N, dim], what
    logits() reads.  Windows do not see each other, and each counts its positions from zero."""

    def __init__(self, shape, dropout=0.0):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.dim)
        self.time_embd = nn.ModuleList([nn.Linear(2 * FREQUENCIES, shape.condition),
                                        nn.Linear(shape.condition, shape.condition)])
        self.blk = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.output_norm = Norm(shape)
        self.output_modulation = nn.Linear(shape.condition, 2 * shape.dim)
        self.output = nn.Linear(shape.dim, shape.vocab)
        pairs = torch.arange(shape.head_dim // 2, dtype=torch.float64)
        places = torch.arange(shape.context, dtype=torch.float64)[:, None]
        angle = places * shape.rope_base ** (-2 * pairs / shape.head_dim)
        self.register_buffer("cos", angle.cos().float(), persistent=False)
        self.register_buffer("sin", angle.sin().float(), persistent=False)

    def reset(self, generator):
        """Modulations and the output begin at zero, as published: each block then passes its input on."""
        for name, p in self.named_parameters():
            if "modulation" in name or name.startswith("output.") or name.endswith("bias"):
                nn.init.zeros_(p)
            elif p.ndim == 1:
                nn.init.ones_(p)
            else:
                deviation = 0.02 if name.startswith("token_embd") else 1 / math.sqrt(p.shape[1])
                nn.init.normal_(p, 0.0, deviation, generator=generator)

    def level(self, sigma):
        """sigma [W] -> [W, condition], what all modulations read."""
        return F.silu(self.time_embd[1](F.silu(self.time_embd[0](embed_level(sigma)))))

    def forward(self, tokens, lengths, sigma):
        window = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
        at = torch.cat([torch.arange(n) for n in lengths])
        cos, sin, level = self.cos[at, None], self.sin[at, None], self.level(sigma)
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, cos, sin, lengths, level, window)
        shift, scale = self.output_modulation(level)[window].chunk(2, -1)
        return self.output_norm(x) * (1 + scale) + shift

    def logits(self, hidden):
        return self.output(hidden)
