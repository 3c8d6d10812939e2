#!/usr/bin/env python3
"""Measures what users notice of a pair of models: single words guessed, lengths chosen, memorised sentences.

usage: measure_pair.py cloze|lengths|memorised|show --data build/data --text TEXT_DIR --out build/measures
                  --palimpsest build/release/palimpsest --infill models/tales-masked.gguf --ar models/tales-ar.gguf
                  [--count 1000]

cloze      words of the validation texts, one hidden at a time, its number of tokens given, filled greedily: the
           share guessed right by the diffusion model, which sees both sides, and by the causal model, which is
           given what stands before.
lengths    spans of 1 to 12 tokens, filled as [[?]]: the lengths chosen against the true ones.
memorised  pages and texts drawn from nothing: the share of their windows of 20 tokens that stand in the training text.
show       prints what was measured so far, as it stands in the card (Markdown).
Figures go to OUT/WHAT.json.  Everything is run by the engine but the causal model's words, which PyTorch guesses.
"""
import argparse
import pathlib

import numpy as np
import torch

import engine
import held_out
from checkpoint import load_weights
from model import Network, Shape
from windows import BOS, EMPTY, EOS, MASK, Corpus

LENGTHS = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (7, 8), (9, 12), (13, 16)]
LENGTH_SAMPLERS = ("margin", "first-hitting")
WINDOW = 20                      # tokens
DRAWN = 32                       # tokens of a page drawn from nothing


# ---- single words

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
        """The greedy `count` tokens one after the other; the first begins a word, as the border rules require."""
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
    causal, results = Causal(a.ar, corpus), {}
    for name in corpus.names:
        pages = held_out.words(corpus, a.text, name, a.count)
        both = engine.fill(a.palimpsest, a.infill, [p.blank(p.tokens) for p in pages], 0, "--temperature", 0)
        right = [f["text"] == p.whole for f, p in zip(both, pages)]
        left = [causal.guess(p.before, p.tokens) == p.hidden for p in pages]
        results[name] = {"words": len(pages), "both_sides": float(np.mean(right)), "left_side": float(np.mean(left)),
                         "single_tokens": float(np.mean([p.tokens == 1 for p in pages]))}
    return engine.save(a.out, "cloze", {"sources": results}, infill=a.infill, ar=a.ar)


def show_cloze(r):
    rows = [f"| {name} | {s['words']:,} | {s['both_sides']:.1%} | {s['left_side']:.1%} |"
            for name, s in r["sources"].items()]
    worst = max(((s["both_sides"] * (1 - s["both_sides"]) / s["words"]) ** 0.5 for s in r["sources"].values()))
    return ("Single words of held-out paragraphs are hidden, one at a time, and filled greedily with the true number of "
            "tokens (`tools/train/measure_pair.py cloze`). The table has the fraction that is exactly right; standard errors "
            f"are up to {100 * worst:.1f} points.\n\n"
            "| source | words | tales-masked, both sides | tales-ar, left side |\n|---|---|---|---|\n" +
            "\n".join(rows))


# ---- lengths

