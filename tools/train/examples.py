#!/usr/bin/env python3
"""Fills everyday sentences, so that people can judge a model by reading: every page with seeds 1 to 3, none left out.

usage: examples.py --palimpsest build/release/palimpsest -m MODEL.gguf [--adapter ADAPTER.gguf] [options of infill]

Prints Markdown: ten pages, thirty fills.  Options behind those above go to infill; without any its defaults are used.
"""
import argparse

import engine

PAGES = (
    ("letter", "Dear Anna, thank you for [[?]]. The children talk about it every day. With love, Tom"),
    ("letter", "I am writing because the washing machine that I bought from you [[?]]. Please send someone to repair it."),
    ("recipe", "Melt the butter in a large pan, add [[?]], and stir until everything is soft and golden."),
    ("recipe", "Leave the dough to rise [[?]] before you put it in the oven."),
    ("news line", "The town council voted on Monday to [[?]] after residents complained about the noise."),
    ("instruction", "Before you change the light bulb, [[?]] and wait until it has cooled down."),
    ("definition", "A thermometer is an instrument that [[?]]."),
    ("definition", "A neighbour is a person who [[?]] near you."),
    ("dialogue", "\"Have you seen my keys?\" she asked. \"Yes,\" he said, \"[[?]] on the kitchen table.\""),
    ("verse", "The rain fell down on the quiet hill,\nand [[?]],\nand all the world was still."),
)
SEEDS = (1, 2, 3)


def filled(text, page):
    """What stands in the blank."""
    before, after = page.split("[[?]]")
    return text[len(before):len(text) - len(after)]


def thirty(palimpsest, model, *options):
    """Markdown of all fills."""
    lines = []
    for kind, page in PAGES:
        fills = [engine.fill(palimpsest, model, [page], seed, *options)[0]["text"] for seed in SEEDS]
        shown = page.replace("\n", " / ").replace("[[?]]", "**[[?]]**")
        lines += [f"{kind}: {shown}\n"]
        lines += [f"{seed}. {filled(text, page)}".replace("\n", " / ") for seed, text in zip(SEEDS, fills)] + [""]
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--palimpsest", required=True)
    p.add_argument("-m", "--model", required=True)
    p.add_argument("--adapter")
    a, options = p.parse_known_args()
    adapter = ["--adapter", a.adapter] if a.adapter else []
    print(thirty(a.palimpsest, a.model, *adapter, *options))


if __name__ == "__main__":
    main()
