#!/usr/bin/env python3
"""Writes the card of a network of score entropy: models/NAME.md, models/NAME.curve.png, and its line in models/MANIFEST.

usage: card.py --run RUN --model models/NAME.gguf --data build/data --measures OUT --palimpsest build/release/palimpsest
               [--about models/about/NAME.md] [--levels FILE]

RUN is the folder of train.py; OUT that of table.py, which has measured this very file.  --about is the part that a person
writes (models/about/NAME.md), --levels what levels.py printed.  Samples with fixed seeds are drawn here, none left out.
"""
import argparse
import json
import pathlib
import shlex
import shutil
import subprocess
import sys

import gguf

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import engine  # noqa: E402
import unpredictable_tokens  # noqa: E402
from manifest import update_manifest  # noqa: E402
from sedd.table import cell  # noqa: E402

PAGES = ("Once upon a time there was a [[1]] rabbit who lived in [[4]].",
         "The little dog was sad because [[6]]. Then his friend came and said, \"[[5]]\"",
         "[[12]] and they all lived happily ever after.")
SEEDS = range(1, 6)
OPTIONS = ("objective", "graph", "noise", "condition", "init", "tokens", "batch", "muon_lr", "adam_lr", "weight_decay",
           "dropout", "warmup", "decay", "ema", "shortest", "seed")       # those that matter


def run(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout.strip()


def value_of(path, key):
    return gguf.GGUFReader(path).fields[key].contents()


def command_of(path):
    arguments = json.loads(value_of(path, "palimpsest.training.arguments"))
    if arguments["init"]:
        arguments["init"] = f"models/{arguments['init']}"        # the file has the name only
    given = [f"--{name.replace('_', '-')} {shlex.quote(str(arguments[name]))}" for name in OPTIONS if arguments[name] is not None]
    return "python tools/train/train.py --data build/data --compile " + " ".join(given)


def bits(measures, digest):
    """The lines of this file in what table.py has measured."""
    found = json.loads((measures / "bits.json").read_text())
    rows = [f"| {key.split('/')[1]} | {cell(row)} | {row['tokens']:,} | {row['bytes']:,} | {row['left_out']:,} |"
            for key, row in found.items() if row["about"]["model"] == digest]
    if not rows:
        raise SystemExit(f"{measures}/bits.json: table.py has not measured this file")
    return "\n".join(["| source, valid | bits per byte | tokens | bytes | tokens left out |", "|---|---|---|---|---|", *rows])


def samples(a):
    parts = []
    for page in PAGES:
        drawn = [f"{seed}. {run(a.palimpsest, 'infill', '-m', a.model, '--seed', seed, '--text', page)}" for seed in SEEDS]
        parts += [f"`{page}`\n", *drawn, ""]
    return "\n".join(parts)


def mixture(data):
    sources = json.loads((data / "sources.json").read_text())["sources"]
    return "\n".join(f"| {n} | {s['weight']:g} | {s['train']['bytes']:,} | {s['train']['tokens']:,} |" for n, s in sources.items())


def card(a, info, digest, size):
    point = [json.loads(line) for line in (a.run / "log.jsonl").read_text().splitlines()][-1]
    seen = value_of(a.model, "palimpsest.training.tokens")
    if point["seen"] != seen:
        raise SystemExit(f"{a.run}/log.jsonl ends at {point['seen']:,} tokens, and the model has seen {seen:,}: another run?")
    levels = f"\n## What the noise level changes\n\nBy `tools/train/sedd/levels.py`.\n\n{a.levels.read_text().strip()}\n" if a.levels else ""
    return f"""# {a.model.stem}

{a.about.read_text().strip()}

## Network

{info['parameters']:,} parameters: {info['layers']} layers, width {info['width']}, hidden {info['hidden']}, {info['heads']} heads, output of its own, vocabulary {info['vocabulary']}, context {info['context']}. `{a.model.name}`: Q8_0, {size:,} bytes, sha256 `{digest}`.

## Unpredictable tokens

{unpredictable_tokens.section(a.palimpsest, a.model)}
## Training

| source | weight | bytes | tokens |
|---|---|---|---|
{mixture(a.data)}

{seen:,} tokens seen in {point['step']:,} steps.

```sh
{command_of(a.model)}
```

![bound in bits per byte of held-out text against tokens seen]({a.model.stem}.curve.png)

The curve is measured while training, with four noise levels for each of 64 windows of a source, so it jumps a little.

## Bits per byte

An upper bound, estimated by `palimpsest score` (`tools/train/sedd/table.py`) from as much of each text as the table says; [beside other models](../docs/score-entropy.md#models).

{bits(a.measures, digest)}
{levels}
## Samples

Seeds 1 to 5 with the default options, not selected.

{samples(a)}"""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("run", "model", "data", "measures", "palimpsest"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--about", type=pathlib.Path)
    p.add_argument("--levels", type=pathlib.Path)
    a = p.parse_args()
    a.about = a.about or a.model.parent / "about" / f"{a.model.stem}.md"
    info = json.loads(run(a.palimpsest, "info", "-m", a.model, "--json"))
    text = card(a, info, engine.sha256(a.model), a.model.stat().st_size)    # before anything is written
    a.model.with_suffix(".md").write_text(text.rstrip() + "\n")
    shutil.copy(a.run / "curve.png", a.model.with_suffix(".curve.png"))
    update_manifest(a.model.parent / "MANIFEST", a.model)


if __name__ == "__main__":
    main()
