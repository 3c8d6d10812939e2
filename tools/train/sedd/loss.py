"""Denoising score entropy (Lou et al. 2024, eq. 5.7 "DWDSE"), whose integral over time bounds -ln p(x0).

For one token with its noised value x and its true value x0, and with r(y) = p(y | x0) / p(x | x0),

    loss = sum over y != x of Q(x, y) (s(y) - r(y) ln s(y) + K(r(y))),    K(a) = a (ln a - 1),

where s are the network's scores and Q the rates of the graph: `rate` between the mask token and every other token
(absorb), or rate / N between any two states (uniform).  It is never negative, and zero for s = r.
"""
import math

import torch


def absorb(logits, target, sigma, rate, mask=-1):
    """Losses [M] of masked tokens.  logits [M, V], of which that of the mask token is not used; sigma, rate [M].  mask: the
    mask token; -1: it is none of the V.

    With V' tokens other than the mask the scores are exp(logits) / (V' (e^sigma - 1)), the published scaling; r is
    1 / (e^sigma - 1) at the true token and 0 elsewhere."""
    others = logits.shape[-1] - (mask >= 0)
    logits = torch.where(torch.arange(logits.shape[-1]) == mask, -math.inf, logits)
    share = logits - math.log(others)           # ln q: the scores without their factor, which is also that of r
    return rate / torch.expm1(sigma) * (share.exp().sum(-1) - share.gather(-1, target[:, None])[:, 0] - 1)


def uniform(logits, noised, target, sigma, rate):
    """Losses [M] of tokens among N states.  logits [M, N] are ln s; noised and target are numbers of states."""
    count = logits.shape[-1]
    rho = torch.expm1(sigma) / (torch.expm1(sigma) + count)      # p(y | x0) / p(x0 | x0), y != x0
    log_x = logits.gather(-1, noised[:, None])[:, 0]
    log_target = logits.gather(-1, target[:, None])[:, 0]
    scores = logits.exp().sum(-1) - log_x.exp()                  # over y != x
    logs = logits.sum(-1) - log_x
    constant = lambda r: r * (torch.log(r) - 1)
    same = scores - rho * logs + (count - 1) * constant(rho)
    ratios = logs - log_target + log_target / rho                # sum of r(y) ln s(y)
    changed = scores - ratios + constant(1 / rho) - (count - 2)  # K(1) = -1 for the other states
    return rate / count * torch.where(noised == target, same, changed)


def terminal(sigma, count):
    """KL divergence of a token's distribution at the last noise level from the uniform one, in nats (graph uniform)."""
    kept = math.exp(-sigma) + (1 - math.exp(-sigma)) / count
    other = (1 - math.exp(-sigma)) / count
    return kept * math.log(kept * count) + (count - 1) * other * math.log(other * count)
