#!/usr/bin/env python3
"""Writes the card of a network of query rows: models/NAME.md, models/NAME.curve.png, and its line in models/MANIFEST.

usage: card.py --run RUN --measures OUT --texts TEXT_DIR [--name tales-infill] [--model MODEL.gguf]
               [--base models/tales-ar.gguf] [--about FILE] [--palimpsest build/release/palimpsest]

RUN is the folder of rows/train.py (log.jsonl); OUT that of measure.py, which has measured this very file with --tales,
and a masked model with --masked. TEXT_DIR has NAME.valid.txt, plain or .xz. --about is the part that a person writes
(models/about/NAME.md). Everything else is measured here or read from these files: bits per byte by `palimpsest score`,
left to right; samples with fixed seeds, none left out. matplotlib draws the curve.
"""
import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import examples  # noqa: E402
import unpredictable_tokens  # noqa: E402
from manifest import update_manifest  # noqa: E402
from measures import tables, texts  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
TRAINER = ("rows", "random", "crowd", "given", "wide", "end_weight", "from_start", "long", "long_share", "length",
           "batch", "part", "lr", "muon_lr", "warmup", "decay", "weight_decay", "ema", "steps")      # options that matter
PAGES = ("Once upon a time there was a [[?]] who lived in [[4]].",
         "The little dog was sad because [[?]]. Then his friend came and said, \"[[?]]\"",
         "[[8-16]] and they all lived happily ever after.")
PROMPTS = ("Once upon a time", "The king had three sons.", "\"Where are you going?\" asked the cat.")
SEEDS = range(1, 6)
UNMEASURED = "Not measured.\n"


def run(*command):
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return done.stdout.decode(errors="replace")         # a text that is cut may end inside a character


def value_of(path, key):
    field = gguf.GGUFReader(path).fields.get(key)
    if field is None:
        raise SystemExit(f"{path}: has no {key}, so it was not written by rows/export.py from a run")
    return field.contents()


# ---- training

def read_log(folder, seen):
    """The points of the curve up to the targets that the file has seen."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    log = [point for point in log if point["seen"] <= seen]
    if not log or log[-1]["seen"] != seen:
        raise SystemExit(f"{folder}/log.jsonl: has no point at {seen:,} targets, which the model has seen: another "
                         "run?")
    return log


def draw_curve(log, title, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    points = [point for point in log if "valid" in point]
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for name in points[-1]["valid"]:
        for kind, label in (("4", "4 tokens"), ("12", "12 tokens")):
            axes.plot([point["seen"] / 1e6 for point in points], [point["valid"][name][kind] for point in points],
                      marker=".", label=f"{name}, {label}")
    axes.set(xlabel="million targets", ylabel="nats per token, held out", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def command_of(arguments, base):
    """The command of the last run, from the arguments that the file names."""
    options = [f"--{name.replace('_', '-')} {arguments[name]:g}" if isinstance(arguments[name], (int, float)) else
               f"--{name.replace('_', '-')} {arguments[name]}" for name in TRAINER
               if arguments.get(name) and (name != "long_share" or arguments["long"])]
    head = f"python tools/train/rows/train.py models/{base.name} --train {arguments['train']} --out build/rows/tales"
    half = len(options) // 2
    return " \\\n       ".join([head, " ".join(options[:half]), " ".join(options[half:]), " ".join(arguments["texts"])])


def shares_of(arguments):
    """{name of a text: its share of the windows}"""
    return {pathlib.Path(file).name.split(".")[0]: float(share)
            for file, _, share in (text.partition("=") for text in arguments["texts"])}


def training(args, arguments, log):
    sources = json.loads(value_of(args.base, "palimpsest.training.sources"))
    shares = shares_of(arguments)
    rows = [[name, f"{share:g}", f"{sources[name]['train']['bytes']:,}", f"{sources[name]['train']['tokens']:,}"]
            for name, share in shares.items()]
    return (tables.table(["source", "share of the windows", "bytes", "tokens"], rows) +
            f"\n{log[-1]['seen']:,} targets (tokens asked for) in {log[-1]['step']:,} steps and {log[-1]['hours']:.1f} "
            f"hours; the file has the averaged weights. The last run:\n\n```sh\n{command_of(arguments, args.base)}\n```\n\n"
            f"![nats per token of held-out blanks against targets]({args.name}.curve.png)\n\n"
            "The curve is the trainer's own: windows of 128 tokens with one blank, filled from its left.\n")


# ---- what measure.py has measured

def read_measures(args):
    """The records of this file and of the masked model."""
    digest = hashlib.sha256(args.model.read_bytes()).hexdigest()
    results = json.loads((args.measures / "quality.json").read_text())
    kept = {key: record for key, record in results.items() if key.split("/")[1] in (args.name, args.masked)}
    for key, record in kept.items():
        if key.split("/")[1] == args.name and digest not in record["models"].values():
            raise SystemExit(f"{args.measures}/quality.json: {key} was measured with another model file; run measure.py "
                             "again")
    if not any(key.startswith(f"nats/{args.name}/") for key in kept):
        raise SystemExit(f"{args.measures}/quality.json: has nothing of {args.name}; measure.py --tales measures it")
    return kept


def per_token(nats, n):
    """(mean, its standard error) of nats per token, where items have n tokens."""
    mean = nats.sum() / n.sum()
    return mean, float(np.std(nats - n * mean, ddof=1) / n.mean() / len(n) ** 0.5)


def beside_masked(items, other, args):
    """Cells of the windows that the masked model was measured on too, with paired figures."""
    if not other:
        return ["", "", ""]
    count = min(len(items), len(other))
    n, ours, _, left = np.array(items[:count], float).T
    masked = np.array(other[:count], float).T
    if not np.array_equal(masked[3], left):
        raise SystemExit(f"{args.measures}/quality.json: {args.masked} was measured on other windows")
    return [f"{count:,}", f"{per_token(masked[1], n)[0]:.2f}", tables.below(*per_token(masked[1] - ours, n))]


def beside(results, args):
    """True words: the left-only base and this model; the masked model on the windows that it was measured on."""
    rows = []
    for (network, text, size, kind), record in tables.split(results, "nats"):
        if network != args.name:
            continue
        other = results.get(f"nats/{args.masked}/{text}/{size}/{kind}", {"items": []})["items"]
        n, ours, _, left = np.array(record["items"], float).T
        rows.append([text, tables.KINDS[kind], f"{len(n):,}", f"{per_token(left, n)[0]:.2f}", f"{per_token(ours, n)[0]:.2f}",
                     tables.below(*per_token(left - ours, n)), *beside_masked(record["items"], other, args)])
    return ("Nats per token of the true words of a blank in windows of 128 tokens, from the left, by the command. "
            f"`{args.base.stem}` sees only what is before each token. “Below” is how much lower `{args.name}` is on the same "
            f"windows, with the standard error of the difference; `{args.masked}` was measured on the first windows of each "
            "row. `<empty>` is no candidate.\n\n" +
            tables.table(["text", "blank", "windows", args.base.stem, args.name, f"below {args.base.stem}", "windows",
                          args.masked, f"below {args.masked}"], rows))


# ---- what is measured here

def score(args, model, name):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(f"\n{texts.SEPARATOR}\n".join(texts.held_out(args.texts, name)))
        file.flush()
        return json.loads(run(args.palimpsest, "score", "-m", model, "--file", file.name, "--json"))


def bits_per_byte(args, names):
    """Of this model and of its base, two processes at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {name: [pool.submit(score, args, model, name) for model in (args.model, args.base)] for name in names}
        rows = []
        for name, (ours, base) in jobs.items():
            ours, base = ours.result(), base.result()
            rows.append([name, f"{ours['bits_per_byte']:.4f}", f"{base['bits_per_byte']:.4f}", f"{ours['tokens']:,}",
                         f"{ours['bytes']:,}"])
    return tables.table(["held-out text", args.name, args.base.stem, "tokens", "bytes"], rows)


