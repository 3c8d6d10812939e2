#!/usr/bin/env python3
"""Compares samplers, temperatures and numbers of evaluations: the causal twin judges filled pages.

usage: compare_samplers.py fill|judge --data build/data --text TEXT_DIR --out build/measures
                           --palimpsest build/release/palimpsest --infill models/tales-masked.gguf
                           [--judge models/tales-ar.gguf] [--pages 200] [--sources tinystories,classic]

fill   From paragraphs of the validation texts a span of 1 to 12 tokens is blanked; each cell (a sampler, its
       options, a temperature) fills all pages with the blank's true length and again with [[?]].  Fills are kept in
       OUT/fills, and a second run with more pages makes only what is missing.
judge  The causal twin gives nats per token of the whole filled page.  Prints a Markdown table: the excess over the
       pages as they were, with standard errors (bootstrap over pages), and beside it the entropy of the filled tokens
       and the share of filled words equal to the word before them, since what is likely may be dull.
"""
import argparse
import json
import pathlib

import numpy as np

import engine
import held_out
from windows import Corpus

SAMPLERS = ("first-hitting", "margin", "entropy", "confidence", "ancestral", "parallel", "remask")
TEMPERATURES = (0.6, 0.8, 1.0)
MORE = [("ancestral", "steps", 4), ("ancestral", "steps", 8), ("ancestral", "steps", 16), ("ancestral", "steps", 256),
        ("remask", "steps", 16), ("remask", "steps", 32), ("remask", "steps", 128),
        ("parallel", "threshold", 0.3), ("parallel", "threshold", 0.6), ("parallel", "entropy-bound", 0.5),
        ("parallel", "entropy-bound", 2)]
CELLS = [(s, t, None, None) for t in TEMPERATURES for s in SAMPLERS] + [(s, 0.6, option, x) for s, option, x in MORE]
KINDS = ("true length", "[[?]]")
ROUNDS = 2000                    # of the bootstrap


def cell_name(cell):
    sampler, temperature, option, value = cell
    return f"{sampler}-{temperature:g}" + (f"-{option}-{value:g}" if option else "")


def pages_of(corpus, folder, sources, count):
    """`count` pages, from each source in turn; a larger count begins with the same pages."""
    each = [held_out.spans(corpus, folder, name, -(-count // len(sources))) for name in sources]
    return [page for row in zip(*each) for page in row][:count]


def fill_cell(a, cell, kind, pages):
    """Fills the pages that are missing; returns [{"text", "ids", "evaluations"}] of all."""
    path = a.out / "fills" / f"{cell_name(cell)}-{'exact' if kind == KINDS[0] else 'free'}.json"
    have = json.loads(path.read_text()) if path.exists() else {}
    if have.get("model") != a.infill_hash:
        have = {"model": a.infill_hash, "fills": []}
    done = len(have["fills"])
    if a.what == "judge" or done >= len(pages):
        return have["fills"][:len(pages)]
    sampler, temperature, option, value = cell
    blanked = [p.blank(p.tokens if kind == KINDS[0] else "?") for p in pages[done:]]
    new = engine.fill(a.palimpsest, a.infill, blanked, done, "--sampler", sampler, "--temperature", temperature,
                      *((f"--{option}", value) if option else ()))
    have["fills"] += [{"text": f["text"], "ids": engine.filled(f), "evaluations": f["evaluations"]} for f in new]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(have))
    return have["fills"]


# ---- judging

def nats_of(a, texts):
    """[pages, 2]: nats and tokens of each."""
    scores = engine.score(a.palimpsest, a.judge, texts)
    return np.array([(s["nats_per_token"] * s["tokens"], s["tokens"]) for s in scores])


def excess(rows, original, weights):
    """Nats per token of `rows` beyond those of `original`, for each row of weights [rounds, pages]."""
    a, b = weights @ rows, weights @ original
    return a[..., 0] / a[..., 1] - b[..., 0] / b[..., 1]


def entropy(ids):
    """Entropy of the distribution of tokens over all fills, in nats; comparable for equal numbers of tokens."""
    counts = np.unique(np.concatenate([np.asarray(i, int) for i in ids]), return_counts=True)[1]
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())


def repeated(fills, pages):
    """The share of filled words that are equal to the word before them."""
    same = total = 0
    for f, page in zip(fills, pages):
        words = f["text"][len(page.before):len(f["text"]) - len(page.after)].lower().split()
        same, total = same + sum(x == y for x, y in zip(words, words[1:])), total + max(0, len(words) - 1)
    return same / max(1, total)


def judge_cell(a, fills, pages, original, weights):
    """(figures of a cell and kind, the excess of each round)."""
    drawn = excess(nats_of(a, [f["text"] for f in fills]), original, weights)
    return {"evaluations": float(np.mean([f["evaluations"] for f in fills])), "excess": float(drawn[0]),
            "error": float(drawn[1:].std()), "entropy": entropy([f["ids"] for f in fills]),
            "tokens": float(np.mean([len(f["ids"]) for f in fills])), "repeats": repeated(fills, pages)}, drawn


def judge(a, corpus, pages):
    n = len(pages)
    rounds = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), ROUNDS)
    weights = np.concatenate([np.ones((1, n)), rounds])         # the first is the sample as it is
    original = nats_of(a, [p.whole for p in pages])
    cells = []
    for cell in CELLS:
        fills = {kind: fill_cell(a, cell, kind, pages) for kind in KINDS}
        if all(len(f) == n for f in fills.values()):
            cells.append((cell, {kind: judge_cell(a, f, pages, original, weights) for kind, f in fills.items()}))
    rows = [dict(zip(("sampler", "temperature", "option", "value"), cell)) for cell, _ in cells]
    for kind in KINDS:                      # how far each is from the best, page by page
        best = min((found[kind][1] for _, found in cells), key=lambda drawn: drawn[0])
        for row, (_, found) in zip(rows, cells):
            figures, drawn = found[kind]
            row[kind] = {**figures, "behind": float(drawn[0] - best[0]),
                         "behind_error": float((drawn - best)[1:].std())}
    hidden = [corpus.vocab_inside.encode(" " + p.hidden) for p in pages]
    return {"pages": n, "original": float(original[:, 0].sum() / original[:, 1].sum()), "entropy": entropy(hidden),
            "tokens": float(np.mean([p.tokens for p in pages])), "cells": rows}


