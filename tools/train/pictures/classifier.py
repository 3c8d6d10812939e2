#!/usr/bin/env python3
"""A small classifier of Fashion-MNIST, with which measure.py judges drawn pictures.

usage: classifier.py --data build/data/fashion.npz --out build/pictures/classifier.pt [--epochs 14] [--threads 1]

Its 64 features before the last layer are the space of the Frechet distance, its answers the class agreement.  The
distance is comparable only between pictures judged by the same file, and not with the FID of papers.  The card names
the file's sha256; the seed makes a similar one again.
"""
import argparse
import hashlib
import json
import math
import pathlib
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from precision import add_option, autocast, choose

FEATURES = 64


class Classifier(nn.Module):
    """Grey pictures [n, 28, 28] of bytes; three convolutions, each with its own rest for the batch (BatchNorm)."""

    def __init__(self, kinds=10):
        super().__init__()
        self.conv = nn.ModuleList([nn.Conv2d(1, 32, 5, stride=2, padding=2, bias=False),     # 14 x 14
                                   nn.Conv2d(32, 64, 3, padding=1, bias=False),              # 14 x 14, then 7 x 7
                                   nn.Conv2d(64, 128, 3, padding=1, bias=False)])            # 7 x 7, then 3 x 3
        self.norm = nn.ModuleList([nn.BatchNorm2d(c.out_channels) for c in self.conv])
        self.inner = nn.Linear(128 * 3 * 3, FEATURES)
        self.drop = nn.Dropout(0.2)
        self.outer = nn.Linear(FEATURES, kinds)

    def features(self, images):
        h = (images.float() / 127.5 - 1).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        for i, (conv, norm) in enumerate(zip(self.conv, self.norm)):
            h = F.relu(norm(conv(h)))
            if i:
                h = F.max_pool2d(h, 2)
        return F.relu(self.inner(h.flatten(1)))

    def forward(self, images):
        return self.outer(self.drop(self.features(images)))


def load(path):
    net = Classifier()
    net.load_state_dict(torch.load(path, weights_only=True))
    return net.eval()


@torch.no_grad()
def look(net, images, batch=1000):
    """(features float64 [n, FEATURES], answers int64 [n]) of pictures uint8 [n, 28, 28]."""
    parts = [net.features(torch.from_numpy(images[i:i + batch])) for i in range(0, len(images), batch)]
    features = torch.cat(parts)
    return features.double().numpy(), net.outer(features).argmax(1).numpy()


def moved(images, rng):
    """Half of them mirrored, all shifted by up to a pixel."""
    images = np.where(rng.random(len(images))[:, None, None] < 0.5, images[:, :, ::-1], images)
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    down, right = rng.integers(0, 3, 2)
    return np.ascontiguousarray(wide[:, down:down + 28, right:right + 28])


def trial_step(size, count=50):
    """A step of such a network on grey pictures, forward and back, in a given precision."""
    net, x, y = Classifier().to(memory_format=torch.channels_last), torch.rand(count, *size), torch.zeros(count).long()

    def step(precision):
        with autocast(precision):
            loss = F.cross_entropy(net(x).float(), y)
        loss.backward()
        net.zero_grad()
    return step


def train(a, images, labels):
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    net = Classifier().to(memory_format=torch.channels_last)
    optim = torch.optim.AdamW(net.parameters(), lr=a.rate, weight_decay=0.05)
    each = len(images) // a.batch
    begun = time.time()
    for epoch in range(a.epochs):
        order = rng.permutation(len(images))
        total = 0.0
        for i in range(each):
            done = (epoch * each + i) / (a.epochs * each)
            for group in optim.param_groups:
                group["lr"] = a.rate * min(1, done / 0.1, 0.5 + 0.5 * math.cos(math.pi * (done - 0.1) / 0.9))
            rows = order[i * a.batch:(i + 1) * a.batch]
            x, y = torch.from_numpy(moved(images[rows], rng)), torch.from_numpy(labels[rows].astype(np.int64))
            with autocast(a.precision):
                loss = F.cross_entropy(net(x).float(), y, label_smoothing=0.02)
            optim.zero_grad(set_to_none=True)
            loss.backward()
            optim.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1}: loss {total / each:.4f}, {time.time() - begun:.0f} s", flush=True)
    return net.eval()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--epochs", type=int, default=14)
    p.add_argument("--batch", type=int, default=250)
    p.add_argument("--rate", type=float, default=3e-3)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    add_option(p)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    data = np.load(a.data)
    a.precision = choose(a.precision, trial_step(data["images"].shape[1:3]))
    net = train(a, data["images"].squeeze(-1), data["labels"])
    _, answers = look(net, data["test_images"].squeeze(-1))
    accuracy = float((answers == data["test_labels"]).mean())
    a.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), a.out)
    report = {"accuracy": accuracy, "epochs": a.epochs, "seed": a.seed, "precision": a.precision,
              "sha256": hashlib.sha256(a.out.read_bytes()).hexdigest()}
    a.out.with_suffix(".json").write_text(json.dumps(report) + "\n")
    print(f"test accuracy {accuracy:.2%}")


if __name__ == "__main__":
    main()
