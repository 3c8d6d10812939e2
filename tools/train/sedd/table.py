#!/usr/bin/env python3
"""Bits per byte of models on held-out text, side by side: each exact or an upper bound, said which.

usage: table.py --out OUT --text TEXT_DIR --palimpsest build/release/palimpsest NAME=MODEL.gguf ...
                [--sources tinystories,classic] [--bytes 100000] [--standard-error 0.01]

TEXT_DIR has NAME.valid.txt, plain or .xz; whole documents are taken from the beginning until there are --bytes (0: all).
All is computed by `palimpsest score`.  OUT/bits.json is written after each figure, and a run that was stopped goes on;
OUT/bits.md has the table.  With uniform noise some tokens are never noised: they are shown, not scored and not counted,
and their share is in the last column.
"""
import argparse
import json
import pathlib
import sys
import tempfile

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import engine  # noqa: E402
from held_out import validation  # noqa: E402


def documents(text, most):
    """The first documents of a text, of at least `most` bytes together; 0: all."""
    taken, size = [], 0
    for document in text.split(engine.SEPARATOR):
        if most and size >= most:
            break
        taken.append(document)
        size += len(document.encode())
    return engine.SEPARATOR.join(taken)


def score(a, model, text):
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(text.encode())
        file.flush()
        result, = engine.run(a.palimpsest, "score", "-m", model, "--file", file.name, "--standard-error", a.standard_error)
    keys = ("bits_per_byte", "standard_error", "kind", "estimated", "tokens", "bytes")
    return {key: result[key] for key in keys} | {"left_out": result.get("left_out", 0)}


def cell(found):
    error = f" ± {found['standard_error']:.3f}" if found["estimated"] else ""
    return ("≤ " if found["kind"] == "bound" else "") + f"{found['bits_per_byte']:.3f}" + error


def table(results, names, sources):
    lines = [f"| model | {' | '.join(sources)} | bits per byte are | tokens left out |", f"|---|{'---|' * len(sources)}---|---|"]
    for name in names:
        found = [results.get(f"{name}/{source}") for source in sources]
        if all(found):
            kind = "exact" if found[0]["kind"] == "exact" else "an upper bound" + ", estimated" * found[0]["estimated"]
            left = sum(f["left_out"] for f in found) / sum(f["tokens"] + f["left_out"] for f in found)
            lines.append(f"| {name} | {' | '.join(map(cell, found))} | {kind} | {f'{left:.2%}' if left else ''} |")
    return "\n".join(lines) + "\n"


def named(text):
    name, equals, path = text.partition("=")
    if not (name and equals and path) or "/" in name:
        raise argparse.ArgumentTypeError(f"{text}: not NAME=MODEL.gguf")
    return name, pathlib.Path(path)


def main(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+", type=named, metavar="NAME=MODEL.gguf")
    for name in ("out", "text", "palimpsest"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--sources", type=lambda text: text.split(","), default=["tinystories", "classic"])
    p.add_argument("--bytes", type=int, default=100000)
    p.add_argument("--standard-error", type=float, default=0.01, help="of estimated bounds, bits per byte")
    a = p.parse_args(arguments)
    path = a.out / "bits.json"
    a.out.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {}
    for name, model in a.models:
        digest = engine.sha256(model)
        for source in a.sources:
            text, key = documents(validation(a.text, source), a.bytes), f"{name}/{source}"
            about = {"model": digest, "text": engine.sha256_of(text.encode()), "asked": a.standard_error}
            if results.get(key, {}).get("about") == about:
                continue
            results[key] = {"about": about, **score(a, model, text)}
            path.write_text(json.dumps(results, indent=1) + "\n")
            print(f"{key}: {cell(results[key])}", flush=True)
    made = table(results, [name for name, _ in a.models], a.sources)
    (a.out / "bits.md").write_text(made)
    print(made, end="")


if __name__ == "__main__":
    main()
