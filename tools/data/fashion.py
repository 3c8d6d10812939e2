#!/usr/bin/env python3
"""Fashion-MNIST from the Debian package dataset-fashion-mnist as one .npz for tools/train/pictures.

usage: fashion.py [OUT]        (default: build/data/fashion.npz; first `apt-get install dataset-fashion-mnist`)

60,000 training and 10,000 test pictures, 28 x 28 grey, 10 classes of 7,000 (Xiao, Rasul and Vollgraf 2017; MIT).
Writes images uint8 [n, 28, 28, 1], labels uint8 [n], test_images, test_labels, label_names, source.  The files are
those of version 0.0~git20200523.55506a9-1 of the package and are checked against SHA256 below.
"""
import gzip
import hashlib
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")
SHA256 = {
    "t10k-images-idx3-ubyte.gz":
        "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz":
        "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
    "train-images-idx3-ubyte.gz":
        "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "train-labels-idx1-ubyte.gz":
        "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
}
LABELS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
SOURCE = "Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), Debian package dataset-fashion-mnist, MIT"


def read_idx(name):
    """An IDX file of bytes: two zero bytes, type 8 (unsigned byte), rank, big-endian extents, values."""
    packed = (FOLDER / name).read_bytes()
    if hashlib.sha256(packed).hexdigest() != SHA256[name]:
        raise SystemExit(f"{FOLDER / name}: not the expected version of the file")
    data = gzip.decompress(packed)
    if data[:3] != b"\0\0\x08":
        raise SystemExit(f"{FOLDER / name}: not an IDX file of bytes")
    extents = np.frombuffer(data, ">u4", data[3], 4).astype(int)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(extents)


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/data/fashion.npz")
    out.parent.mkdir(parents=True, exist_ok=True)
    parts = {}
    for prefix, name in (("", "train"), ("test_", "t10k")):
        parts[prefix + "images"] = read_idx(f"{name}-images-idx3-ubyte.gz")[..., None]
        parts[prefix + "labels"] = read_idx(f"{name}-labels-idx1-ubyte.gz")
    np.savez(out, label_names=np.array(LABELS), source=np.array(SOURCE), **parts)
    print(f"{out}: {len(parts['images']):,} + {len(parts['test_images']):,} pictures")


if __name__ == "__main__":
    main()
