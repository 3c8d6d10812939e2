"""The network of query rows, computed with few and large operations.

Content rows are those of a Llama-type network and depend on known tokens only; query rows predict the token of the next
place from the content rows that they may see, and no row sees them.  weights.py has the weights that these functions
use: frozen ones with adapters of the query rows, or ones that are all trained.
"""
import copy
import dataclasses
import math

import torch
import torch.nn.functional as F

from rows.batch import UNKNOWN


class Product:
    """y = W x of matrices with the same input, one below the other; for adapted rows W x + scale B (A x)."""

    def __init__(self, weights, dtype):
        """weights [rows, in] each."""
        self.w = (torch.cat(weights) if len(weights) > 1 else weights[0]).to(dtype)
        self.low, self.high = None, []

    def adapt(self, adapters, scale):
        """The same product with adapters, a pair A [rank, in], B [rows, rank] for each of its matrices."""
        adapted = copy.copy(self)
        adapted.low = torch.cat([a for a, _ in adapters]).to(self.w.dtype)
        adapted.high = [(scale * b).to(self.w.dtype) for _, b in adapters]
        return adapted

    def __call__(self, x, adapted):
        y = F.linear(x, self.w)
        if not adapted or self.low is None:
            return y
        inner = F.linear(x, self.low).split([b.shape[1] for b in self.high], -1)
        return y + torch.cat([F.linear(z, b) for z, b in zip(inner, self.high)], -1)


@dataclasses.dataclass
class Layer:
    attn_norm: torch.Tensor
    ffn_norm: torch.Tensor
    qkv: Product
    output: Product
    gate_up: Product
    down: Product


def rotate(x, cos, sin):
    """x [..., heads, head], its halves are rotated; cos, sin [..., 1, head / 2]."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


def attend(q, k, v, hidden, sum_dtype):
    """q [B, heads, T, head], scaled; k, v [B, kv_heads, T, head]; hidden [B, 1, T, T] is added to the scores.

    Not F.scaled_dot_product_attention: its backward pass computes the probabilities again, and with all weights trained
    a step takes 15 % longer.  Heads of a group share keys: they are stored as further rows of it."""
    windows, heads, rows, _ = q.shape
    group = heads // k.shape[1]
    scores = (q.unflatten(1, (-1, group)).flatten(2, 3) @ k.transpose(-1, -2)).unflatten(2, (group, rows))
    p = (scores + hidden[:, :, None]).to(sum_dtype).softmax(-1).to(q.dtype)
    return (p.flatten(2, 3) @ v).unflatten(2, (group, rows)).flatten(1, 2)


class Rows:
    """What both networks share; they have shape, mode and the tables cos and sin [places, head / 2].

    mode "left": a content row sees what is left of it; "both": given tokens see all given tokens.  Products are
    computed in `dtype`; what is added up from layer to layer is float32 (or float64)."""

    def use(self, dtype):
        """Sets the type of products."""
        self.dtype, self.sum_dtype = dtype, torch.float64 if dtype == torch.float64 else torch.float32
        return self

    def compile_layers(self):
        """Each layer becomes one compiled function (torch.compile, which needs a C++ compiler): the work between the
        products is done in few passes over memory. Results differ in rounding only."""
        compiled = lambda function: torch.compile(function, dynamic=True)
        self.content_layer, self.query_layer = compiled(self.content_layer), compiled(self.query_layer)
        return self

    def rms(self, x, gain):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.shape.eps)
        return (x * scale * gain.to(x.dtype)).to(self.dtype)

    def qkv(self, layer, x, cos, sin, adapted):
        """q [..., heads, head] and k, v [..., kv_heads, head], rotated."""
        s = self.shape
        sizes = [n * s.head_dim for n in (s.heads, s.kv_heads, s.kv_heads)]
        y = layer.qkv(self.rms(x, layer.attn_norm), adapted).split(sizes, -1)
        q, k, v = (part.unflatten(-1, (-1, s.head_dim)) for part in y)
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def finish(self, layer, x, attention, adapted):
        """The rest of a layer after its attention."""
        x = x + layer.output(attention, adapted).to(x.dtype)
        gate, up = layer.gate_up(self.rms(x, layer.ffn_norm), adapted).chunk(2, -1)
        return x + layer.down(F.silu(gate) * up, adapted).to(x.dtype)

    def angles_at(self, places):
        return (table[places].unsqueeze(-2).to(self.dtype) for table in (self.cos, self.sin))

    def content(self, layers, tokens, sees):
        """tokens [B, T], sees [B, T, T] -> keys and values of every layer, [B, kv_heads, T, head] each."""
        cache = []
        cos, sin = self.angles_at(torch.arange(tokens.shape[1]))
        hidden = torch.zeros(sees.shape, dtype=self.dtype).masked_fill_(~sees, -math.inf)[:, None]
        x = F.embedding(tokens, self.embedding()).to(self.sum_dtype)
        for layer in layers[:-1]:
            x, k, v = self.content_layer(layer, x, cos, sin, hidden)
            cache.append((k, v))
        _, k, v = self.qkv(layers[-1], x, cos, sin, False)      # nothing reads the last layer's output
        return [*cache, (k.transpose(1, 2), v.transpose(1, 2))]

    def content_layer(self, layer, x, cos, sin, hidden):
        """x [B, T, width] -> x after the layer, and its keys and values."""
        q, k, v = (part.transpose(1, 2) for part in self.qkv(layer, x, cos, sin, False))
        y = attend(q * self.shape.head_dim ** -0.5, k, v, hidden, self.sum_dtype)
        return self.finish(layer, x, y.transpose(1, 2).flatten(2), False), k, v

    def query(self, layers, cache, batch):
        """Logits [N, vocabulary] of a batch's query rows over the cache that content() returned."""
        slots = Slots(batch, self.dtype, self.sum_dtype)
        cos, sin = self.angles_at(batch.at)
        known = batch.reads != UNKNOWN
        x = torch.where(known[:, None], F.embedding(batch.reads.clamp(min=0), self.embedding()), self.mask_vector())
        x = x.to(self.sum_dtype)
        for layer, (keys, values) in zip(layers, cache):
            x = self.query_layer(layer, x, cos, sin, slots, keys, values)
        return F.linear(self.rms(x, self.output_gain()), self.head())

    def query_layer(self, layer, x, cos, sin, slots, keys, values):
        """x [N, width] -> x after the layer."""
        q, k, v = self.qkv(layer, x, cos, sin, True)
        return self.finish(layer, x, slots.attend(q, k, v, keys, values), True)


