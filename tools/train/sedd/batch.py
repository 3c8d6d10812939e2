"""Windows of text with noise: what a step of score entropy evaluates, and what the bound is computed from."""
import dataclasses

import numpy as np
import torch

from sedd.noise import disturb
from windows import EOS, MASK, SHORTEST, diffusion_window

MULTIPLE = 256              # rows are padded to it: the CPU's products compile a kernel for every new shape


@dataclasses.dataclass
class Level:
    """Noise levels [W] in float64."""
    sigma: torch.Tensor
    rate: torch.Tensor          # derivative of sigma by what is integrated over
    asked: torch.Tensor         # sigma as the network is told

    def of(self, which):
        """The levels at these indices or in this slice."""
        return Level(self.sigma[which], self.rate[which], self.asked[which])


EARLIEST = 1e-3                 # the network is trained for times from here to 1, and told no others


def levels_at(noise, times):
    """Level at times in (0, 1]."""
    return Level(noise.sigma(times), noise.rate(times), noise.sigma(times.clamp(min=EARLIEST)))


def levels_of_shares(noise, shares):
    """Level at which these shares of the tokens are touched, in (0, 1): the whole range, whatever time 1 leaves out."""
    first, last = (noise.sigma(torch.tensor(time, dtype=torch.float64)).item() for time in (EARLIEST, 1.0))
    sigma = -torch.log1p(-shares)
    return Level(sigma, 1 / (1 - shares), sigma.clamp(first, last))


@dataclasses.dataclass
class Noised:
    """W windows, one after the other, with their noise levels."""
    tokens: torch.Tensor        # [N] what the network reads
    true: torch.Tensor          # [N]
    free: torch.Tensor          # [N] bool: tokens that noise may touch
    lengths: list               # [W]
    level: "Level"              # of each window
    window: torch.Tensor        # [N] the window of each row


def free_states(corpus):
    """Ids of the pieces that a fill may hold: neither control pieces, nor <unk>, nor pieces of one byte."""
    v = corpus.vocab
    return torch.tensor([i for i in range(corpus.size) if not (v.is_control(i) or v.is_unknown(i) or v.is_byte(i))])


def draw_windows(corpus, rng, budget, context, options):
    """[(tokens, whether noise may touch each)], `budget` tokens in all."""
    drawn, left = [], budget
    while left > 2 * SHORTEST:
        tokens, free, _ = diffusion_window(corpus, rng, min(context, left), options)
        drawn.append((tokens, free))
        left -= len(tokens)
    return drawn


def add_noise(drawn, level, graph, states, generator):
    """Noised of windows [(tokens, free)] at a Level [W].  Under `uniform`, noise touches only tokens that are states."""
    tokens, free = (torch.tensor([x for window in drawn for x in window[i]]) for i in (0, 1))
    lengths, free = [len(window[0]) for window in drawn], free.bool()
    window = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    if graph == "uniform":
        free &= torch.isin(tokens, states)
    noised = disturb(tokens, free, level.sigma[window], graph, states, MASK, generator)
    return Noised(noised, tokens, free, lengths, level, window)


def padded(noised, longest):
    """(tokens, lengths, levels that the network is told) with rows of further windows up to a multiple of MULTIPLE."""
    tokens, lengths, asked = noised.tokens, list(noised.lengths), noised.level.asked
    missing = -len(tokens) % MULTIPLE
    while missing:
        lengths.append(min(longest, missing))
        missing -= lengths[-1]
        tokens = torch.cat([tokens, torch.full((lengths[-1],), EOS)])
        asked = torch.cat([asked, asked[-1:]])
    return tokens, lengths, asked


def stratified(rng, count):
    """`count` times in (0, 1), one in each of as many equal intervals, in random order."""
    return torch.from_numpy((rng.permutation(count) + rng.random(count)) / count)


def generator_of(rng):
    return torch.Generator().manual_seed(int(rng.integers(2 ** 62)))


def split(drawn, parts):
    """Slices of the windows with about as many tokens each."""
    ends = np.cumsum([len(tokens) for tokens, _ in drawn])
    bounds = [0, *(int(np.searchsorted(ends, ends[-1] * part / parts)) + 1 for part in range(1, parts)), len(drawn)]
    return [slice(a, b) for a, b in zip(bounds, bounds[1:]) if a < b]


def rng_of(*seed):
    return np.random.default_rng(list(seed))