def lengths(a, corpus):
    share = -(-a.count // len(corpus.names))
    pages = [p for name in corpus.names for p in held_out.spans(corpus, a.text, name, share)]
    true, results = np.array([p.tokens for p in pages]), {}
    for sampler in LENGTH_SAMPLERS:
        fills = engine.fill(a.palimpsest, a.infill, [p.blank("?") for p in pages], 0, "--sampler", sampler)
        chosen = np.array([len(engine.filled(f)) for f in fills])
        texts = [f["text"][len(p.before):len(f["text"]) - len(p.after)] for f, p in zip(fills, pages)]
        results[sampler] = {"lengths": chosen.tolist(), "correlation": float(np.corrcoef(chosen, true)[0, 1]),
                            "near": float(np.mean(abs(chosen - true) <= 2)),
                            "wordless": float(np.mean([not any(c.isalnum() for c in text) for text in texts]))}
        record = engine.save(a.out, "lengths", {"true": true.tolist(), "samplers": results}, infill=a.infill)
    return record


def length_row(title, values):
    values = np.array(values)
    shares = " | ".join(f"{np.mean((values >= low) & (values <= high)):.1%}" for low, high in LENGTHS)
    return f"| {title} | {shares} | {values.mean():.2f} |"


def show_lengths(r):
    true = np.array(r["true"])
    titles = " | ".join(str(low) if low == high else f"{low}-{high}" for low, high in LENGTHS)
    rows = [length_row("true", true)] + [length_row(name, s["lengths"]) for name, s in r["samplers"].items()]
    means = [f"| {name} | " + " | ".join(f"{np.array(s['lengths'])[(true >= low) & (true <= high)].mean():.1f}"
                                         for low, high in LENGTHS[:-1]) +
             f" | {s['correlation']:.2f} | {s['near']:.1%} | {s['wordless']:.1%} |"
             for name, s in r["samplers"].items()]
    return (f"Free lengths (`tools/train/measure_pair.py lengths`): {len(true):,} spans of whole words, 1 to 12 tokens, "
            "each length equally often, are replaced by `[[?]]` (1 to 16) and filled with the default options except the "
            "sampler. The table has the fraction of each length in tokens, and the mean.\n\n"
            f"| | {titles} | mean |\n|---|{'---|' * (len(LENGTHS) + 1)}\n" + "\n".join(rows) +
            "\n\nFor each true length, the mean of the chosen lengths; then their correlation with the true lengths, the "
            "fraction of fills within two tokens of the true length, and the fraction without a letter or digit:\n\n"
            f"| | {titles.rsplit(' | ', 1)[0]} | correlation | within 2 | no word |\n"
            f"|---|{'---|' * (len(LENGTHS) + 2)}\n" + "\n".join(means))


# ---- learnt by heart

def window_hashes(ids, values=np.random.default_rng(3).integers(0, 1 << 64, (WINDOW, 1 << 16), np.uint64)):
    """One uint64 for each window of WINDOW tokens (ids below 2^16): the sum of a random number for each token at each
    place, equal for equal windows, and for two others with a chance of 2^-64."""
    count = max(0, len(ids) - WINDOW + 1)
    total = np.zeros(count, np.uint64)
    for i in range(WINDOW if count else 0):
        total += values[i][ids[i:count + i]]
    return total


def known_windows(corpus):
    """Sorted hashes of all windows of the training text, each document by itself."""
    every = []
    for name in corpus.names:
        tokens, bounds = corpus.train[name]["tokens"].astype(np.int64), corpus.train[name]["documents"]
        hashes = window_hashes(tokens)
        starts = np.arange(len(hashes))
        ends = bounds[np.searchsorted(bounds, starts, "right")]
        every.append(hashes[starts + WINDOW <= ends])
    return np.unique(np.concatenate(every))


def share_known(known, texts, corpus):
    """(windows of all texts, share of them that are known, share of texts that have one)."""
    hashes = [window_hashes(np.array(corpus.vocab.encode(text), np.int64)) for text in texts]
    found = [known[np.minimum(np.searchsorted(known, h), len(known) - 1)] == h for h in hashes]
    return {"texts": len(texts), "windows": int(sum(map(len, found))), "share": float(np.mean(np.concatenate(found))),
            "texts_with_one": float(np.mean([f.any() for f in found]))}


def memorised(a, corpus):
    known = known_windows(corpus)
    drawn = ("--seed", 1, "--drafts", a.count, "--temperature", 1)
    pages = engine.run(a.palimpsest, "infill", "-m", a.infill, "--text", f"[[{DRAWN}]]", "--borders", "off",
                       "--sampler", "first-hitting", *drawn)
    texts = engine.run(a.palimpsest, "generate", "-m", a.ar, "--prompt", "", "--max-tokens", DRAWN, *drawn)
    rng, held = np.random.default_rng(4), []
    for name in corpus.names:
        tokens = corpus.valid[name]["tokens"]
        starts = rng.integers(0, len(tokens) - DRAWN, round(a.count * corpus.share[corpus.names.index(name)]))
        held += [corpus.text(tokens[at:at + DRAWN].tolist()) for at in starts]
    results = {"tales-masked": share_known(known, [p["text"] for p in pages], corpus),
               "tales-ar": share_known(known, [t["text"] for t in texts], corpus),
               "held-out text": share_known(known, held, corpus)}
    return engine.save(a.out, "memorised", {"results": results}, infill=a.infill, ar=a.ar)


def show_memorised(r):
    rows = [f"| {name} | {s['texts']:,} | {s['windows']:,} | {s['share']:.2%} | {s['texts_with_one']:.1%} |"
            for name, s in r["results"].items()]
    return (f"Memorised text (`tools/train/measure_pair.py memorised`): texts of {DRAWN} tokens are drawn without a prompt from "
            "each model's unchanged probabilities (first-hitting without border rules; generate; temperature 1) and cut into "
            f"windows of {WINDOW} tokens. For comparison the same is done with as many pieces of the validation texts, in "
            "the mixture of the training."
            "\n\n| | texts | windows | windows that occur in the training text | texts with one |\n"
            "|---|---|---|---|---|\n" + "\n".join(rows))


SHOW = {"cloze": show_cloze, "lengths": show_lengths, "memorised": show_memorised}


def section(folder, **models):
    """The part of a card with the results for these model files."""
    found = [show(record) for what, show in SHOW.items() if (record := engine.load(folder, what, **models))]
    return "\n\n".join(found)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=(*SHOW, "show"))
    p.add_argument("--out", type=pathlib.Path, required=True)
    for name in ("data", "text", "palimpsest", "infill", "ar"):
        p.add_argument(f"--{name}", type=pathlib.Path)
    p.add_argument("--count", type=int, default=1000)
    a = p.parse_args()
    if a.what == "show":
        print(section(a.out))
        return
    missing = [name for name in ("data", "text", "palimpsest", "infill", "ar") if getattr(a, name) is None]
    if missing:
        p.error(f"{a.what} needs --{' and --'.join(missing)}")
    work = {"cloze": cloze, "lengths": lengths, "memorised": memorised}[a.what]
    print(SHOW[a.what](work(a, Corpus(a.data))))


if __name__ == "__main__":
    main()
