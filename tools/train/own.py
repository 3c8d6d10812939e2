#!/usr/bin/env python3
"""Trains your own models from a folder of text in one command: vocabulary, two trainings, GGUF files for the page.

usage: own.py TEXT_DIR OUT_DIR [--minutes 30] [--size small|tales] [--name mine] [--vocab-size N] [--threads N]
              [--palimpsest build/release/palimpsest]

TEXT_DIR holds .txt files (see tools/data/prepare.py).  A third of the time goes to a causal model, which continues
text, the rest to the diffusion model that starts from its weights and fills blanks.  OUT_DIR receives NAME-ar.gguf and
NAME-infill.gguf, to be dropped onto the page's view Models or given to the command; data and runs stay beside them.
With --palimpsest both are scored on the text that was held out.

`small` is for some minutes and some megabytes at most; `tales` is the shape of the shipped models, for hours.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import engine

TRAIN = pathlib.Path(__file__).resolve().parent
SIZES = {"small": {"dim": 128, "layers": 4, "heads": 2, "hidden": 352, "batch": 2048, "parts": 2},
         "tales": {"dim": 256, "layers": 8, "heads": 4, "hidden": 704, "batch": 8192, "parts": 2}}
VOCABULARY = {"small": 1024, "tales": 4096}
TRIAL_STEPS = 25                 # the trainer tells its speed every 20


def python(script, *arguments, quiet=False):
    """Runs one of the tools; what it said, if `quiet` kept that off the screen."""
    print("+", script.name, *arguments, flush=True)
    done = subprocess.run([sys.executable, str(script), *map(str, arguments)], check=True, text=True,
                          stdout=subprocess.PIPE if quiet else None)
    return done.stdout


def train(a, name, attention, tokens, *more, quiet=False):
    shape = [x for key, value in SIZES[a.size].items() for x in (f"--{key}", value)]
    return python(TRAIN / "train.py", "--data", a.out / "data", "--out", a.out / name, "--attention", attention,
                  "--tokens", max(1, tokens), "--threads", a.threads, "--warmup", min(2e5, tokens / 10), *shape, *more,
                  quiet=quiet)


def tokens_a_second(a):
    """The trainer's report after the steps of a trial."""
    with tempfile.TemporaryDirectory() as folder:
        trial = argparse.Namespace(**{**vars(a), "out": pathlib.Path(folder)})
        (trial.out / "data").symlink_to((a.out / "data").resolve())
        said = train(trial, "trial", "full", TRIAL_STEPS * SIZES[a.size]["batch"], "--every", 1e9, quiet=True)
    return float(re.findall(r"(\d+) tokens/s", said)[-1])


def held_out(a):
    """The held-out text of each source, decoded from its tokens."""
    sys.path[:0] = [str(TRAIN), str(TRAIN.parent / "data")]
    from windows import Corpus
    corpus = Corpus(a.out / "data")
    for name in corpus.names:
        source = corpus.valid[name]
        documents = [source["tokens"][b:e] for b, e in zip(source["documents"], source["documents"][1:])]
        yield name, b"\n<|endoftext|>\n".join(b"".join(corpus.text_of[i] for i in ids) for ids in documents)


def judge(a):
    for name, text in held_out(a):
        path = a.out / f"{name}.held-out.txt"
        path.write_bytes(text + b"\n")
        for kind in ("ar", "infill"):
            score, = engine.run(a.palimpsest, "score", "-m", a.out / f"{a.name}-{kind}.gguf", "--file", path)
            print(f"{name}, held out, {a.name}-{kind}: {score['bits_per_byte']:.3f} bits per byte ({score['kind']})",
                  flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("text", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--minutes", type=float, default=30)
    p.add_argument("--size", choices=SIZES, default="small")
    p.add_argument("--name", default="mine")
    p.add_argument("--vocab-size", type=int)
    p.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    p.add_argument("--palimpsest", type=pathlib.Path)
    a = p.parse_args()
    python(TRAIN.parent / "data" / "prepare.py", a.text, a.out / "data", "--vocab-size",
           a.vocab_size or VOCABULARY[a.size])
    tokens = int(tokens_a_second(a) * 60 * a.minutes)
    print(f"{tokens:,} tokens in {a.minutes:g} minutes", flush=True)
    every = ("--every", max(1, tokens // 10))
    train(a, "ar", "causal", tokens // 3, *every)
    train(a, "infill", "full", tokens - tokens // 3, "--init", a.out / "ar" / "best.pt", *every)
    for kind in ("ar", "infill"):
        python(TRAIN / "export.py", "--data", a.out / "data", "--checkpoint", a.out / kind / "best.pt", "--out",
               a.out / f"{a.name}-{kind}", "--name", f"{a.name}-{kind}", "--license", "unknown", "--types", "Q8_0")
    if a.palimpsest:
        judge(a)
    print(f"{a.out / f'{a.name}-infill.gguf'} fills blanks, {a.out / f'{a.name}-ar.gguf'} continues text")


if __name__ == "__main__":
    main()
