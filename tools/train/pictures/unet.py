"""The picture network: a U-Net that predicts the noise of a picture at time t.

Parameter names and shapes are those of the GGUF file: a convolution is a matrix [out, size * size * in] with its
columns in the order ky, kx, channel, which PyTorch sees as a channels-last weight without copying.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

from shape import Shape  # noqa: F401  re-exported: users of a network need its shape


def sinusoids(t, length):
    """t [n] in (0, 1] -> [n, length]: cosines, then sines, of 1000 t at geometrically spaced frequencies."""
    half = length // 2
    w = torch.exp(torch.arange(half, dtype=torch.float64) * (-math.log(10000.0) / half))
    angle = 1000.0 * t.double()[:, None] * w
    return torch.cat((angle.cos(), angle.sin()), 1)


class Conv(nn.Module):
    def __init__(self, rows, channels, size=3, stride=1):
        super().__init__()
        self.channels, self.size, self.stride = channels, size, stride
        self.weight = nn.Parameter(torch.empty(rows, size * size * channels))
        self.bias = nn.Parameter(torch.zeros(rows))

    def forward(self, x):
        weight = self.weight.unflatten(1, (self.size, self.size, self.channels)).permute(0, 3, 1, 2)
        return F.conv2d(x, weight, self.bias, self.stride, self.size // 2)


def reset(module, generator):
    """Matrices with deviation 1/sqrt(columns); zeros for the end of a residual branch, scale and shift, and the
    output."""
    for name, p in module.named_parameters():
        if p.ndim == 1:
            nn.init.ones_(p) if "norm" in name and name.endswith("weight") else nn.init.zeros_(p)
        elif name.endswith(("conv2.weight", "attn.out.weight", "conv_out.weight", "emb.weight")):
            nn.init.zeros_(p)
        else:
            nn.init.normal_(p, 0.0, 1 / math.sqrt(p.shape[1]), generator=generator)


def norm(shape, width):
    return nn.GroupNorm(shape.groups, width, eps=shape.eps)


class Attention(nn.Module):
    def __init__(self, shape, width):
        super().__init__()
        self.heads = shape.heads
        self.norm = norm(shape, width)
        self.q, self.k, self.v, self.out = (Conv(width, width, 1) for _ in range(4))

    def forward(self, x):
        h = self.norm(x)
        split = lambda y: y.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)       # [n, heads, places, size]
        q, k, v = split(self.q(h)), split(self.k(h)), split(self.v(h))  # few places: plain products are fastest
        y = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1).to(v.dtype) @ v
        y = y.permute(0, 2, 1, 3).flatten(2).unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)
        return x + self.out(y)


class Block(nn.Module):
    """Residual block of `channels` -> `width`, with attention after it if asked for."""

    def __init__(self, shape, channels, width, attention=False):
        super().__init__()
        self.norm1, self.conv1 = norm(shape, channels), Conv(width, channels)
        self.emb = nn.Linear(shape.embedding, 2 * width)
        self.norm2, self.conv2 = norm(shape, width), Conv(width, width)
        self.skip = Conv(width, channels, 1) if channels != width else None
        self.attn = Attention(shape, width) if attention else None

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.emb(e)[:, :, None, None].chunk(2, 1)
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        x = h + (x if self.skip is None else self.skip(x))
        return x if self.attn is None else self.attn(x)


class Head(nn.Module):
    """A head for second moments on the last features, which SN- and NPR-DPM learn with a frozen network.  If `deep`, it
    has its own residual block, because squares are not a linear function of features made for the noise itself."""

    def __init__(self, shape, deep):
        super().__init__()
        width = shape.widths[0]
        self.block = Block(shape, width, width) if deep else None
        self.norm, self.conv = norm(shape, width), Conv(shape.patch ** 2 * shape.channels, width)
        self.patch = shape.patch

    def forward(self, features, e):
        """The result of Network.features -> [n, channels, height, width]."""
        if self.block is not None:
            features = self.block(features, e)
        return from_patches(self.conv(F.silu(self.norm(features))), self.patch)


class Network(nn.Module):
    """forward: pictures [n, channels, height, width], t [n], labels [n] (shape.labels: none) -> predicted noise."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        widths, last = shape.widths, len(shape.widths) - 1
        cells = shape.patch ** 2 * shape.channels
        self.conv_in = Conv(widths[0], cells)
        width = shape.embedding
        self.time = nn.ModuleList((nn.Linear(shape.sinusoids, width), nn.Linear(width, width)))
        self.label_embd = nn.Embedding(shape.labels + 1, shape.embedding) if shape.labels else None
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            own, coarser = level in shape.attention, widths[min(level + 1, last)]
            down, up = nn.ModuleDict(), nn.ModuleDict()
            for b in range(shape.blocks):
                down[str(b)] = Block(shape, widths[max(level - 1, 0)] if b == 0 else width, width, own)
            for b in range(shape.up_blocks):
                skip = width if b < shape.blocks else 0
                up[str(b)] = Block(shape, width + skip, width, own)
            if level < last:
                down["sample"] = Conv(width, width, 3, 2)
            if level > 0:
                up["sample"] = Conv(widths[level - 1], width)
            self.down.append(down)
            self.up.append(up)
        self.mid = nn.ModuleDict({"0": Block(shape, widths[last], widths[last]), "attn": Attention(shape, widths[last]),
                                  "1": Block(shape, widths[last], widths[last])})
        self.norm_out, self.conv_out = norm(shape, widths[0]), Conv(cells, widths[0])

    def reset(self, generator):
        reset(self, generator)

    def features(self, x, t, labels, trace=None):
        """The last features [n, widths[0], rows, columns] and silu(e) [n, embedding], of which output and heads are
        made; `trace` receives (name, tensor) of every stage."""
        note = (lambda name, y: trace.append((name, y))) if trace is not None else lambda name, y: None
        s = self.shape
        e = sinusoids(t, s.sinusoids).to(self.time[0].weight.dtype)
        e = self.time[1](F.silu(self.time[0](e)))
        if self.label_embd is not None:
            e = e + self.label_embd(labels)
        note("embedding", e)
        e = F.silu(e)
        h = self.conv_in(to_patches(x, s.patch))
        note("conv_in", h)
        skips = []
        for level, stage in enumerate(self.down):
            for name, module in stage.items():
                h = module(h) if name == "sample" else module(h, e)
                note(f"down.{level}.{name}", h)
                if name != "sample":
                    skips.append((level, h))
        h = self.mid["1"](self.mid["attn"](self.mid["0"](h, e)), e)
        note("mid", h)
        for level in reversed(range(len(self.up))):
            for name, module in self.up[level].items():
                if name == "sample":
                    h = F.interpolate(h, scale_factor=2, mode="nearest")
                    rows, columns = skips[-1][1].shape[2:]
                    h = module(h[:, :, :rows, :columns])
                else:
                    if skips and skips[-1][0] == level:
                        h = torch.cat((h, skips.pop()[1]), 1)
                    h = module(h, e)
                note(f"up.{level}.{name}", h)
        return h, e

    def output(self, features):
        return from_patches(self.conv_out(F.silu(self.norm_out(features))), self.shape.patch)

    def forward(self, x, t, labels):
        return self.output(self.features(x, t, labels)[0])


