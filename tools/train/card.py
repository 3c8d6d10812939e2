#!/usr/bin/env python3
"""Writes the card of a shipped model: models/NAME.md, models/NAME.curve.png, and its line in models/MANIFEST.

usage: card.py --name tales-masked --run build/train/tales-masked --model models/tales-masked.gguf
               --f16 build/models/tales-masked.f16.gguf --data build/data --text TEXT_DIR
               --palimpsest build/release/palimpsest --about FILE --commands FILE
               [--samples FILE] [--measures build/measures --infill models/tales-masked.gguf --ar models/tales-ar.gguf]

Every number in the card is measured here: bits per byte of the validation files by `palimpsest score`, for F16
and for what ships, and samples with the seeds 1 to 5.  --about is the part of the card that a person writes
(data, licences, known faults), --commands the commands of the run.
"""
import argparse
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import tempfile

import compare_samplers
import compare_types
import held_out
import measure_pair
import unpredictable_tokens
from manifest import update_manifest

PAGES = ("Once upon a time there was a [[?]] who lived in [[4]].",
         "The little dog was sad because [[?]]. Then his friend came and said, \"[[?]]\"",
         "[[8-16]] and they all lived happily ever after.")


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def score(args, model, name):
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(held_out.validation(args.text, name).encode())
        file.flush()
        return json.loads(run([args.palimpsest, "score", "-m", model, "--file", file.name, "--json"]))


def all_scores(args, models, names):
    """[{source: score}] for each model, two processes at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [{name: pool.submit(score, args, model, name) for name in names} for model in models]
        return [{name: job.result() for name, job in row.items()} for row in jobs]


def score_table(f16, shipped):
    lines = ["| source, valid | F16 | Q8_0 (ships) | standard error | tokens | bytes |", "|---|---|---|---|---|---|"]
    for name, row in shipped.items():
        lines.append(f"| {name} | {f16[name]['bits_per_byte']:.4f} | {row['bits_per_byte']:.4f} | "
                     f"{row['standard_error']:.4f} | {row['tokens']:,} | {row['bytes']:,} |")
    return "\n".join(lines)


def samples(args):
    parts = []
    for page in PAGES:
        parts.append(f"`{page}`\n")
        for seed in range(1, 6):
            text = run([args.palimpsest, "infill", "-m", args.model, "--seed", str(seed), "--text", page])
            parts.append(f"{seed}. {text.strip()}")
        parts.append("")
    return "\n".join(parts)


def measures(args, causal):
    """The results of measure_pair.py and similar tools; those of the pair are in the diffusion model's card."""
    models = {"infill": args.infill, "ar": args.ar}
    parts = [("Fewer bits", compare_types.section(args.measures, args.name))]
    if not causal:
        parts += [("Samplers and temperatures", compare_samplers.section(args.measures, **models)),
                  ("What a user sees", measure_pair.section(args.measures, **models))]
    return "".join(f"\n## {title}\n\n{text}\n" for title, text in parts if text)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("name", "palimpsest"):
        p.add_argument(f"--{name}", required=True)
    for name in ("run", "model", "f16", "data", "text", "about", "commands"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--samples", type=pathlib.Path, help="output of sample.py, for causal models")
    p.add_argument("--measures", type=pathlib.Path, help="folder of measure_pair.py, compare_samplers.py, compare_types.py")
    for name, file in (("infill", "masked"), ("ar", "ar")):
        p.add_argument(f"--{name}", type=pathlib.Path, default=pathlib.Path(f"models/tales-{file}.gguf"),
                       help="model of the measured pair")
    args = p.parse_args()
    report = json.loads((args.data / "sources.json").read_text())
    info = json.loads(run([args.palimpsest, "info", "-m", args.model, "--json"]))
    log = [json.loads(line) for line in (args.run / "log.jsonl").read_text().splitlines()]
    shutil.copy(args.run / "curve.png", args.model.with_suffix(".curve.png"))
    digest, size = update_manifest(args.model.parent / "MANIFEST", args.model)
    shipped, f16 = all_scores(args, (args.model, args.f16), report["sources"])
    kind = "exact" if info["causal"] else "an estimated upper bound, under the sampler first-hitting"
    mixture = "\n".join(f"| {n} | {s['weight']:g} | {s['train']['bytes']:,} | {s['train']['tokens']:,} |"
                        for n, s in report["sources"].items())
    card = f"""# {args.name}

{args.about.read_text().strip()}

## Network

{info['parameters']:,} parameters: {info['layers']} layers, width {info['width']}, hidden {info['hidden']}, {info['heads']} heads, tied output, vocabulary {info['vocabulary']}, context {info['context']}, {'causal' if info['causal'] else 'bidirectional'} attention. `{args.model.name}`: Q8_0, {size:,} bytes, sha256 `{digest}`.

## Unpredictable tokens

{unpredictable_tokens.section(args.palimpsest, args.model)}
## Training

| source | weight | bytes | tokens |
|---|---|---|---|
{mixture}

The weights are those of the data; runs with other weights have the option `--weights` below. {log[-1]['seen']:,} tokens seen in {log[-1]['step']:,} steps.

```sh
{args.commands.read_text().strip()}
```

![validation in bits per byte against tokens seen]({args.model.with_suffix('.curve.png').name})

## Bits per byte

By `palimpsest score`; {kind}.

{score_table(f16, shipped)}
"""
    if not info["causal"]:
        card += f"\n## Samples\n\nSeeds 1 to 5 with the default options, not selected.\n\n{samples(args)}"
    if args.samples:
        card += f"\n## Samples\n\nBy `tools/train/sample.py`, seeds 1 to 5, not selected.\n\n{args.samples.read_text()}"
    if args.measures:
        card += measures(args, info["causal"])
    args.model.with_suffix(".md").write_text(card)


if __name__ == "__main__":
    main()
