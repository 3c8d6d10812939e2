#!/usr/bin/env python3
"""Writes the card of a picture model, its pictures, and its line in models/MANIFEST.  Takes a minute.

usage: card.py fashion|emoji --model models/NAME.gguf --data build/data/NAME.npz --run build/train/NAME
               --palimpsest build/release/palimpsest --about models/about/NAME.md --commands FILE
               [--results build/pictures/fashion.jsonl --classifier build/pictures/classifier.pt]

Beside the model: NAME.md, NAME.curve.png (from the run), NAME.samples.png (a row a label), NAME.nearest.png (drawn
pictures above the training pictures nearest to them); fashion also NAME.samplers.png and NAME.frechet.png, by what
measure.py has found so far.  --about is the part that a person writes, --commands the commands of the run.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

import frechet
import report

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent))
from manifest import update_manifest  # noqa: E402

STEPS = 25      # of the pictures in the card
SEED = 1


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout


# ---- pictures

def draw(a, info, count, *options):
    """Pictures uint8 [count, height, width, channels], the labels in turn, drawn by the engine."""
    with tempfile.NamedTemporaryFile(suffix=".raw") as file:
        run(a.palimpsest, "image", "-m", a.model, "--count", count, "--label", "all", "--seed", SEED, *options, "--raw",
            file.name)
        return np.fromfile(file.name, np.uint8).reshape(count, info["height"], info["width"], info["channels"])


def save_grid(rows, path, scale=2, gap=2):
    """rows: lists of pictures; drawn larger by whole pixels, with light gaps."""
    height, width, channels = rows[0][0].shape
    size = len(rows) * (height + gap) - gap, max(map(len, rows)) * (width + gap) - gap
    sheet = np.full((*size, channels), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet[y * (height + gap):, x * (width + gap):][:height, :width] = picture
    sheet = sheet.repeat(scale, 0).repeat(scale, 1)
    Image.fromarray(sheet.squeeze(-1) if channels == 1 else sheet).save(path, optimize=True)


def beside(model, what):
    return model.with_name(f"{model.stem}.{what}.png")


def nearest_rows(nearest, pictures):
    """Pictures, and the training pictures nearest to them, augmented as in training."""
    index, turned, _ = nearest(pictures)
    found = [nearest.images[i] for i in index]
    return [list(pictures), [image[:, ::-1] if t else image for image, t in zip(found, turned)]]


# ---- emoji: what was learnt by heart

def shifted(images):
    """[9 n, ...]: moved by at most a pixel in each direction, with the edge repeated, as in training."""
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    size = images.shape[1]
    return np.concatenate([wide[:, y:y + size, x:x + size] for y in range(3) for x in range(3)])


def to_the_others(train, count=200):
    """For some training pictures the distance to the nearest of all the others, unmoved."""
    rows = np.random.default_rng(SEED).choice(len(train), count, replace=False)
    return np.array([frechet.Nearest(np.delete(train, i, 0))(train[i:i + 1])[2][0] for i in rows])


def emoji_memory(a, pictures):
    data = np.load(a.data)
    train, held = data["images"], data["test_images"]
    nearest = frechet.Nearest(shifted(train))
    some = pictures[np.random.default_rng(SEED).choice(len(pictures), 20, replace=False)]
    save_grid(nearest_rows(nearest, some), beside(a.model, "nearest"))
    drawn, real = nearest(pictures)[2], nearest(held)[2]
    closest = float(np.mean(drawn < np.quantile(real, 0.05)))
    lines = ["| to the nearest training picture | 5 % | 25 % | median | 75 % | 95 % |", "|---|---|---|---|---|---|"]
    for name, gaps in ((f"{len(drawn)} drawn pictures", drawn), (f"{len(real)} emoji held out of training", real),
                       ("200 training pictures, to the others unmoved", to_the_others(train))):
        shares = np.quantile(gaps, (.05, .25, .5, .75, .95))
        lines.append(f"| {name} | " + " | ".join(f"{q:.1f}" for q in shares) + " |")
    table = "\n".join(lines)
    return f"""Root mean square differences in grey levels (0 to 255). All {len(train):,} training pictures are searched, also moved by up to one pixel and mirrored. {closest:.0%} of the drawn pictures are nearer to a training picture than 95 % of the held-out emoji are.

{table}

