#!/usr/bin/env python3
"""The section of a card about tokens that can never be the most probable one, by `palimpsest probe`.

usage: unpredictable_tokens.py CARD.md MODEL.gguf [--palimpsest build/release/palimpsest]

Replaces the section in an existing card, or puts it before the heading behind "Network", or else before the known
faults.  card.py, rows/card.py and sedd/card.py call `section`."""
import argparse
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADING = "## Unpredictable tokens"
STATES = ("predictable", "tied", "unpredictable", "undecided")


def hidden_rows(found):
    if found["hidden"] == "any":
        return "hidden rows of any direction and length, because the last norm depends on the noise level"
    length = "every length up to √width" if found["bias"] else "every direction"
    return f"hidden rows of {length}" + (" without mean" if found["centred"] else "")


def section(palimpsest, model, name=None):
    """The text under the heading.  name: how the command is shown, default models/FILE."""
    done = subprocess.run([str(palimpsest), "probe", "-m", str(model), "unpredictable", "--json"], check=True,
                          capture_output=True)
    found = json.loads(done.stdout)
    rows = "\n".join(f"| {title} | " + " | ".join(f"{found[key][state]:,}" for state in STATES) + " |"
                     for key, title in (("drawn", "that can be drawn"), ("never_drawn", "that are never drawn")))
    return f"""Tokens that can never be the most probable one ([method](../docs/unpredictable.md)), for {hidden_rows(found)}:

```sh
build/release/palimpsest probe -m {name or f"models/{pathlib.Path(model).name}"} unpredictable
```

| tokens | {" | ".join(STATES)} |
|---|{"---|" * len(STATES)}
{rows}
"""


def put(card, text):
    """The card with this section."""
    whole = f"{HEADING}\n\n{text}\n"
    card = re.sub(rf"^{HEADING}\n.*?(?=^## |\Z)", "", card, flags=re.M | re.S)
    network = re.search(r"^## Network\n.*?(?=^## )", card, flags=re.M | re.S)
    at = network.end() if network else card.index("## Known faults")
    return card[:at] + whole + card[at:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("card", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--name", help="how the model is shown in the command; default: models/FILE")
    parser.add_argument("--palimpsest", type=pathlib.Path, default=ROOT / "build/release/palimpsest")
    args = parser.parse_args()
    args.card.write_text(put(args.card.read_text(), section(args.palimpsest, args.model, args.name)))


if __name__ == "__main__":
    main()
