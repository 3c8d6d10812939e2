#!/usr/bin/env python3
"""Turns Noto Color Emoji into small labelled pictures for tools/train/pictures.

usage: emoji.py OUT_DIR [--font FILE] [--list FILE]

Both files come from Debian: the font (SIL Open Font License 1.1) from package fonts-noto-color-emoji, the list of emoji
with their names, groups and subgroups (Unicode License) from package unicode-data.  Only emoji of one code point are
used; those of several (families, flags of countries, skin tones) repeat them with small changes.  A glyph is a PNG of
136 x 128 in the font's table CBDT whose outer four columns are empty.  It is cropped to 128 x 128, put on white and
scaled to 32 x 32 with a Lanczos filter.

OUT_DIR receives
  emoji.npz    images uint8 [n, 32, 32, 3]; labels uint8 [n], index into label_names; names, subgroups str [n];
               codes uint32 [n]; may_flip bool [n]: its mirror image is one it could be too (not so for letters, signs
               and clocks); the same as test_images, ... of every 20th in a seeded order, held out of training; source
  emoji.json   the same as a list, with the sha256 of the sources: what a model card needs
"""
import argparse
import collections
import hashlib
import io
import json
import pathlib
import re

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
LIST = "/usr/share/unicode/emoji/emoji-test.txt"
SOURCE = "Noto Color Emoji (Google), SIL Open Font License 1.1, Debian package fonts-noto-color-emoji"
SIZE = 32
GLYPH = (136, 128)
SQUARE = (4, 0, 132, 128)       # of a glyph: left, top, right, bottom

# The label is the first of these whose pattern matches the beginning of "group/subgroup".
LABELS = [
    ("faces", r"Smileys & Emotion/(face|cat|monkey)"),
    ("hands and bodies", r"People & Body/(hand|body)"),
    ("people", r"People & Body"),
    ("animals", r"Animals & Nature/animal"),
    ("plants and sky", r"Animals & Nature/plant|Travel & Places/sky"),
    ("food", r"Food & Drink"),
    ("vehicles", r"Travel & Places/transport"),
    ("places", r"Travel & Places/(place|hotel)"),
    ("symbols", r"Symbols|Smileys & Emotion/(heart|emotion)|Travel & Places/time"),
    ("things", r"Activities|Objects|Flags"),
]
ONE_WAY = re.compile(r"Symbols|Travel & Places/time|Objects/(book-paper|mail|writing|office|computer)|.*/(sleepy|game)")


def read_list(path):
    """(code point, name, "group/subgroup") of every emoji of one code point, in the order of the list."""
    group, entries = "", {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if m := re.match(r"# (group|subgroup): (.+)", line):
            group = m[2] if m[1] == "group" else f"{group.split('/')[0]}/{m[2]}"
        elif m := re.match(r"([0-9A-F]+)(?: FE0F)? +; fully-qualified +# \S+ E[0-9.]+ (.+)", line):
            entries.setdefault(int(m[1], 16), (m[2], group))
    return [(code, name, group) for code, (name, group) in entries.items()]


def label_of(group):
    return next(i for i, (_, pattern) in enumerate(LABELS) if re.match(pattern, group))


def draw(png):
    glyph = Image.open(io.BytesIO(png)).convert("RGBA")
    if glyph.size != GLYPH:
        raise SystemExit(f"a glyph has {glyph.size} pixels, not {GLYPH}: another version of the font")
    paper = Image.new("RGBA", GLYPH, "white")
    paper.alpha_composite(glyph)
    return np.asarray(paper.convert("RGB").crop(SQUARE).resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def held_out(count):
    held = np.zeros(count, bool)
    held[np.random.default_rng(1).permutation(count)[:count // 20]] = True
    return held


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--font", type=pathlib.Path, default=FONT)
    p.add_argument("--list", type=pathlib.Path, default=LIST)
    a = p.parse_args()
    font = TTFont(a.font)
    glyph_of, glyphs = font.getBestCmap(), font["CBDT"].strikeData[0]
    entries = [e for e in read_list(a.list) if glyph_of.get(e[0]) in glyphs]
    codes, names, groups = zip(*entries)
    arrays = dict(images=np.stack([draw(glyphs[glyph_of[code]].imageData) for code in codes]),
                  labels=np.array([label_of(g) for g in groups], np.uint8), codes=np.array(codes, np.uint32),
                  names=np.array(names), subgroups=np.array([g.split("/")[1] for g in groups]),
                  may_flip=np.array([not ONE_WAY.match(g) for g in groups]))
    held = held_out(len(codes))
    a.out.mkdir(parents=True, exist_ok=True)
    np.savez(a.out / "emoji.npz", **{key: array[~held] for key, array in arrays.items()},
             **{f"test_{key}": array[held] for key, array in arrays.items()},
             label_names=np.array([name for name, _ in LABELS]), source=np.array(SOURCE))
    counts = collections.Counter(arrays["labels"].tolist())
    report = {"sha256": {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in (a.font, a.list)},
              "labels": {name: counts[i] for i, (name, _) in enumerate(LABELS)},
              "emoji": [{"code": f"U+{code:04X}", "name": name, "label": LABELS[label][0], "held_out": bool(out)}
                        for code, name, label, out in zip(codes, names, arrays["labels"], held)]}
    (a.out / "emoji.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(codes)} emoji, {held.sum()} held out: {report['labels']}")


if __name__ == "__main__":
    main()