![drawn pictures above the nearest training pictures]({beside(a.model, 'nearest').name})"""


# ---- Fashion-MNIST: what was measured

def fashion_nearest(a, pictures):
    images = np.load(a.data)["images"]
    nearest = frechet.Nearest(images.reshape(len(images), *pictures.shape[1:]))
    save_grid(nearest_rows(nearest, pictures[:20]), beside(a.model, "nearest"))


def save_samplers(a, info):
    """One row per sampler of the two families, at 10 and at 25 evaluations, from the same noise."""
    kinds = [kind for family in report.FAMILIES.values() for kind in family if kind in info["samplers"]]
    few, more = ([draw(a, info, 10, "--sampler", kind, "--steps", steps) for kind in kinds] for steps in (10, 25))
    save_grid([[*x, np.full_like(x[0], 255), *y] for x, y in zip(few, more)], beside(a.model, "samplers"))
    return kinds


def fashion_measures(a, info, digest):
    r = report.Report(a.results, digest, a.classifier)
    report.save_plot(r, beside(a.model, "frechet"))
    kinds = save_samplers(a, info)
    parts = [f"""## How good the pictures are

Frechet distance between drawn pictures (1,000 per cell, 100 of each label, the same seed for all cells, guidance 1) and the 10,000 test pictures. The distance uses the 64 features of a small classifier trained for this purpose ({r.eye['accuracy']:.2%} right on the test pictures, sha256 `{r.eye['sha256'][:16]}`, `tools/train/pictures/classifier.py`), so it cannot be compared with distances in other features. The error is from a jackknife over ten parts. "Label seen" is how often the classifier recognises the requested label. The columns are evaluations of the network per picture. Predictor-corrector takes two per step (the column 25 has 24), Heun's method 2 K - 1 for K steps (9, 25 and 49). `ddpm large` is ddpm with the larger of its two variances.

{report.main_table(r)}

![Frechet distance against evaluations]({beside(a.model, 'frechet').name})
"""]
    if other := report.other_table(r):
        parts.append(f"Samplers with a tolerance, and with many evaluations:\n\n{other}\n")
    parts.append(f"""### The order of the samplers

The order published for CIFAR-10 (Bao et al. 2022, Analytic-DPM and Extended-Analytic-DPM) is SN, NPR, Analytic, plain. The order here (`~`: the difference is not larger than the errors):

{report.order_table(r)}
""")
    if a.remarks:
        parts.append(a.remarks.read_text().strip() + "\n")
    parts.append(f"""One row per sampler ({', '.join(kinds)}), 10 evaluations on the left, 25 on the right, the same noise in every row:

![eight samplers at 10 and 25 evaluations]({beside(a.model, 'samplers').name})

## Memorised?

{report.memory_text(r)}

![drawn pictures above the nearest training pictures]({beside(a.model, 'nearest').name})
""")
    if bits := report.bits_table(r):
        parts.append(f"""## Bits per dimension

Measured on test pictures, the same number of each label, with the label given. The figure of the probability flow is an estimate with uniform dequantisation, ending at the smallest time of the schedule; its expectation is an upper bound for the bytes. The other figures are variational bounds of the sampler with the given number of steps.

{bits}
""")
    return "\n".join(parts)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("kind", choices=("fashion", "emoji"))
    for name in ("model", "data", "run", "palimpsest", "about", "commands"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--results", type=pathlib.Path)
    p.add_argument("--classifier", type=pathlib.Path)
    p.add_argument("--remarks", type=pathlib.Path, help="hand-written remarks on the order of the samplers")
    a = p.parse_args()
    a.palimpsest = a.palimpsest.resolve()
    info = json.loads(run(a.palimpsest, "info", "-m", a.model, "--json"))
    shape = info["image"]
    log = [json.loads(row) for row in (a.run / "log.jsonl").read_text().splitlines()]
    shutil.copy(a.run / "curve.png", beside(a.model, "curve"))
    digest, size = update_manifest(a.model.parent / "MANIFEST", a.model)
    labels = shape["labels"]
    pictures = draw(a, shape, 10 * len(labels), "--steps", STEPS)
    save_grid([pictures[k::len(labels)] for k in range(len(labels))], beside(a.model, "samples"))
    card = f"""# {a.model.stem}

{a.about.read_text().strip()}

## Network

U-Net, {info['parameters']:,} parameters. `{a.model.name}`: Q8_0, {size:,} bytes, sha256 `{digest}`.

## Training

{log[-1]['seen']:,} pictures seen in {log[-1]['step']:,} steps.

```sh
{a.commands.read_text().strip()}
```

![loss against pictures seen]({beside(a.model, 'curve').name})

## Samples

By the default sampler with {STEPS} evaluations, seed {SEED}, not selected. One row per label: {', '.join(labels)}.

![samples]({beside(a.model, 'samples').name})

"""
    if a.kind == "emoji":
        card += f"## Memorised\n\n{emoji_memory(a, pictures)}\n"
    else:
        fashion_nearest(a, pictures)
        card += fashion_measures(a, shape, digest)
    a.model.with_suffix(".md").write_text(card)


if __name__ == "__main__":
    main()
