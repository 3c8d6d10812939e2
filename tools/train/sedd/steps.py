#!/usr/bin/env python3
"""Measures how the quality of unconditional samples depends on the number of steps, and draws it on logarithmic axes.

usage: steps.py --out OUT --data build/data --palimpsest build/release/palimpsest --ar models/tales-ar.gguf
                --smollm2 SMOLLM2.gguf --curve NAME=MODEL.gguf:SAMPLER[:released] ... [--steps 4,8,...,512]
                [--samples 64] [--tokens 128] [--held-out 512] [--minutes M] [--only NAME ...] [--show]

A cell is a curve and a number of steps: samples of a page that is one blank, at temperature 1 from the model's own
probabilities.  Samplers without steps, and `generate` for a causal model, have one cell.  Of each cell:

  perplexity   under --ar and --smollm2, by `palimpsest score`; per token of the judge, as the mean over all samples
  entropy      of the tokens of a sample (in the vocabulary of --data), in nats: repetitions are likely, and lower it
  distance     the kernel distance (distance.py) of SmolLM2's mean hidden rows to those of windows of held-out text

The first row is held-out text itself, half of its windows against the other half.  Hidden rows are computed by PyTorch
from the GGUF file: the engine gives logits only, and its product with the output matrix cannot be undone.

Everything is kept in OUT/cells as soon as it is made; a run that was stopped goes on, and cells of another model file or
judge are made again.  At its end, and with --show from what is there, it writes OUT/steps.json with the figures,
OUT/steps.md with the table and OUT/steps.png with the plot.
"""
import argparse
import dataclasses
import json
import pathlib
import sys
import time

import numpy as np

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import engine  # noqa: E402
from held_out import windows  # noqa: E402
from sedd.distance import distance  # noqa: E402

WITH_STEPS = ("euler", "tweedie", "euler-corrector", "ancestral", "remask")
HELD_OUT = "held-out text"
JUDGES = ("ar", "smollm2")
SEED = 20


# ---- cells

@dataclasses.dataclass
class Curve:
    name: str
    model: str
    sampler: str
    released: bool = False

    @property
    def has_steps(self):
        return self.sampler in WITH_STEPS


def read_curve(text):
    name, equals, rest = text.partition("=")
    model, *how = rest.split(":")
    if not (name and equals and model and how and how[0] and how[1:] in ([], ["released"])):
        raise argparse.ArgumentTypeError(f"{text}: not NAME=MODEL.gguf:SAMPLER or NAME=MODEL.gguf:SAMPLER:released")
    if "/" in name or name == HELD_OUT:
        raise argparse.ArgumentTypeError(f"{text}: the name of a curve cannot be {name}")
    return Curve(name, model, how[0], bool(how[1:]))


def cells_of(a):
    """[(name, curve, steps)], fewest steps first, so that a run that is stopped has something of every curve."""
    stepped = [(f"{c.name}-{k}", c, k) for k in a.steps for c in a.curve if c.has_steps]
    return [(c.name, c, None) for c in a.curve if not c.has_steps] + stepped


def draw(a, curve, steps):
    """{"texts", "evaluations"} of a cell."""
    shared = ("-m", curve.model, "--drafts", a.samples, "--seed", SEED, "--temperature", 1)
    if curve.sampler == "generate":
        made = engine.run(a.palimpsest, "generate", "--prompt", "", "--max-tokens", a.tokens, "--ignore-eos", *shared)
        return {"texts": [m["continuation"] for m in made], "evaluations": a.tokens}
    more = ("--steps", steps) if steps else ()
    made = engine.run(a.palimpsest, "infill", "--text", f"[[{a.tokens}]]", "--borders", "off", "--sampler", curve.sampler,
                      *more, *(("--released",) if curve.released else ()), *shared)
    return {"texts": [m["text"] for m in made], "evaluations": float(np.mean([m["evaluations"] for m in made]))}


