#!/usr/bin/env python3
"""Draws docs/fill.png: a page being filled, words tinted by how sure the model was.

usage: picture.py PALIMPSEST MODEL OUT.png [--seed N] [--text PAGE]          (needs matplotlib)
"""
import argparse
import json
import subprocess

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

PAGE = "Once upon a time there was a [[3-6]] who lived in [[4]]. One day [[8]] and they were friends ever after."
INK, GIVEN, PAPER, OPEN = "#1d1a16", "#6f675c", "#faf6ee", "#e6dcc8"
SIZE, LINE, LEFT, RIGHT = 15, 0.46, 0.55, 9.45


def tint(p):
    """From russet (unsure) to deep green (sure)."""
    low, high = (0.69, 0.30, 0.14), (0.10, 0.38, 0.30)
    return tuple(a + (b - a) * p for a, b in zip(low, high))


def pieces_at(result, step):
    """(text, colour or None for an open place) of the page after `step` steps, from the finished one."""
    raw, at, out = result["text"].encode(), 0, []
    for token in result["tokens"]:
        if token["offset"] > at:
            out.append((raw[at:token["offset"]].decode(), GIVEN))
        at = token["offset"] + token["bytes"]
        if token["empty"] and token["step"] <= step:
            continue
        text = raw[token["offset"]:at].decode()
        out.append((text, tint(token["probability"])) if token["step"] <= step else (text or " ", None))
    out.append((raw[at:].decode(), GIVEN))
    return out


def words(pieces):
    """Splits at spaces and line breaks, so that lines can break: (word or "\\n", colour, space before)."""
    for text, colour in pieces:
        for number, line in enumerate(text.split("\n")):
            if number:
                yield "\n", colour, False
            for at, part in enumerate(line.split(" ")):
                if part or at:
                    yield part, colour, at > 0


def draw_page(axes, renderer, pieces, y):
    x = LEFT
    scale = axes.transData.inverted()
    def width(text):
        t = axes.text(0, 0, text, fontsize=SIZE, family="serif")
        box = t.get_window_extent(renderer)
        t.remove()
        return scale.transform((box.x1, 0))[0] - scale.transform((box.x0, 0))[0]
    space = width("a a") - width("aa")
    for word, colour, spaced in words(pieces):
        w = 0.32 if colour is None else width(word) if word else 0.0
        x += space if spaced else 0.0
        if word == "\n":
            x, y = LEFT, y - LINE
            continue
        if x + w > RIGHT:
            x, y = LEFT, y - LINE
        if colour is None:
            axes.add_patch(Rectangle((x + 0.02, y - 0.09), w - 0.04, 0.26, color=OPEN, lw=0))
        else:
            axes.text(x, y, word, fontsize=SIZE, family="serif", color=colour)
        x += w
    return y


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("palimpsest")
    p.add_argument("model")
    p.add_argument("out")
    p.add_argument("--seed", default="1")
    p.add_argument("--text", default=PAGE)
    args = p.parse_args()
    result = json.loads(subprocess.run([args.palimpsest, "infill", "-m", args.model, "--seed", args.seed, "--json", "--text", args.text],
                                       check=True, capture_output=True, text=True).stdout)
    last = result["steps"]
    figure = plt.figure(figsize=(10, 6.4), facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10), ylim=(0, 6.4))
    axes.axis("off")
    renderer = figure.canvas.get_renderer()
    y = 5.75
    for step in (0, max(1, last // 3), max(2, 2 * last // 3), last):
        label = "the page" if step == 0 else f"after {step} evaluations" if step < last else f"after {step}: the whole page"
        axes.text(LEFT, y + 0.36, label, fontsize=9, color="#9a8f7d", family="sans-serif")
        y = draw_page(axes, renderer, pieces_at(result, step), y) - 2.05 * LINE
    figure.savefig(args.out, dpi=110, facecolor=PAPER)


if __name__ == "__main__":
    main()
