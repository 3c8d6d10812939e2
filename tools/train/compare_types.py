#!/usr/bin/env python3
"""The cost of fewer bits per weight: a checkpoint as F16, Q8_0, Q8_0 with integers of 6 bits and Q4_0, in bits per
byte.

usage: compare_types.py --data build/data --text TEXT_DIR --out build/measures --palimpsest build/release/palimpsest
                        --checkpoint build/train/tales-ar/best.pt --name tales-ar [--bytes 60000]
                        [--standard-error 0.01] [--sources tinystories,classic]

Q4_0 is what `palimpsest quantize` makes of the F16 file, the others what export.py writes.  Only the first --bytes of
each validation text are scored, in whole documents (0: all).  A diffusion model's bound is estimated with the same
draws for all types, so their differences are more precise than the standard error.  Figures go to OUT/types-NAME.json.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import engine
import held_out

TRAIN = pathlib.Path(__file__).resolve().parent
TYPES = ("F16", "Q8_0", "Q8_0, 6 bits", "Q4_0")


def make_files(a, folder):
    """{type: file} of the checkpoint."""
    files = {kind: folder / f"{n}.gguf" for n, kind in enumerate(TYPES)}
    export = [sys.executable, TRAIN / "export.py", "--data", a.data, "--checkpoint", a.checkpoint, "--name", a.name]
    for kind, options in zip(TYPES, (("--types", "F16"), ("--types", "Q8_0"), ("--types", "Q8_0", "--bits", "6"))):
        subprocess.run([*export, "--out", folder / "x", *options], check=True, stdout=subprocess.DEVNULL)
        (folder / ("x.f16.gguf" if kind == "F16" else "x.gguf")).rename(files[kind])
    subprocess.run([a.palimpsest, "quantize", "-m", files["F16"], "-o", files["Q4_0"], "--type", "Q4_0"], check=True,
                   stdout=subprocess.DEVNULL)
    return files


def beginning(text, size):
    """Whole documents of `text`, up to the first one that reaches `size` bytes."""
    taken, total = [], 0
    for document in text.split(engine.SEPARATOR):
        taken.append(document)
        total += len(document.encode())
        if size and total >= size:
            break
    return engine.SEPARATOR.join(taken)


def section(folder, name):
    """The part of a card: the table of one model, or nothing."""
    record = engine.load(folder, f"types-{name}")
    if not record:
        return ""
    rows, sources = record["types"], [s for s in record["types"]["F16"] if s != "file_bytes"]
    lines = [f"| | bytes | {' | '.join(f'{s} | against F16' for s in sources)} |", f"|{'---|' * (2 + 2 * len(sources))}"]
    for kind, row in rows.items():
        bits = {s: (row[s]["bits_per_byte"], rows["F16"][s]["bits_per_byte"]) for s in sources}
        cells = " | ".join(f"{found:.4f} | {found / full - 1:+.2%}" for found, full in bits.values())
        lines.append(f"| {kind} | {row['file_bytes']:,} | {cells} |")
    scored = ", ".join(f"{rows['F16'][s]['bytes']:,} bytes of {s}" for s in sources)
    error = max(rows["F16"][s]["standard_error"] for s in sources)
    noise = f"; the bound's standard error is up to {error:.3f}, with the same draws for every type" if error else ""
    return (f"The cost of fewer bits per weight (`tools/train/compare_types.py`): bits per byte on {scored}{noise}. Q4_0 "
            "is made by `palimpsest quantize` from the F16 file.\n\n" + "\n".join(lines))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "text", "out", "palimpsest", "checkpoint"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--name", required=True)
    p.add_argument("--bytes", type=int, default=0)
    p.add_argument("--standard-error", type=float, default=0.01, help="standard error of the bound, in bits per byte")
    p.add_argument("--sources", default="tinystories,classic")
    a = p.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        files = make_files(a, folder)
        for source in a.sources.split(","):
            text = folder / "text"
            text.write_bytes(beginning(held_out.validation(a.text, source), a.bytes).encode())
            for kind, file in files.items():
                score, = engine.run(a.palimpsest, "score", "-m", file, "--file", text, "--standard-error",
                                    a.standard_error)
                rows.setdefault(kind, {"file_bytes": file.stat().st_size})[source] = {
                    key: score[key] for key in ("bits_per_byte", "standard_error", "bytes", "kind")}
        engine.save(a.out, f"types-{a.name}", {"types": rows, "name": a.name},
                    **{kind: files[kind] for kind in TYPES})
    print(section(a.out, a.name))


if __name__ == "__main__":
    main()