# ---- judges

class Hidden:
    """SmolLM2's hidden rows behind its last norm, by PyTorch."""

    def __init__(self, path, palimpsest):
        from measures.texts import Tokenizer
        from model import Network
        from rows.base import read_base
        base = read_base(path)
        self.network, self.start = Network(base.shape), base.start
        self.network.load_state_dict(base.weights)
        self.network.eval()
        self.tokenizer = Tokenizer(str(palimpsest), str(path))

    def rows(self, ids):
        """[n, width] of the tokens of one text, behind a start token."""
        import torch
        tokens = [self.start, *ids[:self.network.shape.context - 1]]
        with torch.no_grad():
            return self.network(torch.tensor(tokens), [len(tokens)], causal=True)[1:].numpy()

    def means(self, texts):
        """[N, width]: the mean row of each text."""
        return np.stack([self.rows(ids).mean(0) for ids in self.tokenizer.many(texts)])


def entropy(ids):
    counts = np.unique(ids, return_counts=True)[1]
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())


def nats_of(a, judge, texts):
    """[[nats, tokens, bytes]] of each text under a judge."""
    found = engine.score(a.palimpsest, getattr(a, judge), texts)
    if len(found) != len(texts):
        raise SystemExit(f"{len(texts)} samples, but {len(found)} scores: a sample is empty or has a separator")
    return [[s["nats_per_token"] * s["tokens"], s["tokens"], s["bytes"]] for s in found]


def ratio(values):
    """(sum of the first column / sum of the second, its standard error), of independent rows."""
    top, bottom = np.array(values, float)[:, :2].T
    mean = top.sum() / bottom.sum()
    return mean, float(np.std(top - mean * bottom, ddof=1) / bottom.mean() / len(top) ** 0.5)


def mean_of(values):
    return float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5)


class Cell:
    """The files of a cell: NAME.json, and NAME.npy with the mean hidden rows."""

    def __init__(self, folder, name, about):
        self.json, self.npy = folder / f"{name}.json", folder / f"{name}.npy"
        kept = json.loads(self.json.read_text()) if self.json.exists() else {}
        self.record = kept if kept.get("about") == about else {"about": about}
        if self.record is not kept and self.npy.exists():
            self.npy.unlink()

    def save(self):
        new = self.json.with_suffix(".new")
        new.write_text(json.dumps(self.record) + "\n")
        new.rename(self.json)

    def make(self, a, judges, sample):
        """Makes what is missing; sample() draws."""
        if "texts" not in self.record:
            began = time.monotonic()
            self.record |= sample()
            self.record["seconds"] = time.monotonic() - began
            self.save()
        texts = self.record["texts"]
        for judge in JUDGES:
            if judge not in self.record:
                self.record[judge] = nats_of(a, judge, texts)
                self.save()
        if not self.npy.exists():
            new = self.npy.with_suffix(".new.npy")
            np.save(new, judges.hidden.means(texts).astype(np.float32))
            new.rename(self.npy)

    @property
    def is_made(self):
        return all(judge in self.record for judge in JUDGES) and self.npy.exists()

    @property
    def rows(self):
        return np.load(self.npy)


class Judges:
    """What is opened when it is needed."""

    def __init__(self, a):
        from windows import Corpus
        self.a, self.corpus, self._hidden = a, Corpus(a.data), None

    def held_out_texts(self):
        return [self.corpus.text(ids) for ids in windows(self.corpus, self.a.tokens, self.a.held_out, SEED)]

    @property
    def hidden(self):
        if self._hidden is None:
            import torch
            torch.set_num_threads(self.a.threads)
            self._hidden = Hidden(self.a.smollm2, self.a.palimpsest)
        return self._hidden


# ---- figures

