#!/usr/bin/env python3
"""What the sampler `parallel` loses by drawing places together, against the evaluations that it saves.

usage: parallel_loss.py --texts TEXT_DIR [--tales MODEL.gguf] [--smollm2 BASE.gguf --adapter ADAPTER.gguf]
                        [--blanks 1 4 12] [--pages 100] [--distances 1 4 8 ...] [--json FILE]

Pages of 200 tokens of held-out text have one blank of 24 tokens, 4 of 12 or 12 of 4. The sampler fills them at
temperature 1 without truncation and with no border rules. The loss is the divergence per token of the sampler's
distribution from that of its order, which the other samplers follow exactly: the mean of ln q - ln p over its own fills,
where q is the probability that the sampler drew a token with, and p that of the same token one at a time in the same order
(`score --fills`). p / q - 1 is added for each token. Its mean is 0, since both are distributions over the same tokens; with
it no token counts less than 0, as a divergence should, and the errors are several times smaller. (The mean of
ln q - ln p alone was negative in some rows, by chance.) Errors are of the mean over pages. The same pages and seeds are used
for each row. One core is used.
"""
import argparse
import json
import math
import pathlib
import tempfile

import numpy as np

import engine
from measures import texts

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = {"tales": "tinystories", "smollm2": "everyday"}
SIZE, EDGE, GAP = 200, 8, 4                  # tokens: of a page, given at its ends and between blanks
LENGTH = {1: 24, 4: 12, 12: 4}               # tokens of a blank, by the number of blanks
SEED = 17


def page(text, number, blanks):
    """A page, or None if its text could be taken for the notation of blanks."""
    rng = np.random.default_rng([SEED, blanks, number])
    at = int(rng.integers(0, len(text.pieces) - SIZE))
    length = LENGTH[blanks]
    slack = SIZE - 2 * EDGE - blanks * length - (blanks - 1) * GAP
    cuts = np.sort(rng.integers(0, slack + 1, blanks))
    parts, begin = [], at
    for i, cut in enumerate(cuts):
        first = at + EDGE + int(cut) + i * (length + GAP)
        parts.append("".join(text.pieces[begin:first]))
        begin = first + length
    parts.append("".join(text.pieces[begin:at + SIZE]))
    if any("[[" in p or "\\" in p for p in parts):
        return None
    return f"[[{length}]]".join(parts)


def pages(text, blanks, count):
    found, number = [], 0
    while len(found) < count:
        made, number = page(text, number, blanks), number + 1
        found += [made] if made else []
    return found


def scored(command, model, filled, made):
    """{(blank, index): -ln p} of each fill, one at a time in the order in which the tokens were drawn."""
    lines = []
    for f, p in zip(filled, made):
        drawn = sorted(f["tokens"], key=lambda t: (t["step"], t["blank"], t["index"]))
        fills = [[t["id"] for t in f["tokens"] if t["blank"] == b] for b in range(f["tokens"][-1]["blank"] + 1)]
        lines.append({"page": p, "fills": fills, "order": [[t["blank"], t["index"]] for t in drawn]})
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(json.dumps(one) + "\n" for one in lines))
        file.flush()
        out = engine.run(command, "score", *model, "--borders", "off", "--byte-pieces", "--fills", file.name)
    return [{(t["blank"], t["index"]): t["nats"] for t in one["drawn"]} for one in out]


def divergence(log_ratio):
    """What a token drawn with probability q adds to the loss; log_ratio is ln q - ln p."""
    return log_ratio + math.expm1(-log_ratio)


def row(a, model, made, options):
    """Evaluations, loss and its standard error, and tokens."""
    filled = engine.fill(a.palimpsest, model[1], made, SEED, *model[2:], "--sampler", "parallel", "--temperature", 1,
                         "--borders", "off", "--byte-pieces", *options)
    nats = scored(a.palimpsest, model, filled, made)
    loss = np.array([sum(divergence(math.log(t["probability"]) + n[t["blank"], t["index"]]) for t in f["tokens"])
                     for f, n in zip(filled, nats)])
    tokens = np.array([len(f["tokens"]) for f in filled])
    per = loss.sum() / tokens.sum()
    error = float(np.std(loss - per * tokens, ddof=1) / tokens.mean() / len(loss) ** 0.5)
    return {"evaluations": float(np.mean([f["evaluations"] for f in filled])), "loss": float(per), "error": error,
            "tokens": float(tokens.mean())}


def settings(a):
    return [("default", [])] + [(f"distance {d}", ["--distance", d]) for d in a.distances] + \
        [(f"threshold {t}", ["--threshold", t]) for t in a.thresholds] + \
        [(f"entropy-bound {b}", ["--entropy-bound", b]) for b in a.bounds]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--texts", type=pathlib.Path, required=True)
    p.add_argument("--palimpsest", type=pathlib.Path, default=ROOT / "build/release/palimpsest")
    p.add_argument("--tales", type=pathlib.Path)
    p.add_argument("--smollm2", type=pathlib.Path)
    p.add_argument("--adapter", type=pathlib.Path, default=ROOT / "models/smol-infill.gguf")
    p.add_argument("--blanks", type=int, nargs="+", choices=LENGTH, default=[1, 4, 12])
    p.add_argument("--pages", type=int, default=100)
    p.add_argument("--distances", type=int, nargs="*", default=[4, 8, 16, 32, 64])
    p.add_argument("--thresholds", type=float, nargs="*", default=[0.9, 0.6])
    p.add_argument("--bounds", type=float, nargs="*", default=[0.2, 1])
    p.add_argument("--json", type=pathlib.Path)
    a = p.parse_args()
    models = ([("tales", ["-m", a.tales])] if a.tales else []) + \
        ([("smollm2", ["-m", a.smollm2, "--adapter", a.adapter])] if a.smollm2 else [])
    if not models:
        p.error("needs --tales or --smollm2")
    rows = []
    print("| model | blanks | rule | evaluations | loss (nats per token) |\n|---|---|---|---|---|", flush=True)
    for name, model in models:
        text = texts.Text(texts.Tokenizer(str(a.palimpsest), str(model[1])), texts.held_out(a.texts, TEXT[name]))
        for blanks in a.blanks:
            made = pages(text, blanks, a.pages)
            for rule, options in settings(a):
                rows.append({"model": name, "blanks": blanks, "rule": rule, **row(a, model, made, options)})
                r = rows[-1]
                print(f"| {name} | {blanks} | {rule} | {r['evaluations']:.1f} of {r['tokens']:.0f} | "
                      f"{r['loss']:.4f} ± {r['error']:.4f} |", flush=True)
                if a.json:
                    a.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