def samples(args):
    infill = lambda seed, page: run(args.palimpsest, "infill", "-m", args.model, "--seed", seed, "--text", page).strip()
    go_on = lambda seed, prompt: run(args.palimpsest, "generate", "-m", args.model, "--seed", seed, "--temperature",
                                     0.7, "--max-tokens", 60, "--prompt", prompt).strip()
    lines = []
    for given, write in [(page, infill) for page in PAGES] + [(prompt, go_on) for prompt in PROMPTS]:
        lines += [f"`{given}`\n", *(f"{seed}. {write(seed, given)}".replace("\n", "\n   ") for seed in SEEDS), ""]
    return "\n".join(lines)


def card(args, log):
    arguments = json.loads(value_of(args.model, "palimpsest.training.arguments"))
    info = json.loads(run(args.palimpsest, "info", "-m", args.model, "--json"))
    results = read_measures(args)
    data = args.model.read_bytes()
    return f"""# {args.name}

{args.about.read_text().strip()}

## Network

{info['parameters']:,} parameters: {info['layers']} layers, width {info['width']}, hidden {info['hidden']}, {info['heads']} heads, tied output, vocabulary {info['vocabulary']}, context {info['context']}, causal content rows and query rows (`palimpsest.rows = {value_of(args.model, "palimpsest.rows")}`). `{args.model.name}`: {info['weights']}, {len(data):,} bytes, sha256 `{hashlib.sha256(data).hexdigest()}`.

## Unpredictable tokens

{unpredictable_tokens.section(args.palimpsest, args.model)}
## Training

{training(args, arguments, log)}
## True words

{beside(results, args)}
## Single words

{tables.words(results) or UNMEASURED}
## Lengths

{tables.lengths(results) or UNMEASURED}
## Continuing: bits per byte

By `palimpsest score`, exact, left to right: each token given what is before it.

{bits_per_byte(args, shares_of(arguments))}
## Samples

Blanks with the default options, continuations at temperature 0.7; seeds 1 to 5, none left out.

{samples(args)}
### Everyday sentences

The model knows children's stories only. These pages are about other things (`tools/train/examples.py`, seeds 1 to 3).

{examples.thirty(args.palimpsest, args.model)}"""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("run", "measures", "texts"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--name", default="tales-infill")
    p.add_argument("--masked", default="tales-masked", help="name of the masked model among the measures")
    p.add_argument("--model", type=pathlib.Path, help="default: models/NAME.gguf")
    p.add_argument("--base", type=pathlib.Path, default=ROOT / "models/tales-ar.gguf")
    p.add_argument("--about", type=pathlib.Path, help="default: models/about/NAME.md")
    p.add_argument("--palimpsest", type=pathlib.Path, default=ROOT / "build/release/palimpsest")
    args = p.parse_args()
    args.model = args.model or ROOT / f"models/{args.name}.gguf"
    args.about = args.about or ROOT / f"models/about/{args.name}.md"
    log = read_log(args.run, value_of(args.model, "palimpsest.training.tokens"))
    written = card(args, log)
    draw_curve(log, args.name, args.model.with_suffix(".curve.png"))
    args.model.with_suffix(".md").write_text(written.rstrip() + "\n")
    update_manifest(args.model.parent / "MANIFEST", args.model)


if __name__ == "__main__":
    main()