def figures(corpus, cell, rows, others):
    """The figures of a cell, with standard errors; rows [N, width] are compared with `others`."""
    record, found = cell.record, {}
    for judge in JUDGES:
        nats, error = ratio(record[judge])
        found[judge] = {"perplexity": float(np.exp(nats)), "error": float(np.exp(nats) * error),
                        "bits_per_byte": float(sum(r[0] for r in record[judge]) / np.log(2) /
                                               sum(r[2] for r in record[judge]))}
    value, error = mean_of([entropy(corpus.vocab_inside.encode(text)) for text in record["texts"]])
    found["entropy"] = {"value": value, "error": error}
    value, error = distance(rows, others)
    found["distance"] = {"value": value, "error": error}
    return found


def collect(a, corpus, cells):
    """[{"curve", "steps", "evaluations", ...}] of the cells that are made, held-out text first."""
    held = cells[0][1]
    half = len(held.rows) // 2
    made = [{"curve": HELD_OUT, "steps": None, "evaluations": None,
             **figures(corpus, held, held.rows[:half], held.rows[half:])}]
    for (_, curve, steps), cell in cells[1:]:
        if cell.is_made:
            made.append({"curve": curve.name, "model": curve.model, "sampler": curve.sampler, "released": curve.released,
                         "steps": steps, "evaluations": cell.record["evaluations"], "seconds": cell.record["seconds"],
                         **figures(corpus, cell, cell.rows, held.rows)})
    return made


def slopes(rows):
    """{curve: (slope, standard error)} of ln(perplexity under `ar`) against ln(evaluations), weighted by the errors."""
    found = {}
    for name in dict.fromkeys(r["curve"] for r in rows):
        of = [r for r in rows if r["curve"] == name and r["steps"]]
        if len(of) < 3:
            continue
        x, y = (np.log([f(r) for r in of]) for f in (lambda r: r["evaluations"], lambda r: r["ar"]["perplexity"]))
        w = np.array([(r["ar"]["perplexity"] / r["ar"]["error"]) ** 2 for r in of])
        centred = x - np.average(x, weights=w)
        slope = (w * centred * y).sum() / (w * centred ** 2).sum()
        found[name] = (float(slope), float((w * centred ** 2).sum() ** -0.5))
    return found


def table(rows):
    pm = lambda f, key="value", digits=2: f"{f[key]:.{digits}f} ± {f['error']:.{digits}f}"
    lines = ["| samples | steps | evaluations | perplexity, tales-ar | perplexity, SmolLM2 | entropy | distance |",
             "|---|---|---|---|---|---|---|"]
    for r in rows:
        steps, count = (r["steps"] or ""), (f"{r['evaluations']:.0f}" if r["evaluations"] else "")
        lines.append(f"| {r['curve']} | {steps} | {count} | {pm(r['ar'], 'perplexity', 1)} | "
                     f"{pm(r['smollm2'], 'perplexity', 1)} | {pm(r['entropy'])} | {pm(r['distance'], digits=3)} |")
    return "\n".join(lines) + "\n"


def slope_lines(rows):
    return "".join(f"{name}: perplexity under tales-ar is proportional to evaluations^({slope:.3f} ± {error:.3f})\n"
                   for name, (slope, error) in slopes(rows).items())


PANELS = (("perplexity under tales-ar", lambda r: (r["ar"]["perplexity"], r["ar"]["error"]), True),
          ("perplexity under SmolLM2", lambda r: (r["smollm2"]["perplexity"], r["smollm2"]["error"]), True),
          ("entropy of a sample, nats", lambda r: (r["entropy"]["value"], r["entropy"]["error"]), False),
          ("kernel distance to held-out text", lambda r: (r["distance"]["value"], r["distance"]["error"]), True))


