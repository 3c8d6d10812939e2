#!/usr/bin/env python3
"""What a person notices of a pair of models: single words guessed, lengths chosen, sentences learnt by heart.

usage: measure.py cloze|lengths|memorised --data build/data --text TEXT_DIR --palimpsest build/release/palimpsest
                  --infill models/tales-infill.gguf [--ar models/tales-ar.gguf] [--count 1000]

cloze      words of the validation texts, one hidden at a time, its number of tokens given, filled greedily: the
           share guessed right by the diffusion model, which sees both sides, and by the causal model, which is
           given what stands before.
lengths    spans of 1 to 12 tokens, filled as [[?]]: the lengths chosen against the true ones.
memorised  pages drawn from nothing: the share of their windows of 20 tokens that stand in the training text.
Prints Markdown.  The diffusion model is run by the engine, the causal one by PyTorch.
"""
import argparse
import pathlib
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from checkpoint import load_weights
from compare_samplers import run
from model import Network, Shape
from windows import BOS, EMPTY, EOS, MASK, Corpus

SOURCES = ("tinystories", "classic")
CONTEXT_WORDS = 60


def paragraphs(folder, name):
    import lzma
    path = folder / f"{name}.valid.txt"
    raw = path.read_bytes() if path.exists() else lzma.decompress((folder / f"{name}.valid.txt.xz").read_bytes())
    return [line for line in raw.decode().split("\n") if 20 <= len(line.split()) <= 90 and "[[" not in line]


def fill(a, page, *options):
    return run(a.palimpsest, "infill", "-m", a.infill, "--text", page, "--json", *options)


def in_parallel(work, items):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, items))


# ---- single words

def hidden_words(a, corpus, name):
    """(text before, word, text after, number of tokens): one word of three letters or more a paragraph, in turn."""
    rng = np.random.default_rng(1)
    lines = paragraphs(a.text, name)
    while True:
        line = lines[int(rng.integers(len(lines)))]
        words = [m for m in re.finditer(r"(?<= )[A-Za-z]{3,}(?=[ .,!?;:])", line)]
        if not words:
            continue
        m = words[int(rng.integers(len(words)))]
        count = len(corpus.vocab_inside.encode(" " + m.group()))
        yield line[:m.start()], m.group(), line[m.end():], count


class Causal:
    """The causal twin, token by token, without a cache: words are short."""

    def __init__(self, path, corpus):
        import gguf
        fields = gguf.GGUFReader(path).fields
        value = lambda key: int(fields[f"llama.{key}"].contents())
        shape = Shape(vocab=corpus.size, dim=value("embedding_length"), layers=value("block_count"),
                      heads=value("attention.head_count"), kv_heads=value("attention.head_count_kv"),
                      hidden=value("feed_forward_length"), context=value("context_length"))
        self.network = Network(shape, 0.0)
        load_weights(self.network, path)
        self.network.eval()
        self.never = [BOS, EOS, MASK, EMPTY]
        self.corpus = corpus

    @torch.no_grad()
    def guess(self, before, count):
        """The likeliest `count` tokens one after the other, the first beginning a word, as the border rules have it."""
        ids = [BOS] + self.corpus.vocab.encode(before.rstrip(" "))
        start = len(ids)
        for i in range(count):
            x = torch.tensor(ids[-self.network.shape.context:])
            logits = self.network.logits(self.network(x, [len(x)], causal=True)[-1:])[0].float()
            logits[self.never] = -torch.inf
            if i == 0:
                logits[torch.from_numpy(~self.corpus.begins_word)] = -torch.inf
            ids.append(int(logits.argmax()))
        return self.corpus.text(ids[start:]).strip(" ")


