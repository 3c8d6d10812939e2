"""The network of both twins: a Llama-type transformer, causal or bidirectional.

RMSNorm, rotary positions on consecutive pairs (what llama.cpp calls the "norm" kind), grouped-query
attention, SwiGLU, tied or separate output.  Parameter names are the GGUF tensor names.
"""
import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass(frozen=True)
class Shape:
    vocab: int = 4096
    dim: int = 256
    layers: int = 8
    heads: int = 4
    kv_heads: int = 4
    hidden: int = 704           # a multiple of 32, as quantised rows need
    context: int = 512
    rope_base: float = 10000.0
    eps: float = 1e-5
    tied: bool = True

    @property
    def head_dim(self):
        return self.dim // self.heads


def rope_table(shape, length):
    """cos and sin [length, head_dim / 2]."""
    pairs = torch.arange(shape.head_dim // 2, dtype=torch.float64)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * shape.rope_base ** (-2 * pairs / shape.head_dim)
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """x [N, heads, head_dim], cos and sin [N, 1, head_dim / 2]: rotates the pairs (0, 1), (2, 3), ..."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, shape, dropout):
        super().__init__()
        linear = lambda rows, cols: nn.Linear(cols, rows, bias=False)
        kv_dim = shape.kv_heads * shape.head_dim
        self.shape, self.dropout = shape, dropout
        self.attn_norm = nn.RMSNorm(shape.dim, eps=shape.eps)
        self.attn_q = linear(shape.dim, shape.dim)
        self.attn_k = linear(kv_dim, shape.dim)
        self.attn_v = linear(kv_dim, shape.dim)
        self.attn_output = linear(shape.dim, shape.dim)
        self.ffn_norm = nn.RMSNorm(shape.dim, eps=shape.eps)
        self.ffn_gate = linear(shape.hidden, shape.dim)
        self.ffn_up = linear(shape.hidden, shape.dim)
        self.ffn_down = linear(shape.dim, shape.hidden)

    def qkv(self, x, cos, sin):
        """Queries, keys and values [N, heads, head_dim] of the attention's input."""
        s = self.shape
        split = lambda y, heads: y.unflatten(-1, (heads, s.head_dim))               # [N, heads, head_dim]
        v = split(self.attn_v(x), s.kv_heads)
        q = rotate(split(self.attn_q(x), s.heads), cos, sin).to(v.dtype)
        k = rotate(split(self.attn_k(x), s.kv_heads), cos, sin).to(v.dtype)
        if s.kv_heads != s.heads:
            k, v = (t.repeat_interleave(s.heads // s.kv_heads, 1) for t in (k, v))
        return q, k, v

    def attention(self, x, cos, sin, lengths, causal):
        return self.attn_output(mix(*self.qkv(x, cos, sin), lengths, causal, self.training))

    def begin(self, x, cos, sin):
        """The layer until its attention."""
        return self.qkv(self.attn_norm(x), cos, sin)

    def finish(self, x, mixed):
        """The layer behind its attention."""
        drop = lambda y: F.dropout(y, self.dropout, self.training)
        x = x + drop(self.attn_output(mixed))
        h = self.ffn_norm(x)
        return x + drop(self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h)))

    def forward(self, x, cos, sin, lengths, causal):
        return self.finish(x, mix(*self.begin(x, cos, sin), lengths, causal, self.training))


class KeptAttention(torch.autograd.Function):
    """softmax(q k^T / sqrt(head_dim) + mask) v, with the probabilities stored for the backward pass.  PyTorch's own
    attention computes them twice to save memory.  Windows of at most 512 tokens need little memory, and this takes half
    the time on a CPU."""

    @staticmethod
    def forward(ctx, q, k, v, mask):
        """q, k, v [heads, n, head_dim]; mask [n, n], minus infinity where q may not see k, or None."""
        q = q * q.shape[-1] ** -0.5
        scores = q @ k.transpose(1, 2)
        p = torch.softmax(scores if mask is None else scores.add_(mask), -1)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    @staticmethod
    def backward(ctx, grad):
        q, k, v, p = ctx.saved_tensors
        grad_p = grad @ v.transpose(1, 2)
        grad_scores = p * (grad_p - (grad_p * p).sum(-1, keepdim=True))
        grad_q = (grad_scores @ k).mul_(q.shape[-1] ** -0.5)
        return grad_q, grad_scores.transpose(1, 2) @ q, p.transpose(1, 2) @ grad, None


def attend(q, k, v, causal, training):
    """One window: q, k, v [n, heads, head_dim] -> [n, heads * head_dim]."""
    n = len(q)
    q, k, v = (t.transpose(0, 1) for t in (q, k, v))
    if training:
        mask = torch.full((n, n), -math.inf, dtype=q.dtype).triu(1) if causal else None
        y = KeptAttention.apply(q, k, v, mask)
    else:
        y = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=causal)[0]
    return y.transpose(0, 1).flatten(-2)


def mix(q, k, v, lengths, causal, training):
    """What attention gives to each row [N, heads * head_dim]; the windows one after the other."""
    return torch.cat([attend(*qkv, causal, training) for qkv in zip(q.split(lengths), k.split(lengths), v.split(lengths))])


def compile_layers(network):
    """Compiles what is around the attention of each layer (torch.compile, which needs a C++ compiler): the work between
    the products is done in few passes over memory.  Results differ in rounding only."""
    for block in network.blk:
        block.begin, block.finish = (torch.compile(part, dynamic=True) for part in (block.begin, block.finish))


class Network(nn.Module):
    """forward: tokens [N], the windows one after the other, and their lengths -> hidden [N, dim], normalised.

    Windows do not see each other, and each counts its positions from zero."""

    def __init__(self, shape, dropout=0.0):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.dim)
        self.blk = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.dim, eps=shape.eps)
        self.output = None if shape.tied else nn.Linear(shape.dim, shape.vocab, bias=False)
        cos, sin = rope_table(shape, shape.context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def reset(self, generator):
        """Embeddings with deviation 0.02, matrices with 1/sqrt(columns), and zeros for matrices that write to the
        residual stream."""
        for name, p in self.named_parameters():
            if p.ndim == 1:
                nn.init.ones_(p)
            elif name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.zeros_(p)
            else:
                deviation = 0.02 if name.startswith(("token_embd", "output")) else 1 / math.sqrt(p.shape[1])
                nn.init.normal_(p, 0.0, deviation, generator=generator)

    def forward(self, tokens, lengths, causal):
        x = self.token_embd(tokens)
        at = torch.cat([torch.arange(n) for n in lengths])
        cos, sin = self.cos[at, None], self.sin[at, None]
        for block in self.blk:
            x = block(x, cos, sin, lengths, causal)
        return self.output_norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.token_embd.weight if self.output is None else self.output.weight)

