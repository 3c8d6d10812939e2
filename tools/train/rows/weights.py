"""The weights of a network of query rows: adapters over a frozen base, or all weights.

Their parameters are what a checkpoint holds.  Names: block.N.MATRIX.a, .b and mask for adapters, GGUF names otherwise.
"""
import math

import torch
from torch import nn

import model
from rows.base import MATRICES
from rows.network import Layer, Product, Rows

PARTS = (("attn_q", "attn_k", "attn_v"), ("attn_output",), ("ffn_gate", "ffn_up"), ("ffn_down",))


def turned(matrix, rows, head):
    """Rows of a matrix or of its factor B.  Those of q and k are sorted for rotations of the two halves of a head; the
    file has consecutive pairs."""
    if matrix not in ("attn_q", "attn_k"):
        return rows
    return rows.unflatten(0, (-1, head // 2, 2)).transpose(1, 2).flatten(0, 2)


def products(weight_of, head, dtype):
    """The four products of a layer; weight_of(name) is a matrix."""
    return [Product([turned(name, weight_of(name), head) for name in part], dtype) for part in PARTS]


class Pair(nn.Module):
    """Factors of the change of a matrix [rows, in]: B A, which is zero at the start."""

    def __init__(self, weight, rank, generator):
        super().__init__()
        rows, columns = weight.shape
        self.a = nn.Parameter(torch.randn(rank, columns, generator=generator) / math.sqrt(columns))
        self.b = nn.Parameter(torch.zeros(rows, rank))


class AdaptedNetwork(Rows, nn.Module):
    """Frozen weights of a base, with adapters of rank `rank` for query rows."""

    def __init__(self, base, rank=16, alpha=32.0, mode="left", seed=1):
        super().__init__()
        self.shape, self.mode, self.rank, self.scale = base.shape, mode, rank, alpha / rank
        self.weights = base.weights
        self.cos, self.sin = model.rope_table(base.shape, base.shape.context)
        self.mask = nn.Parameter(self.embedding().mean(0))
        generator = torch.Generator().manual_seed(seed)
        self.block = nn.ModuleList(
            nn.ModuleDict({name: Pair(self.weight(layer, name), rank, generator) for name in MATRICES})
            for layer in range(base.shape.layers))
        self.use(torch.float32)

    def weight(self, layer, name):
        return self.weights[f"blk.{layer}.{name}.weight"]

    def use(self, dtype):
        super().use(dtype)
        self.frozen = [products(lambda name, layer=layer: self.weight(layer, name), self.shape.head_dim, dtype)
                       for layer in range(self.shape.layers)]
        self.head_weight = self.weights["token_embd.weight" if self.shape.tied else "output.weight"].to(dtype)
        return self

    def layers(self):
        pair = lambda block, name: (block[name].a, turned(name, block[name].b, self.shape.head_dim))
        return [Layer(self.weight(number, "attn_norm"), self.weight(number, "ffn_norm"),
                      *(product.adapt([pair(block, name) for name in part], self.scale)
                        for product, part in zip(frozen, PARTS)))
                for number, (frozen, block) in enumerate(zip(self.frozen, self.block))]

    def embedding(self):
        return self.weights["token_embd.weight"]

    def mask_vector(self):
        return self.mask

    def output_gain(self):
        return self.weights["output_norm.weight"]

    def head(self):
        return self.head_weight


class FullNetwork(Rows, model.Network):
    """All weights are trained and shared by both kinds of rows.  The mask vector is the embedding of the mask token."""

    def __init__(self, base, mode="left"):
        super().__init__(base.shape)
        if base.mask < 0:
            raise SystemExit(f"{base.path}: the vocabulary has no mask token, which query rows read; train an adapter")
        self.mode, self.mask_token = mode, base.mask
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(base.weights[name])
            if not base.rows:               # the row of a causal network is not trained
                self.token_embd.weight[base.mask] = self.token_embd.weight.mean(0)
        self.use(torch.float32)

    def layers(self):
        return [Layer(block.attn_norm.weight, block.ffn_norm.weight,
                      *products(lambda name, block=block: getattr(block, name).weight, self.shape.head_dim, self.dtype))
                for block in self.blk]

    def embedding(self):
        return self.token_embd.weight

    def mask_vector(self):
        return self.token_embd.weight[self.mask_token]

    def output_gain(self):
        return self.output_norm.weight

    def head(self):
        return (self.token_embd if self.output is None else self.output).weight.to(self.dtype)
