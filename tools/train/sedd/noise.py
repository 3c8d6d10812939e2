"""The noise of score entropy diffusion: how much of it there is at a time, and what it does to tokens.

sigma(t) is the noise added up from time 0 to t, and rate(t) its derivative.  A token is untouched with probability
exp(-sigma).  Otherwise it is the mask token (graph `absorb`), or a piece drawn uniformly from the N states (graph
`uniform`, whose rate from one state to another is 1/N, as in the published code).
"""
import math

import torch

GRAPHS = ("absorb", "uniform")


class LogLinear:
    """sigma(t) = -ln(1 - (1 - epsilon) t): the share of touched tokens grows linearly."""
    name = "log-linear"

    def __init__(self, epsilon=1e-3):
        self.epsilon = epsilon

    def sigma(self, t):
        return -torch.log1p(-(1 - self.epsilon) * t)

    def rate(self, t):
        return (1 - self.epsilon) / (1 - (1 - self.epsilon) * t)

    def keys(self):
        """Values by key of a GGUF file."""
        return {"palimpsest.noise.epsilon": self.epsilon}


class Geometric:
    """sigma(t) = sigma_min^(1 - t) sigma_max^t."""
    name = "geometric"

    def __init__(self, sigma_min=1e-4, sigma_max=20.0):
        self.sigma_min, self.sigma_max = sigma_min, sigma_max

    def sigma(self, t):
        return self.sigma_min ** (1 - t) * self.sigma_max ** t

    def rate(self, t):
        return self.sigma(t) * math.log(self.sigma_max / self.sigma_min)

    def keys(self):
        return {"palimpsest.noise.sigma_min": self.sigma_min, "palimpsest.noise.sigma_max": self.sigma_max}


NOISES = {noise.name: noise for noise in (LogLinear, Geometric)}


def disturb(tokens, free, sigma, graph, states, mask, generator):
    """Tokens [N] after noise sigma [N]; only those that are `free` [N] are touched.

    states [K] lists the ids of the states of the graph `uniform`; a touched token can become what it was."""
    touched = free & (torch.rand(len(tokens), generator=generator, dtype=torch.float64) < -torch.expm1(-sigma.double()))
    if graph == "absorb":
        return torch.where(touched, mask, tokens)
    drawn = states[torch.randint(len(states), tokens.shape, generator=generator)]
    return torch.where(touched, drawn, tokens)
