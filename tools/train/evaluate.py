"""Validation in bits per byte: exact for the causal twin, an estimated bound for the diffusion twin.

`palimpsest score` measures the shipped models; this module measures the curve during training.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F

from precision import autocast
from windows import BOS, EOS, MASK


def document_windows(corpus, source, context, causal):
    """(tokens, number of leading tokens that are given) for windows of whole documents, in order."""
    tokens, bounds = source["tokens"], source["documents"]
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist()):
        at = start
        while at < end:
            lead = [BOS] if causal or at == start else []
            ids = tokens[at:min(end, at + context - len(lead))].tolist()
            yield lead + ids, len(lead)
            at += len(ids)


def pick_windows(corpus, name, context, causal, most):
    """Up to `most` windows of a source's validation split, spread evenly over it."""
    every = list(document_windows(corpus, corpus.valid[name], context, causal))
    if len(every) <= most:
        return every
    return [every[int(i)] for i in np.linspace(0, len(every) - 1, most)]


def causal_sum(network, tokens, given):
    """Nats of one window, exactly."""
    x = torch.tensor(tokens)
    logits = network.logits(network(x, [len(tokens)], causal=True)[:-1]).float()
    return F.cross_entropy(logits, x[1:], reduction="sum").item()


def diffusion_sum(network, tokens, given, levels, rng):
    """Nats of one window: the mean over len(levels) draws of (n / k) times the masked cross-entropies."""
    n = len(tokens) - given
    x = torch.tensor([tokens] * len(levels))
    masked = torch.zeros_like(x, dtype=torch.bool)
    scale = torch.zeros(len(levels))
    for row, level in enumerate(levels):
        k = 1 + int(level * n)
        masked[row, torch.from_numpy(given + rng.choice(n, k, replace=False))] = True
        scale[row] = n / k
    hidden = network(torch.where(masked, MASK, x).flatten(), [len(tokens)] * len(levels), causal=False)
    logits = network.logits(hidden[masked.flatten()]).float()
    logits[:, [BOS, EOS, MASK]] = -math.inf      # control pieces other than <empty>
    nats = F.cross_entropy(logits, x[masked], reduction="none")
    return (nats * scale[:, None].expand_as(masked)[masked]).sum().item() / len(levels)


@torch.no_grad()
def bits_per_byte(network, corpus, name, causal, most=64, draws=4, seed=1):
    """Bits per byte of one source's validation split (of `most` windows of it)."""
    rng = np.random.default_rng(seed)
    windows = pick_windows(corpus, name, network.shape.context, causal, most)
    count = len(windows) * draws
    levels = (rng.permutation(count) + rng.random(count)) / count       # stratified over the whole estimate
    nats = text_bytes = 0
    for i, (tokens, given) in enumerate(windows):
        text_bytes += sum(len(corpus.text_of[t]) for t in tokens[given:])
        nats += (causal_sum(network, tokens, given) if causal
                 else diffusion_sum(network, tokens, given, levels[i * draws:(i + 1) * draws], rng))
    return nats / math.log(2) / text_bytes


def validate(network, corpus, causal, precision="bf16", **options):
    network.eval()
    with autocast(precision):
        result = {name: bits_per_byte(network, corpus, name, causal, **options) for name in corpus.names}
    network.train()
    return result
