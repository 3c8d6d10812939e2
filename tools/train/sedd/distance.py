"""The kernel distance of two sets of vectors (Binkowski et al. 2018, "KID"): the squared maximum mean discrepancy with the
kernel (x y / width + 1)^3, estimated without bias, so that it can be below zero."""
import numpy as np


def kernel(x, y):
    """x [N, width], y [M, width] -> [N, M]."""
    return (np.asarray(x, np.float64) @ np.asarray(y, np.float64).T / x.shape[1] + 1) ** 3


class Sums:
    """Sums of a kernel matrix over pairs of two different vectors: [N] of each row, and of all."""

    def __init__(self, x, y=None):
        k = kernel(x, x if y is None else y)
        if y is None:
            np.fill_diagonal(k, 0.0)
        self.rows, self.columns, self.all = k.sum(1), k.sum(0), k.sum()


def distance(x, y):
    """(distance, standard error).  The error is the jackknife's: each vector of each set is left out in turn."""
    n, m = len(x), len(y)
    a, b, both = Sums(x), Sums(y), Sums(x, y)
    value = lambda a_sum, b_sum, both_sum, n, m: (a_sum / (n * (n - 1)) + b_sum / (m * (m - 1)) - 2 * both_sum / (n * m))
    without_x = value(a.all - 2 * a.rows, b.all, both.all - both.rows, n - 1, m)
    without_y = value(a.all, b.all - 2 * b.rows, both.all - both.columns, n, m - 1)
    variance = sum((len(v) - 1) / len(v) * ((v - v.mean()) ** 2).sum() for v in (without_x, without_y))
    return float(value(a.all, b.all, both.all, n, m)), float(variance ** 0.5)