class Slots:
    """Attention of all windows at once: query rows of every window are padded to the largest number of rows."""

    def __init__(self, batch, dtype, sum_dtype):
        windows, length = batch.tokens.shape
        self.sum_dtype = sum_dtype
        counts = torch.bincount(batch.window, minlength=windows)
        self.windows, self.rows = windows, int(counts.max())
        first = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
        self.slot = torch.arange(len(batch.window)) - first + batch.window * self.rows      # of every row
        hidden = torch.full((windows * self.rows, length), -math.inf, dtype=dtype)
        hidden[self.slot] = torch.zeros(batch.sees.shape, dtype=dtype).masked_fill_(~batch.sees, -math.inf)
        self.hidden = hidden.view(windows, 1, 1, self.rows, length)

    def spread(self, x):
        """[N, ...] -> [B, rows, ...] with zeros in what is padded."""
        padded = x.new_zeros(self.windows * self.rows, *x.shape[1:]).index_copy(0, self.slot, x)
        return padded.unflatten(0, (self.windows, self.rows))

    def attend(self, q, k, v, keys, values):
        """q [N, heads, head]; k, v [N, kv_heads, head] of the row itself; keys, values [B, kv_heads, T, head].

        Heads of a group share keys: they are stored as further rows of it."""
        n, heads, head = q.shape
        kv, group = k.shape[1], heads // k.shape[1]
        q = (q * head ** -0.5).view(n, kv, group, head)
        own = self.spread((q * k[:, :, None]).sum(-1)).permute(0, 2, 3, 1)[..., None]  # [B, kv, group, rows, 1]
        wide = self.spread(q).permute(0, 2, 3, 1, 4).flatten(2, 3)                     # [B, kv, group rows, head]
        scores = (wide @ keys.transpose(-1, -2)).unflatten(2, (group, self.rows)) + self.hidden
        p = torch.cat([scores, own], -1).to(self.sum_dtype).softmax(-1).to(q.dtype)
        mixed = (p[..., :-1].flatten(2, 3) @ values).unflatten(2, (group, self.rows))
        mixed = mixed.permute(0, 3, 1, 2, 4).flatten(0, 1)[self.slot]                           # [N, kv, group, head]
        own = p[..., -1].permute(0, 3, 1, 2).flatten(0, 1)[self.slot]                           # [N, kv, group]
        return (mixed + own[..., None] * v[:, :, None]).flatten(1)
