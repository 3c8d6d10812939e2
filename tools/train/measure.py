#!/usr/bin/env python3
"""Measures how well the text models fill blanks, on held-out texts, beside the models that see the left side only.

usage: measure.py --texts TEXT_DIR --out OUT [--smollm2 BASE.gguf --adapter ADAPTER.gguf] [--tales MODEL.gguf]
                  [--masked MODEL.gguf] [--only PART ...] [--quick] [--minutes M] [--show]

TEXT_DIR has NAME.valid.txt (plain or .xz), or NAME.train.txt of which every twentieth document is held out. PART is the
beginning of a key, such as nats, words/tales-infill or nats/smollm2/everyday/128. --tales and --masked are tales-infill and
tales-masked, both beside tales-ar. Parts are

nats      nats per token of true blanks of 1, 4, 12 tokens and a sentence, from the left and in random order, beside the base
words     single words, their number of tokens given
lengths   chosen lengths of [[?]] against true ones
judged    nats of filled pages beyond true pages, for SmolLM2; the base's 16 continuations reranked; repeats

Each part goes on until its standard error is small enough (nats: 0.03 nats for 12 tokens and sentences, 0.06 for 1 and 4,
at least 500 windows); --quick makes about a fifth, with the errors that this gives. Everything is saved in
OUT/quality.json after each batch and goes on from there; other model files start again, but what a base says is kept in
OUT/left.jsonl. The tables go to OUT/quality.md.
--show only prints them. One core is used. All probabilities are computed by the command, none by PyTorch.
"""
import argparse
import dataclasses
import json
import pathlib
import time

from measures import parts, tables, texts
from measures.command import Command

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("4", "12", "1", "sentence")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is measured of a network: texts and windows of true words, texts of single words and lengths, of fills."""
    texts: tuple
    sizes: tuple
    words: tuple
    judged: tuple


TALES = Plan(("tinystories", "classic", "storybooks"), (128,), ("tinystories", "classic"), ("tinystories",))
PLANS = {"smollm2": Plan(("everyday", "tinystories", "reference", "classic"), (128, 512), ("everyday", "tinystories"),
                         ("everyday",)),
         "tales-infill": TALES, "tales-masked": TALES}


def networks(a):
    made = []
    if a.smollm2:
        model = ["-m", str(a.smollm2), "--adapter", str(a.adapter)]
        made.append(parts.Network("smollm2", model, model, []))      # the base with the start token of the adapter
    for name, model in (("tales-infill", a.tales), ("tales-masked", a.masked)):
        if model:
            made.append(parts.Network(name, ["-m", str(model)], ["-m", str(a.tales_base)], ["--byte-pieces"]))
    return made


class Texts:
    """Texts and tokenizers, opened when they are needed."""

    def __init__(self, a):
        self.a, self.texts, self.tokenizers = a, {}, {}

    def tokenizer(self, model):
        return self.tokenizers.setdefault(model, None) or self.tokenizers.update(
            {model: texts.Tokenizer(str(self.a.palimpsest), model)}) or self.tokenizers[model]

    def text(self, network, name):
        key = network.model[1], name
        if key not in self.texts:
            self.texts[key] = texts.Text(self.tokenizer(network.model[1]), texts.held_out(self.a.texts, name))
        return self.texts[key]


class Late:
    """A text that is read at its first use."""

    def __init__(self, read):
        self.read, self.value = read, None

    def __getattr__(self, name):
        if self.value is None:
            self.value = self.read()
        return getattr(self.value, name)


def all_parts(a, opened):
    made, judge = [], None
    nets = networks(a)
    for network in nets:
        plan, late = PLANS[network.name], lambda name, network=network: Late(lambda: opened.text(network, name))
        made += [parts.Nats(network, name, late(name), size, kind, a.quick)
                 for size in plan.sizes for name in plan.texts for kind in KINDS]
        made += [parts.Words(network, name, late(name), a.quick) for name in plan.words]
        made += [parts.Lengths(network, name, late(name), a.quick) for name in plan.words]
        if a.smollm2:
            own = Late(lambda network=network: opened.tokenizer(network.model[1]))
            judge = parts.Judge(nets[0].base, Late(lambda: opened.tokenizer(str(a.smollm2))), own)
            made += [parts.Judged(network, name, late(name), n, judge, a.quick) for name in plan.judged
                     for n in (4, 12)]
    return [p for p in made if not a.only or any(p.key.startswith(only) for only in a.only)]


# ---- the run

def load(path, key, hashes):
    """The record of a part, empty if there is none or other model files were measured."""
    results = json.loads(path.read_text()) if path.exists() else {}
    record = results.get(key)
    if record and record["models"] == hashes:
        return results, record
    return results, {"models": hashes, "next": 0, "seconds": 0.0, "items": [], "figures": None}


def save(out, results):
    out.mkdir(parents=True, exist_ok=True)
    new = out / "quality.json.new"
    new.write_text(json.dumps(results) + "\n")
    new.rename(out / "quality.json")
    (out / "quality.md").write_text(tables.all_tables(results))


def go_on(a, part, command, hashes):
    """One batch of a part; returns whether it needs another one."""
    results, record = load(a.out / "quality.json", part.key, hashes)
    if record["items"] and part.done(record["items"]):
        return False
    began, first = time.monotonic(), record["next"]
    record["items"] += part.run(command, list(range(first, first + part.items_a_time)))
    record["next"] = first + part.items_a_time
    record["seconds"] += time.monotonic() - began
    if len(record["items"]) > 1:
        record["figures"] = part.figures(record["items"])
    save(a.out, {**results, part.key: record})
    figures = " ".join(f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
                       for name, value in (record["figures"] or {}).items())
    print(f"{part.key}: {figures} ({record['seconds']:.0f} s)", flush=True)
    return not part.done(record["items"]) if record["items"] else True


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--texts", type=pathlib.Path)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--palimpsest", type=pathlib.Path, default=ROOT / "build/release/palimpsest")
    p.add_argument("--smollm2", type=pathlib.Path, help="the base; without it only the tales are measured, and nothing judged")
    p.add_argument("--adapter", type=pathlib.Path, default=ROOT / "models/smol-infill.gguf")
    p.add_argument("--tales", type=pathlib.Path)
    p.add_argument("--masked", type=pathlib.Path)
    p.add_argument("--tales-base", type=pathlib.Path, default=ROOT / "models/tales-ar.gguf")
    p.add_argument("--only", nargs="+", default=[])
    p.add_argument("--quick", action="store_true")
    p.add_argument("--minutes", type=float, default=float("inf"), help="stop after the batch in which these are over")
    p.add_argument("--show", action="store_true")
    a = p.parse_args()
    if a.show:
        print(tables.all_tables(json.loads((a.out / "quality.json").read_text())))
        return
    if not a.texts or not (a.smollm2 or a.tales or a.masked):
        p.error("needs --texts, and --smollm2, --tales or --masked")
    command, end = Command(str(a.palimpsest), a.out / "left.jsonl"), time.monotonic() + 60 * a.minutes
    open_parts = [(part, part.network.hashes()) for part in all_parts(a, Texts(a))]
    while open_parts and time.monotonic() < end:     # in turn, so that a run that is stopped has something of each
        for pair in list(open_parts):
            if time.monotonic() < end and not go_on(a, pair[0], command, pair[1]):
                open_parts.remove(pair)


if __name__ == "__main__":
    main()