def cloze(a, corpus):
    causal = Causal(a.ar, corpus)
    print(f"| {a.count:,} words of | tales-infill, both sides | tales-ar, left side |\n|---|---|---|")
    for name in SOURCES:
        words = hidden_words(a, corpus, name)
        rows = [next(words) for _ in range(a.count)]
        both = in_parallel(lambda row: fill(a, f"{row[0]}[[{row[3]}]]{row[2]}", "--temperature", 0), rows)
        right = sum(f["text"] == before + word + after for f, (before, word, after, _) in zip(both, rows))
        left = sum(causal.guess(before, count) == word for before, word, _, count in rows)
        print(f"| {name} | {right / a.count:.1%} | {left / a.count:.1%} |", flush=True)


# ---- lengths

def hidden_spans(a, corpus, name, count):
    """(page, true number of tokens): spans of 1 to 12 tokens that begin and end with words."""
    rng = np.random.default_rng(2)
    lines = paragraphs(a.text, name)
    while count:
        line = lines[int(rng.integers(len(lines)))]
        words = [m.span() for m in re.finditer(r"(?<= )\S+", line)]
        first = int(rng.integers(len(words)))
        last = min(len(words) - 1, first + int(rng.integers(0, 10)))
        begin, end = words[first][0], words[last][1]
        tokens = len(corpus.vocab_inside.encode(line[begin - 1:end]))
        if 1 <= tokens <= 12:
            count -= 1
            yield f"{line[:begin]}[[?]]{line[end:]}", tokens


def lengths(a, corpus):
    each = a.count // len(SOURCES)
    rows = [row for name in SOURCES for row in hidden_spans(a, corpus, name, each)]
    fills = in_parallel(lambda job: fill(a, job[1][0], "--seed", job[0]), list(enumerate(rows)))
    chosen = np.array([sum(not token["empty"] for token in f["tokens"]) for f in fills])
    true = np.array([tokens for _, tokens in rows])
    print(f"{len(rows):,} spans of 1 to 12 tokens as `[[?]]` (1 to 16), default options.\n\n"
          "| length | 1 | 2 | 3 | 4 | 5-6 | 7-8 | 9-12 | 13-16 | mean |\n|---|---|---|---|---|---|---|---|---|---|")
    edges = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (7, 8), (9, 12), (13, 16)]
    for title, values in (("true", true), ("chosen", chosen)):
        shares = " | ".join(f"{np.mean((values >= low) & (values <= high)):.1%}" for low, high in edges)
        print(f"| {title} | {shares} | {values.mean():.2f} |")
    print(f"\nThe chosen length is within two tokens of the true one in {np.mean(abs(chosen - true) <= 2):.1%} of the spans; "
          f"correlation {np.corrcoef(chosen, true)[0, 1]:.2f}.")


# ---- learnt by heart

def windows_of(ids, size=20):
    return {tuple(ids[i:i + size]) for i in range(len(ids) - size + 1)}


def memorised(a, corpus):
    known = set()
    for name in corpus.names:
        known |= {hash(w) for w in windows_of(corpus.train[name]["tokens"].tolist())}
    samples = in_parallel(lambda seed: fill(a, "[[64]]", "--seed", seed, "--temperature", 1, "--borders", "off",
                                            "--sampler", "first-hitting"), range(a.count))
    every = [w for s in samples for w in windows_of([t["id"] for t in s["tokens"]])]
    share = np.mean([hash(w) in known for w in every])
    print(f"Of {len(every):,} windows of 20 tokens in {a.count:,} pages of 64 tokens drawn from nothing (first-hitting, temperature 1), "
          f"{share:.2%} stand in the training text.")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("cloze", "lengths", "memorised"))
    for name in ("data", "text", "palimpsest", "infill"):
        p.add_argument(f"--{name}", type=pathlib.Path, required=True)
    p.add_argument("--ar", type=pathlib.Path)
    p.add_argument("--count", type=int, default=1000)
    a = p.parse_args()
    {"cloze": cloze, "lengths": lengths, "memorised": memorised}[a.what](a, Corpus(a.data))


if __name__ == "__main__":
    main()
