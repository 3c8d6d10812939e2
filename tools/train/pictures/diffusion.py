"""Noise: x = sqrt(alpha) x0 + sqrt(beta) eps with the discrete linear schedule, log alpha linear between its steps.

The same schedule as in src/image/schedule.c: step n of N is at t = n / N."""
import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Schedule:
    steps: int = 1000
    first: float = 1e-4
    last: float = 0.02

    def log_alphas(self):
        """log alpha-bar at 0, 1/N .. 1, float64 [N + 1]."""
        return np.concatenate(([0.0], np.cumsum(np.log1p(-np.linspace(self.first, self.last, self.steps)))))

    def levels(self, t):
        """t [n] -> sqrt(alpha), sqrt(beta), each float32 [n, 1, 1, 1]."""
        log_alpha = np.interp(np.asarray(t, np.float64) * self.steps, np.arange(self.steps + 1), self.log_alphas())
        column = lambda v: np.sqrt(v).astype(np.float32)[:, None, None, None]
        return column(np.exp(log_alpha)), column(-np.expm1(log_alpha))


def stratified_times(rng, n, steps):
    """n times in [1/steps, 1], one in each of n equal parts."""
    return 1 / steps + (1 - 1 / steps) * (np.arange(n) + rng.random(n)) / n


def add_noise(schedule, pictures, t, rng):
    """(x, eps) of tensors at the times t."""
    import torch                        # here alone: schedules are computed without it

    keep, noise = map(torch.from_numpy, schedule.levels(t))
    eps = torch.from_numpy(rng.standard_normal(tuple(pictures.shape), np.float32))
    return keep * pictures + noise * eps, eps
