#!/usr/bin/env python3
"""Puts training pictures on one PNG, in which the page finds the one nearest to a drawn picture.

usage: sheet.py emoji|fashion --data FILE.npz --out models/NAME.neighbours [--count N] [--columns 40]

emoji: all that were trained on.  fashion: N of the 60,000, the same number of each class, chosen with seed 1.
Writes OUT.png, grey or RGB, rows of `columns` pictures without gaps: grey as the training saw them, colours rounded to
multiples of 4, which is invisible and makes the file a quarter smaller; and OUT.json:
  width, height, channels   of one picture
  columns, count            picture i stands in column i % columns of row i // columns; what follows the last is white
  of                        how many there are in the whole training set
  labels, label             names of the labels; the label of each picture as an index
  names                     of each picture, emoji only
  source, license
"""
import argparse
import json
import pathlib

import numpy as np
from PIL import Image

ABOUT = {
    "emoji": ("Noto Color Emoji (Google), Debian package fonts-noto-color-emoji; names: Unicode emoji-test.txt",
              "SIL Open Font License 1.1"),
    "fashion": ("Fashion-MNIST (Zalando SE), Debian package dataset-fashion-mnist", "MIT"),
}


def read(path):
    """(images uint8 [n, height, width, channels], labels [n], names of the labels, names of the pictures or None)"""
    data = np.load(path)
    images = data["images"]
    return (images.reshape(*images.shape[:3], -1), data["labels"], data["label_names"].tolist(),
            data["names"].tolist() if "names" in data else None)


def balanced(labels, kinds, count):
    """`count` indices, the same number for each label, in the order of the labels."""
    rng = np.random.default_rng(1)
    return np.concatenate([np.sort(rng.choice(np.flatnonzero(labels == k), count // kinds, replace=False))
                           for k in range(kinds)])


def lay(images, columns):
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * columns, height, width, channels), 255, np.uint8)
    sheet[:count] = images
    sheet = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, channels)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("kind", choices=ABOUT)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--count", type=int, default=0, help="0: all")
    p.add_argument("--columns", type=int, default=40)
    a = p.parse_args()
    images, labels, label_names, names = read(a.data)
    chosen = balanced(labels, len(label_names), a.count) if a.count else np.argsort(labels, kind="stable")
    sheet = lay(images[chosen], a.columns)
    sheet = sheet.squeeze(-1) if sheet.shape[2] == 1 else np.minimum(np.rint(sheet / 4) * 4, 255).astype(np.uint8)
    Image.fromarray(sheet).save(f"{a.out}.png", optimize=True)
    source, licence = ABOUT[a.kind]
    about = {"width": images.shape[2], "height": images.shape[1], "channels": images.shape[3], "columns": a.columns,
             "count": len(chosen), "of": len(images), "labels": label_names, "label": labels[chosen].tolist(),
             **({"names": [names[i] for i in chosen]} if names else {}), "source": source, "license": licence}
    pathlib.Path(f"{a.out}.json").write_text(json.dumps(about, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
