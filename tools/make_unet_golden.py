#!/usr/bin/env python3
"""Writes small random picture networks and PyTorch's outputs of them, stage by stage, for tests/test_unet.c.

usage: make_unet_golden.py        (needs torch, numpy, gguf; writes tests/models/unet-*.gguf and tests/golden/unet)

  unet-labels   14 x 14 grey, patches of 2 (7 x 7, then 4 x 4: odd extents), labels, both heads (sn with a block, npr
                without), Gamma; Q8_0 and F16
  unet-plain    9 x 7 colour, patch 1, three levels, no labels, heads or Gamma; F32

Everything is computed in float64 from the weights stored in the file, and stored as float32.

A golden file holds int32 width, height, channels, stages, cases, 0; for each stage 24 bytes of name (zeros after it),
int32 places and int32 channels; then for each case float64 time, int32 label (-1: none), int32 0, float32
picture [height, width, channels] and the stages in order, float32 [places, channels], places row by row.
"""
import pathlib
import sys

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/train/pictures"))
import files
from diffusion import Schedule
from unet import Head, Network, Shape

LABELS = Shape(width=14, height=14, channels=1, patch=2, widths=(32, 64), blocks=1, up_blocks=1, attention=(1,),
               heads=4, groups=8, sinusoids=32, embedding=32, labels=3)
PLAIN = Shape(width=7, height=9, channels=3, patch=1, widths=(8, 8, 16), blocks=2, up_blocks=3, attention=(0, 2),
              heads=1, groups=4, eps=1e-6, sinusoids=16, embedding=24, labels=0)


def random_weights(module, rng, prefix=""):
    """Gains near 1, biases and scales near 0, matrices that preserve the magnitude of their input."""
    weights = {}
    for name, p in module.state_dict().items():
        values = rng.standard_normal(tuple(p.shape)).astype(np.float32)
        if p.ndim == 1:
            values *= np.float32(0.2)
            if "norm" in name and name.endswith("weight"):
                values += 1
        elif name == "label_embd.weight":
            values *= np.float32(0.5)
        else:
            values *= np.float32(0.8 / p.shape[1] ** 0.5)
        weights[prefix + name] = torch.from_numpy(values)
    return weights


def make_model(path, shape, wanted, seed, heads):
    rng = np.random.default_rng(seed)
    checkpoint = {"shape": vars(shape), "schedule": vars(Schedule(steps=20, first=1e-3, last=0.4)), "seen": 0,
                  "arguments": {"label_dropout": 0.1}, "source": "random numbers",
                  "labels": ["alpha", "beta", "gamma"][:shape.labels], "weights": random_weights(Network(shape), rng)}
    if heads:
        for name in files.HEADS:
            checkpoint["weights"] |= random_weights(Head(shape, name == "sn"), rng, name + ".")
        checkpoint["weights"][files.GAMMA] = torch.linspace(0.9, 0.01, 20)
    files.write(path, checkpoint, wanted, path.stem, "MIT")
    print(path.name, path.stat().st_size, "bytes")


def flat(y):
    """[1, channels, rows, columns] or [1, n] -> [places, channels]."""
    return y[0].permute(1, 2, 0).flatten(0, 1) if y.ndim == 4 else y


def stages_of(network, heads, x, t, label):
    trace = []
    features, e = network.features(x, t, label, trace)
    trace.append(("eps", network.output(features)))
    trace += [(name, head(features, e)) for name, head in heads.items()]
    return [(name, flat(y)) for name, y in trace]


@torch.no_grad()
def store(model, out, cases, seed):
    network, heads, _, _ = files.read(model)
    network.double()
    for head in heads.values():
        head.double()
    shape, rng = network.shape, np.random.default_rng(seed)
    with open(out, "wb") as file:
        for i, (t, label) in enumerate(cases):
            picture = rng.standard_normal((shape.height, shape.width, shape.channels)).astype("<f4")
            x = torch.from_numpy(picture).double().permute(2, 0, 1)[None].contiguous()
            stages = stages_of(network, heads, x, torch.tensor([t], dtype=torch.float64),
                               torch.tensor([shape.labels if label < 0 else label]))
            if i == 0:
                np.array([shape.width, shape.height, shape.channels, len(stages), len(cases), 0], "<i4").tofile(file)
                for name, y in stages:
                    file.write(name.encode().ljust(24, b"\0"))
                    np.array(y.shape, "<i4").tofile(file)
            np.array([t], "<f8").tofile(file)
            np.array([label, 0], "<i4").tofile(file)
            picture.tofile(file)
            for _, y in stages:
                y.numpy().astype("<f4").tofile(file)
    print(out.name, out.stat().st_size, "bytes:", ", ".join(name for name, _ in stages))


def main():
    golden, models = ROOT / "tests/golden/unet", ROOT / "tests/models"
    golden.mkdir(parents=True, exist_ok=True)
    make_model(models / "unet-labels.gguf", LABELS, "Q8_0", 11, heads=True)
    make_model(models / "unet-plain.gguf", PLAIN, "F32", 12, heads=False)
    store(models / "unet-labels.gguf", golden / "labels.bin", [(0.05, -1), (0.4375, 0), (1.0, 2)], 13)
    store(models / "unet-plain.gguf", golden / "plain.bin", [(0.001, -1), (0.7, -1)], 14)


if __name__ == "__main__":
    main()
