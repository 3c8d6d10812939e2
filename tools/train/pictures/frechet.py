"""The Frechet distance between two sets of features, and the nearest pictures of a set."""
import numpy as np


def normal_of(features):
    """Mean and covariance (double precision) of features [n, d]."""
    return features.mean(0), np.cov(features, rowvar=False)


def root(matrix):
    """The square root of a symmetric matrix that has no negative eigenvalues except by rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def distance(a, b):
    """Between two normal distributions (mean, covariance): |m - n|^2 + tr(C + D - 2 (C D)^(1/2)), Dowson and Landau
    (1982).  The trace of (C D)^(1/2) is that of (C^(1/2) D C^(1/2))^(1/2), which is symmetric."""
    (m, c), (n, d) = a, b
    half = root(c)
    middle = np.linalg.eigvalsh(half @ d @ half)
    return float(((m - n) ** 2).sum() + np.trace(c) + np.trace(d) - 2 * np.sqrt(np.maximum(middle, 0)).sum())


class Nearest:
    """Finds the nearest of a set of pictures by the root mean square difference, in grey levels (0 to 255); with
    `mirrored` also among their mirror images, as in training."""

    def __init__(self, images, mirrored=True):
        self.images = images
        self.flat = images.reshape(len(images), -1).astype(np.float32)
        self.squares = np.einsum("ij,ij->i", self.flat, self.flat)
        self.mirrored = mirrored

    def _one_way(self, images, block=250):
        found, best = [], []
        for i in range(0, len(images), block):
            x = images[i:i + block].reshape(-1, self.flat.shape[1]).astype(np.float32)
            gaps = self.squares - 2 * (x @ self.flat.T) + np.einsum("ij,ij->i", x, x)[:, None]
            found.append(gaps.argmin(1))
            best.append(gaps.min(1))
        return np.concatenate(found), np.concatenate(best)

    def __call__(self, images):
        """(index of the nearest, whether it is its mirror image, distance), each [n], of pictures uint8 [n, ...]"""
        index, gap = self._one_way(images)
        turned = np.zeros(len(images), bool)
        if self.mirrored:
            other, other_gap = self._one_way(images[:, :, ::-1])
            turned = other_gap < gap
            index, gap = np.where(turned, other, index), np.minimum(gap, other_gap)
        return index, turned, np.sqrt(np.maximum(gap, 0) / self.flat.shape[1])