def draw_panel(axes, rows, title, of, is_log):
    for name in dict.fromkeys(r["curve"] for r in rows[1:]):
        points = [(r["evaluations"], *of(r)) for r in rows if r["curve"] == name]
        points = [p for p in points if p[1] > 0 or not is_log]          # an estimate without bias can be below zero
        if points:
            x, y, error = zip(*points)
            axes.errorbar(x, y, yerr=error, marker=".", capsize=2, label=name, linestyle="-" if len(x) > 1 else "none")
    axes.set_xscale("log", base=2)
    value = of(rows[0])[0]
    if is_log:
        axes.set_yscale("log")
    if value > 0:
        axes.axhline(value, color="black", linewidth=1, linestyle=":", label=HELD_OUT)
    axes.set(xlabel="evaluations of the network", title=title)
    axes.grid(alpha=0.3, which="both")


def plot(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, panels = plt.subplots(2, 2, figsize=(11, 8))
    for axes, panel in zip(panels.flat, PANELS):
        draw_panel(axes, rows, *panel)
    panels.flat[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write(a, corpus, cells):
    rows = collect(a, corpus, cells)
    record = {"samples": a.samples, "tokens": a.tokens, "held_out": a.held_out, "slopes": slopes(rows), "cells": rows}
    (a.out / "steps.json").write_text(json.dumps(record, indent=1) + "\n")
    (a.out / "steps.md").write_text(table(rows) + "\n" + slope_lines(rows))
    if len(rows) > 1:
        plot(rows, a.out / "steps.png")
    return rows


# ---- the run

def parse_arguments(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("out", "data", "palimpsest", "ar", "smollm2"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--curve", type=read_curve, action="append", required=True, metavar="NAME=MODEL.gguf:SAMPLER")
    p.add_argument("--steps", type=lambda text: [int(k) for k in text.split(",")], default=[4 << i for i in range(8)])
    p.add_argument("--samples", type=int, default=64)
    p.add_argument("--tokens", type=int, default=128, help="of a sample (default 128)")
    p.add_argument("--held-out", type=int, default=512, help="windows of held-out text (default 512)")
    p.add_argument("--threads", type=int, default=1, help="of PyTorch")
    p.add_argument("--minutes", type=float, default=float("inf"), help="stop after the cell in which these are over")
    p.add_argument("--only", nargs="+", default=[], help="names of curves")
    p.add_argument("--show", action="store_true", help="make no cell: show what is there")
    a = p.parse_args(arguments)
    if len({c.name for c in a.curve}) < len(a.curve):
        p.error("two curves have the same name")
    if min(a.samples, a.held_out // 2) < 2 or min(a.steps) < 1:
        p.error("--samples must be at least 2, --held-out at least 4, --steps at least 1")
    return a


def open_cells(a):
    """[((name, curve, steps), Cell)], that of held-out text first."""
    folder = a.out / "cells"
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {}
    digest = lambda path: hashes.setdefault(str(path), engine.sha256(path))
    about = {"ar": digest(a.ar), "smollm2": digest(a.smollm2), "tokens": a.tokens}
    held = Cell(folder, "held-out", about | {"windows": a.held_out, "data": digest(a.data / "sources.json")})
    return [((HELD_OUT, None, None), held)] + [
        (cell, Cell(folder, cell[0], about | {"model": digest(cell[1].model), "samples": a.samples,
                                              "sampler": cell[1].sampler, "released": cell[1].released}))
        for cell in cells_of(a)]


def main(arguments=None):
    a = parse_arguments(arguments)
    cells, judges, end = open_cells(a), Judges(a), time.monotonic() + 60 * a.minutes
    for (name, curve, steps), cell in cells:
        if a.show or cell.is_made or (a.only and curve and curve.name not in a.only):
            continue
        began = time.monotonic()
        cell.make(a, judges, (lambda curve=curve, steps=steps: draw(a, curve, steps)) if curve else
                  lambda: {"texts": judges.held_out_texts(), "evaluations": None})
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
        if time.monotonic() > end:
            break
    rows = write(a, judges.corpus, cells)
    print(table(rows) + "\n" + slope_lines(rows), end="")


if __name__ == "__main__":
    main()
