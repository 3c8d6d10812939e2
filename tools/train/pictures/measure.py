#!/usr/bin/env python3
"""Measures the quality of the engine's Fashion-MNIST pictures, by sampler and number of evaluations.

usage: measure.py draw|bits|baseline --model models/fashion.gguf --data build/data/fashion.npz --out build/pictures
                  --classifier build/pictures/classifier.pt --palimpsest build/release/palimpsest
                  [--f32 FILE] [--only PATTERN] [--up-to N] [--most N] [--seconds N] [--list]

draw      each cell (a sampler with a number of evaluations): pictures with the labels in turn, the same seed for all
          cells, by the command; the Frechet distance of their features (classifier.py) to those of the 10,000 test
          pictures, how often the classifier sees the label that was asked for, how near the nearest training
          pictures are.
baseline  the same for as many real pictures: training ones for the distance, test ones for the nearest.
bits      bits per dimension of test pictures: by the probability flow, and the variational bounds.

Each result is a line of OUT/fashion.jsonl, each block of drawn pictures a file in OUT/drawn: what is there for this
model file is not done again, so that it can be stopped at any time.  card.py makes the card of it.  --seconds: start
no cell that would not be finished so many seconds from now, by the cost of those before.
"""
import argparse
import fnmatch
import hashlib
import json
import pathlib
import subprocess
import time
from dataclasses import dataclass

import numpy as np
import torch

import classifier
import frechet

SEED = 1
BLOCK = 100         # pictures a call of the command
NEAR = 300          # pictures of a cell whose nearest training pictures are looked for
KINDS = 10
EVALUATIONS = (10, 25, 50)
PLAIN = ("ddpm", "ddim", "analytic-ddpm", "sn-ddpm", "npr-ddpm", "analytic-ddim", "sn-ddim", "npr-ddim", "dpm-solver++",
         "reverse-sde")


@dataclass
class Cell:
    sampler: str
    options: tuple      # of the command, beside the sampler
    evaluations: int    # expected, of one picture
    count: int = 1000

    @property
    def name(self):
        return " ".join((self.sampler, *self.options))


