#!/usr/bin/env python3
"""Which sampler and temperature serve a person best: fills held-out pages, the causal twin judges.

usage: compare_samplers.py --palimpsest build/release/palimpsest --infill models/tales-infill.gguf
                           --judge models/tales-ar.gguf --text TEXT_DIR [--pages 60]

From paragraphs of the tinystories validation text a span of 1 to 12 words is blanked; each cell fills all pages
with the blank's true length in tokens and again with [[?]].  The judge gives nats per token of the whole filled
page, beside that of the page as it was; `repeats` is the share of filled words equal to the word before them.
Prints a Markdown table.
"""
import argparse
import json
import lzma
import pathlib
import random
import statistics
import subprocess

CELLS = [("margin", 0.6), ("margin", 0.8), ("margin", 1.0), ("entropy", 0.8), ("confidence", 0.8), ("first-hitting", 0.6),
         ("first-hitting", 0.8), ("first-hitting", 1.0), ("parallel", 0.8), ("ancestral", 0.8), ("remask", 0.8)]


def run(*command):
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def pages_of(folder, count):
    """(text before, blanked words, text after) of `count` paragraphs."""
    path = folder / "tinystories.valid.txt"
    raw = path.read_bytes() if path.exists() else lzma.decompress((folder / "tinystories.valid.txt.xz").read_bytes())
    rng = random.Random(1)
    lines = [line for line in raw.decode().split("\n") if 30 <= len(line.split()) <= 70]
    for line in rng.sample(lines, count):
        words = line.split(" ")
        n = rng.randint(1, 12)
        at = rng.randint(3, len(words) - n - 3)
        yield " ".join(words[:at]) + " ", " ".join(words[at:at + n]), " " + " ".join(words[at + n:])


def repeats(fill):
    words = fill.lower().split()
    return sum(a == b for a, b in zip(words, words[1:])), max(0, len(words) - 1)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("palimpsest", "infill", "judge", "text"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--pages", type=int, default=60)
    a = p.parse_args()
    judge = lambda text: run(a.palimpsest, "score", "-m", a.judge, "--text", text, "--json")
    pages = list(pages_of(a.text, a.pages))
    original = [judge(before + hidden + after) for before, hidden, after in pages]
    mean = lambda rows: sum(r["nats_per_token"] * r["tokens"] for r in rows) / sum(r["tokens"] for r in rows)
    print(f"| sampler | temperature | evaluations a page | nats per token, true length | nats per token, [[?]] | repeats |\n"
          f"|---|---|---|---|---|---|\n| (the pages as they were) | | | {mean(original):.3f} | {mean(original):.3f} | |")
    for sampler, temperature in CELLS:
        rows, evaluations, again, pairs = {"exact": [], "free": []}, [], 0, 0
        for number, (before, hidden, after) in enumerate(pages):
            tokens = len(run(a.palimpsest, "tokenize", "-m", a.infill, "--inside", "--text", " " + hidden, "--json")["ids"])
            for kind, blank in (("exact", f"[[{tokens}]]"), ("free", "[[?]]")):
                filled = run(a.palimpsest, "infill", "-m", a.infill, "--text", before + blank + after, "--sampler", sampler,
                             "--temperature", temperature, "--seed", number, "--json")
                rows[kind].append(judge(filled["text"]))
                evaluations.append(filled["evaluations"])
                same, all_pairs = repeats(filled["text"][len(before):len(filled["text"]) - len(after)])
                again, pairs = again + same, pairs + all_pairs
        print(f"| {sampler} | {temperature} | {statistics.mean(evaluations):.1f} | {mean(rows['exact']):.3f} | "
              f"{mean(rows['free']):.3f} | {again / max(1, pairs):.3f} |", flush=True)


if __name__ == "__main__":
    main()