def to_patches(x, patch):
    """[n, c, h, w] -> [n, patch^2 * c, h / patch, w / patch], channel (dy * patch + dx) * c + channel."""
    n, c, h, w = x.shape
    x = x.view(n, c, h // patch, patch, w // patch, patch).permute(0, 2, 4, 3, 5, 1)
    return x.reshape(n, h // patch, w // patch, patch * patch * c).permute(0, 3, 1, 2)


def from_patches(y, patch):
    """The inverse of to_patches."""
    n, cells, h, w = y.shape
    c = cells // patch ** 2
    y = y.permute(0, 2, 3, 1).reshape(n, h, w, patch, patch, c).permute(0, 5, 1, 3, 2, 4)
    return y.reshape(n, c, h * patch, w * patch)


def multiply_adds(shape):
    """Multiply-adds of one evaluation for one picture, counted by hooks on the convolutions and the linear layers."""
    network, total = Network(shape), [0]

    def count(module, inputs, output):
        places = output.shape[2] * output.shape[3] if output.ndim == 4 else 1
        total[0] += module.weight.numel() * places

    def count_attention(module, inputs, output):
        total[0] += 2 * (output.shape[2] * output.shape[3]) ** 2 * output.shape[1]

    for module in network.modules():
        if isinstance(module, (Conv, nn.Linear)):
            module.register_forward_hook(count)
        elif isinstance(module, Attention):
            module.register_forward_hook(count_attention)
    with torch.no_grad():
        picture = torch.zeros(1, shape.channels, shape.height, shape.width)
        network(picture, torch.ones(1), torch.zeros(1, dtype=torch.long))
    return total[0]
