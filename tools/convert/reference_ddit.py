"""The transformer of SEDD, MDLM and RADD in PyTorch, float64, as the reference for the tests and the golden vectors.

Written from the paper's equations and the published names and shapes; independent of the engine and of discrete.py.
A module's state_dict has the published names, so that on the device "meta" it also tells the published shapes.
Noise level: cosines, then sines, of sigma * 10000^(-j / 128).
"""
import math

import torch
from torch import nn

F64 = torch.float64


class Named(nn.Module):
    """A parameter `weight`, or of another name, and maybe `bias`."""

    def __init__(self, rows, cols=None, bias=False, name="weight"):
        super().__init__()
        self.register_parameter(name, nn.Parameter(torch.empty((rows,) if cols is None else (rows, cols), dtype=F64)))
        self.register_parameter("bias", nn.Parameter(torch.empty(rows, dtype=F64)) if bias else None)

    def forward(self, x):
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


def norm(x, by):
    centred = x - x.mean(-1, keepdim=True)
    y = centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + 1e-5) * by.weight
    return y if by.bias is None else y + by.bias


def silu(x):
    return x * torch.sigmoid(x)


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def turn(x):
    """Rotary positions of x [n, heads, size]: elements i and i + size / 2."""
    n, _, size = x.shape
    angle = torch.arange(n, dtype=F64)[:, None] * 10000.0 ** (-torch.arange(0, size, 2, dtype=F64) / size)
    c, s = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    low, high = x[..., :size // 2], x[..., size // 2:]
    return torch.cat((low * c - high * s, high * c + low * s), -1)


class Block(nn.Module):
    def __init__(self, dim, heads, width, biases):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = Named(dim, bias=biases), Named(dim, bias=biases)
        self.attn_qkv, self.attn_out = Named(3 * dim, dim), Named(dim, dim)
        self.mlp = nn.ModuleDict({"0": Named(4 * dim, dim, True), "2": Named(dim, 4 * dim, True)})
        if width:
            self.adaLN_modulation = Named(6 * dim, width, True)

    def forward(self, x, c):
        n, dim = x.shape
        shift1, scale1, gate1, shift2, scale2, gate2 = (0, 0, 1, 0, 0, 1) if c is None else self.adaLN_modulation(c).chunk(6)
        h = norm(x, self.norm1) * (1 + scale1) + shift1
        q, k, v = (t.reshape(n, self.heads, -1) for t in self.attn_qkv(h).chunk(3, -1))
        scores = torch.einsum("qhd,khd->hqk", turn(q), turn(k)) / math.sqrt(dim // self.heads)
        attended = torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).reshape(n, dim)
        x = x + gate1 * self.attn_out(attended)
        h = norm(x, self.norm2) * (1 + scale2) + shift2
        return x + gate2 * self.mlp["2"](gelu(self.mlp["0"](h)))


class Last(nn.Module):
    def __init__(self, dim, width, vocab, biases):
        super().__init__()
        self.norm_final, self.linear = Named(dim, bias=biases), Named(vocab, dim, True)
        if width:
            self.adaLN_modulation = Named(2 * dim, width, True)

    def forward(self, x, c):
        shift, scale = (0, 0) if c is None else self.adaLN_modulation(c).chunk(2)
        return self.linear(norm(x, self.norm_final) * (1 + scale) + shift)


class DDiT(nn.Module):
    """`width` of the embedded noise level; 0: there is none.  `biases` of the norms."""

    def __init__(self, vocab, dim, layers, heads, width, biases=False):
        super().__init__()
        self.vocab_embed = Named(vocab, dim, name="embedding")
        if width:
            self.sigma_map = nn.ModuleDict({"mlp": nn.ModuleDict({"0": Named(width, 256, True), "2": Named(width, width, True)})})
        self.blocks = nn.ModuleList(Block(dim, heads, width, biases) for _ in range(layers))
        self.output_layer = Last(dim, width, vocab, biases)

    def level(self, sigma):
        if not hasattr(self, "sigma_map"):
            return None
        angle = sigma * torch.exp(-math.log(1e4) * torch.arange(128, dtype=F64) / 128)
        mlp = self.sigma_map["mlp"]
        return silu(mlp["2"](silu(mlp["0"](torch.cat((torch.cos(angle), torch.sin(angle)))))))

    def forward(self, tokens, sigma):
        """Logits [n, vocab], before what SEDD subtracts from them to get log scores."""
        x, c = self.vocab_embed.embedding[torch.as_tensor(tokens)], self.level(sigma)
        for block in self.blocks:
            x = block(x, c)
        return self.output_layer(x, c)


def logits(tensors, vocab, dim, layers, heads, width, biases, tokens, sigma):
    """With tensors (numpy) by their published names."""
    network = DDiT(vocab, dim, layers, heads, width, biases)
    network.load_state_dict({name: torch.as_tensor(t).to(F64) for name, t in tensors.items()}, strict=True)
    with torch.no_grad():
        return network(tokens, sigma)
