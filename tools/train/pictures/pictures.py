"""The picture sets of tools/data, and the training examples made from them.

A set is an .npz: images uint8 [n, height, width, channels], labels [n], label_names, source (text); the held-out part
is either test_images and test_labels, or the images marked by `valid`. may_flip [n] marks the pictures that may be
mirrored; without it, all may.
"""
import numpy as np


class Pictures:
    def __init__(self, path):
        with np.load(path) as file:
            images, labels = file["images"], file["labels"].astype(np.int64)
            may_flip = file["may_flip"] if "may_flip" in file else np.ones(len(images), bool)
            valid = file["valid"] if "valid" in file else np.zeros(len(images), bool)
            self.images, self.labels, self.may_flip = images[~valid], labels[~valid], may_flip[~valid]
            self.test_images, self.test_labels = images[valid], labels[valid]
            if "test_images" in file:
                self.test_images, self.test_labels = file["test_images"], file["test_labels"].astype(np.int64)
            self.label_names = [str(name) for name in file["label_names"]]
            self.source = str(file["source"]) if "source" in file else ""

    def order(self, seed, begin, count):
        """Indices of the examples begin .. begin + count of a run: every epoch its own permutation."""
        n, epochs = len(self.images), {}
        for epoch in range(begin // n, (begin + count - 1) // n + 1):
            epochs[epoch] = np.random.default_rng((seed, 1, epoch)).permutation(n)
        return np.array([epochs[i // n][i % n] for i in range(begin, begin + count)])


def to_network(images):
    """uint8 [n, h, w, c] -> float32 [n, c, h, w] in [-1, 1], channels last in memory."""
    import torch                        # here alone: sets are read and changed without it

    return torch.from_numpy(images.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)


def augment(images, may_flip, rng, flip, shift, hue):
    """Mirrors a fraction `flip` of those that may be mirrored, moves by up to `shift` pixels (with the edge repeated),
    and rotates hues by up to `hue` of a circle."""
    images = images.copy()
    for i, turned in enumerate((rng.random(len(images)) < flip) & may_flip):
        if turned:
            images[i] = images[i, :, ::-1]
    if shift:
        h, w = images.shape[1:3]
        padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge")
        for i, (dy, dx) in enumerate(rng.integers(0, 2 * shift + 1, (len(images), 2))):
            images[i] = padded[i, dy:dy + h, dx:dx + w]
    if hue:
        angle = 2 * np.pi * rng.uniform(-hue, hue, len(images))
        images = turn_hue(images, angle)
    return images


def turn_hue(images, angle):
    """Rotates RGB about the grey axis by angle [n] (Rodrigues' rotation), clipped to bytes; grey stays grey."""
    axis = np.full(3, 1 / np.sqrt(3))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    c, s = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    turn = c * np.eye(3) + s * cross + (1 - c) * np.outer(axis, axis)
    turned = np.einsum("nhwc,ndc->nhwd", images.astype(np.float32), turn.astype(np.float32), optimize=True)
    return np.clip(np.rint(turned), 0, 255).astype(np.uint8)
