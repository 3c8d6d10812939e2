#!/usr/bin/env python3
"""Writes the card of a model of boards: models/NAME.md, models/NAME.curve.png, models/NAME.curve.csv and its line in
models/MANIFEST.

usage: card.py --run build/train/sudoku --model models/sudoku.gguf --measures build/measures [--about models/about/sudoku.md]

RUN is the folder of train.py; --measures that of measure.py, which has measured this very file.  What a person writes of
the card is in models/about/NAME.md.
"""
import argparse
import json
import pathlib
import sys

import gguf

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import engine  # noqa: E402
from boards.measure import read_rows, tables  # noqa: E402
from manifest import update_manifest  # noqa: E402

OPTIONS = ("boards", "seed", "dim", "layers", "heads", "hidden", "batch", "parts", "loops", "grow", "graded", "masked", "further",
           "hard", "muon_lr", "adam_lr", "weight_decay", "clip", "warmup", "decay", "ema")      # those that matter


def values_of(path):
    """key -> value of the metadata, and the number of parameters."""
    reader = gguf.GGUFReader(path)
    return (lambda key: reader.fields[key].contents()), sum(int(t.n_elements) for t in reader.tensors)


def csv_of(log):
    """A line for each validation: shares of held-out puzzles that the averaged weights solve in PyTorch."""
    bands = list(log[-1]["solved"])
    head = ["boards", "hours", "first_loss", "last_loss", *(f"{kind} {band}" for band in bands for kind in ("at_once", "by_margin"))]
    lines = [[str(row["seen"]), f"{row['hours']:.3f}", *(f"{x:.4f}" for x in row["loss"]),
              *(f"{x:.4f}" for band in bands for x in row["solved"][band])] for row in log]
    return "\n".join(",".join(line) for line in [head, *lines]) + "\n"


def draw_curve(log, title, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(9, 4.5))
    thousands = [row["seen"] / 1e3 for row in log]
    for number, band in enumerate(log[-1]["solved"]):
        for kind, style in ((1, "-"), (0, ":")):
            axes.plot(thousands, [100 * row["solved"][band][kind] for row in log], style, color=f"C{number}", marker=".",
                      label=f"{band} givens, {('all at once', 'by margin')[kind]}")
    axes.set(xlabel="thousand boards seen", ylabel="% of held-out puzzles solved", title=title, ylim=(-2, 102))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def boards_section(boards):
    bands = ", ".join(f"{band['boards']} with {name}" for name, band in boards["test"].items())
    left_out = sum(band["left_out_as_equal"] for band in boards["test"].values())
    return (f"{boards['train_boards']:,} puzzles for training (`--train {boards['train']}`, {boards['train_classes']:,} classes up to "
            f"symmetry) and, held out, {bands} givens. {left_out} puzzles that were made for the test were left out because their "
            f"solution equalled one of training or an earlier one up to symmetry; {boards['shared_classes']} such pairs are left.")


def card(a, digest):
    value, parameters = values_of(a.model)
    log = [json.loads(line) for line in (a.run / "log.jsonl").read_text().splitlines()]
    seen = value("palimpsest.training.boards")
    if log[-1]["seen"] != seen:
        raise SystemExit(f"{a.run}/log.jsonl ends at {log[-1]['seen']:,} boards, and the model has seen {seen:,}: another run?")
    rows = list(read_rows(a.measures / "boards.jsonl", digest).values())
    if not rows:
        raise SystemExit(f"{a.measures}/boards.jsonl: measure.py has not measured this file")
    arguments = json.loads(value("palimpsest.training.arguments"))
    command = " ".join(f"--{name.replace('_', '-')} {arguments[name]:g}" for name in OPTIONS)
    loops = value("sudoku.loop_count")
    return f"""# {a.model.stem}

{a.about.read_text().strip()}

## Network

{parameters:,} parameters: {value('sudoku.block_count')} layers, width {value('sudoku.embedding_length')}, hidden {value('sudoku.feed_forward_length')}, {value('sudoku.attention.head_count')} heads; {loops} loops by default, trained with 1 to {arguments['loops']}. `{a.model.name}`: Q8_0, {a.model.stat().st_size:,} bytes, sha256 `{digest}`.

## Training

{boards_section(json.loads(value('palimpsest.training.sources')))}

{seen:,} boards seen in {log[-1]['step']:,} steps, {log[-1]['hours']:.1f} hours.

```sh
python tools/train/boards/make.py --palimpsest build/release/palimpsest --out build/boards
python tools/train/boards/train.py --data build/boards --out build/train/sudoku --compile {command}
```

![share of held-out puzzles that are solved against boards seen]({a.model.stem}.curve.png)

The curve is measured while training with {arguments['validate']} held-out puzzles of each band, in PyTorch, {arguments['loops']} loops: all open cells at once (dotted), and {arguments['reveal']} cells at a time in the order of their margins (solid). `{a.model.stem}.curve.csv` has the figures.

## Puzzles solved

By `palimpsest infill` with the file as shipped, temperature 0, {loops} loops, fixed seeds (`tools/train/boards/measure.py`). A puzzle counts only if all 81 digits are right.

{tables(rows, loops)}
"""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("run", "model", "measures"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--about", type=pathlib.Path)
    a = p.parse_args()
    a.about = a.about or a.model.parent / "about" / f"{a.model.stem}.md"
    text = card(a, engine.sha256(a.model))                  # before anything is written
    log = [json.loads(line) for line in (a.run / "log.jsonl").read_text().splitlines()]
    a.model.with_suffix(".md").write_text(text.rstrip() + "\n")
    a.model.with_suffix(".curve.csv").write_text(csv_of(log))
    draw_curve(log, a.model.stem, a.model.with_suffix(".curve.png"))
    update_manifest(a.model.parent / "MANIFEST", a.model)


if __name__ == "__main__":
    main()