def cells():
    """In the order of interest.  A corrector costs one evaluation per step; K steps of Heun's method cost 2 K - 1."""
    rows = [Cell(s, ("--steps", str(k)), k) for k in (10, 25) for s in PLAIN]
    rows += [Cell("probability-flow", ("--solver", "heun", "--steps", str(k)), 2 * k - 1) for k in (5, 13)]
    rows += [Cell("predictor-corrector", ("--steps", str(k)), 2 * k) for k in (5, 12)]
    rows += [Cell("ddpm", ("--variance", "large", "--steps", str(k)), k) for k in (10, 25)]
    rows += [Cell(s, ("--steps", "50"), 50) for s in PLAIN]
    rows += [Cell("probability-flow", ("--tolerance", t), n) for t, n in (("1e-2", 30), ("1e-3", 50))]
    rows += [Cell("annealed-langevin", ("--steps", "100"), 100)]
    rows += [Cell("probability-flow", ("--solver", "heun", "--steps", "25"), 49),
             Cell("predictor-corrector", ("--steps", "25"), 50),
             Cell("ddpm", ("--variance", "large", "--steps", "50"), 50)]
    rows += [Cell("probability-flow", ("--tolerance", "1e-4"), 90), Cell("annealed-langevin", ("--steps", "200"), 200)]
    return rows + [Cell(s, ("--steps", "1000"), 1000, 200) for s in ("ddpm", "ddim")]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def balanced(labels, count, seed):
    """`count` indices, the same number for each label, with the labels in turn."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.flatnonzero(labels == k), count // KINDS, replace=False) for k in range(KINDS)]
    return np.stack(rows, 1).reshape(-1)


class Results:
    """JSON lines; ignores results of another model or classifier."""

    def __init__(self, path, about):
        self.path, self.about = path, about

    def read(self):
        lines = [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []
        return [r for r in lines if all(r.get(key) == value for key, value in self.about.items())]

    def has(self, kind, name, count):
        return any(r["kind"] == kind and r["name"] == name and r["count"] >= count for r in self.read())

    def add(self, kind, name, **values):
        row = {"kind": kind, "name": name, **values, **self.about}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps({k: v for k, v in row.items() if k not in self.about and k != "bits"}), flush=True)


class Judge:
    """The references: the features of the test pictures, and the training pictures."""

    def __init__(self, a):
        data = np.load(a.data)
        self.train, self.train_labels = data["images"].reshape(-1, 28, 28), data["labels"]
        self.test, self.test_labels = data["test_images"].reshape(-1, 28, 28), data["test_labels"]
        self.net = classifier.load(a.classifier)
        self.reference = frechet.normal_of(classifier.look(self.net, self.test)[0])
        self.nearest = frechet.Nearest(self.train)
        rows = balanced(self.test_labels, 1000, SEED)
        self.near = self.nearest(self.test[rows])[2]

    def distance(self, features):
        return frechet.distance(frechet.normal_of(features), self.reference)

    def about(self, images, labels):
        """`spread`: standard error of the distance by a jackknife of ten parts; `nearer`: the share that is nearer to a
        training picture than all but 1 % of the test pictures are."""
        features, answers = classifier.look(self.net, images)
        part = np.arange(len(images)) * 10 // len(images)
        without = np.array([self.distance(features[part != i]) for i in range(10)])
        near = self.nearest(images[:NEAR])[2]
        spread = np.sqrt(0.9 * ((without - without.mean()) ** 2).sum())
        return {"frechet": self.distance(features), "spread": float(spread),
                "agreement": float((answers == labels).mean()), "near": float(np.median(near)),
                "nearer": float((near < np.quantile(self.near, 0.01)).mean())}


# ---- drawing

def command(a, name, *options, model=None):
    """The JSON object printed by `palimpsest image`; labels in turn, the same seed for all."""
    words = (a.palimpsest, "image", "-m", model or a.model, "--label", "all", "--seed", SEED, *options, "--json")
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def draw_block(a, cell, folder, first):
    """(pictures uint8 [BLOCK, 28, 28], evaluations of a picture, seconds); drawn once, kept in two files."""
    raw, note = folder / f"{first:04}.raw", folder / f"{first:04}.json"
    if not note.exists():
        said = command(a, cell.name, "--count", BLOCK, "--first", first, "--sampler", cell.sampler, *cell.options,
                       "--raw", raw)
        note.write_text(json.dumps(said) + "\n")
    said = json.loads(note.read_text())
    return np.fromfile(raw, np.uint8).reshape(BLOCK, 28, 28), said["passes"] / BLOCK, said["seconds"]


def draw(a, results):
    begun, cost, judge = time.time(), 0.0, Judge(a)
    for cell in cells():
        cell.count = min(cell.count, a.most)
        unwanted = cell.evaluations > a.up_to or not fnmatch.fnmatch(cell.name, a.only)
        if unwanted or results.has("cell", cell.name, cell.count):
            continue
        if a.seconds and time.time() - begun + cost * cell.evaluations * cell.count > a.seconds:
            print(f"no time for {cell.name}", flush=True)
            continue
        folder = a.out / "drawn" / results.about["model"][:12] / cell.name.replace(" ", "_").replace("--", "")
        folder.mkdir(parents=True, exist_ok=True)
        since = time.time()
        images, evaluations, seconds = zip(*(draw_block(a, cell, folder, i) for i in range(0, cell.count, BLOCK)))
        cost = max(cost, (time.time() - since) / sum(evaluations) / BLOCK)
        results.add("cell", cell.name, sampler=cell.sampler, count=cell.count, evaluations=float(np.mean(evaluations)),
                    seconds=sum(seconds), **judge.about(np.concatenate(images), np.arange(cell.count) % KINDS))


# ---- real pictures

def baseline(a, results, times=10):
    judge = Judge(a)
    for count in (1000, 200):
        rows = [balanced(judge.train_labels, count, 100 + i) for i in range(times)]
        distances = [judge.distance(classifier.look(judge.net, judge.train[r])[0]) for r in rows]
        answers = classifier.look(judge.net, judge.test)[1]
        results.add("real", f"real {count}", count=count, frechet=float(np.mean(distances)),
                    spread=float(np.std(distances, ddof=1)), times=times, near=float(np.median(judge.near)),
                    agreement=float((answers == judge.test_labels).mean()), nearer=0.01)


# ---- likelihood

BOUNDS = ("ddpm", "analytic-ddpm", "npr-ddpm", "sn-ddpm")


def bits_of(a, results, judge, name, count, *options, model=None):
    if results.has("bits", name, count) or not fnmatch.fnmatch(name, a.only):
        return
    raw = a.out / "likelihood.raw"
    raw.write_bytes(judge.test[balanced(judge.test_labels, count, SEED)].tobytes())
    said = command(a, name, "--likelihood-raw", raw, *options, model=model)
    bits = np.array(said["bits_per_dimension"])
    results.add("bits", name, count=count, mean=float(bits.mean()), error=float(bits.std(ddof=1) / count ** 0.5),
                evaluations=said["passes"] / count, seconds=said["seconds"], bits=[round(b, 4) for b in bits.tolist()])


def bits(a, results):
    judge = Judge(a)
    # Rounding of quantised activations hides smaller differences; with F32 weights this one has an error of 0.003 bits.
    flow = ("--method", "flow", "--tolerance", "1e-2", "--difference", "1")
    bits_of(a, results, judge, "probability-flow", 200, *flow)
    if a.f32:
        bits_of(a, results, judge, "probability-flow, F32 weights", 50, *flow[:-1], "0.02", model=a.f32)
    for steps, count in ((10, 100), (25, 100), (100, 50)):
        for sampler in BOUNDS:
            bits_of(a, results, judge, f"{sampler} {steps}", count, "--method", "bound", "--sampler", sampler,
                    "--steps", str(steps))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("draw", "bits", "baseline"))
    for name in ("model", "data", "out", "classifier", "palimpsest"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--f32", type=pathlib.Path, help="bits: the same network with weights in F32, to compare with")
    p.add_argument("--only", default="*", help="names of cells, as a shell pattern")
    p.add_argument("--seconds", type=float, default=0)
    p.add_argument("--up-to", type=int, default=1000, help="skip cells with more evaluations per picture")
    p.add_argument("--most", type=int, default=1000, help="pictures per cell, a multiple of 100; fewer for a quick test")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--list", action="store_true", help="print the names of the cells and exit")
    a = p.parse_args()
    if a.list:
        print("\n".join(f"{c.evaluations:5} x {c.count:4}  {c.name}" for c in cells()))
        return
    torch.set_num_threads(a.threads)
    a.out.mkdir(parents=True, exist_ok=True)
    results = Results(a.out / "fashion.jsonl", {"model": sha256(a.model), "classifier": sha256(a.classifier)})
    {"draw": draw, "bits": bits, "baseline": baseline}[a.what](a, results)


if __name__ == "__main__":
    main()