def show(r):
    head = " | ".join(f"{k}: evaluations | excess | behind the best | entropy | repeats" for k in KINDS)
    lines = [f"{r['pages']} pages with one blank of 1 to 12 tokens, filled at its true length and as `[[?]]`, and judged "
             "by `tales-ar` (`tools/train/compare_samplers.py`). \"Excess\": nats per token of the whole page above the "
             f"{r['original']:.3f} of the original pages. \"Behind the best\": the difference to the best row. Standard "
             f"errors are from {ROUNDS:,} bootstrap rounds over the pages, for \"behind the best\" of the paired "
             "difference. \"Entropy\": of the distribution of the filled tokens, in nats; that of the original tokens is "
             f"{r['entropy']:.2f}. A fill that the judge finds more probable than the original words is not a better "
             "fill: low temperatures write common words, and the entropy shows it.\n",
             f"| sampler | temperature | {head} | tokens |", f"|{'---|' * 13}"]
    for row in sorted(r["cells"], key=lambda row: row[KINDS[0]]["excess"]):
        what = row["sampler"] + (f", {row['option']} {row['value']:g}" if row["option"] else "")
        cells = " | ".join(f"{x['evaluations']:.1f} | {x['excess']:+.3f} ± {x['error']:.3f} | "
                           f"{x['behind']:.3f} ± {x['behind_error']:.3f} | {x['entropy']:.2f} | {x['repeats']:.3f}"
                           for x in (row[k] for k in KINDS))
        lines.append(f"| {what} | {row['temperature']:g} | {cells} | {row[KINDS[1]]['tokens']:.1f} |")
    return "\n".join(lines)


def section(folder, **models):
    """The part of a card, if the cells were judged with these model files."""
    record = engine.load(folder, "samplers", **models)
    return show(record) if record else ""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("fill", "judge"))
    for name in ("data", "text", "out", "palimpsest", "infill"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--judge", type=pathlib.Path)
    p.add_argument("--pages", type=int, default=200)
    p.add_argument("--sources", default="tinystories,classic")
    a = p.parse_args()
    a.infill_hash = engine.sha256(a.infill)
    corpus = Corpus(a.data)
    pages = pages_of(corpus, a.text, a.sources.split(","), a.pages)
    if a.what == "fill":
        for cell in CELLS:
            for kind in KINDS:
                fill_cell(a, cell, kind, pages)
    elif a.judge is None:
        p.error("judge needs --judge")
    else:
        print(show(engine.save(a.out, "samplers", judge(a, corpus, pages), infill=a.infill, ar=a.judge)))


if __name__ == "__main__":
    main()
