#!/usr/bin/env python3
"""Continues a text with a causal checkpoint: the samples of a card, seeds 1 to 5, none left out.

usage: sample.py --data DIR --checkpoint best.pt [--prompt TEXT] [--tokens 80] [--temperature 0.8]
"""
import argparse
import pathlib

import torch

from checkpoint import load_weights
from model import Network, Shape
from windows import BOS, EOS, Corpus


@torch.no_grad()
def continue_text(network, corpus, prompt, count, temperature, seed):
    generator = torch.Generator().manual_seed(seed)
    ids = [BOS] + corpus.vocab.encode(prompt)
    for _ in range(count):
        logits = network.logits(network(torch.tensor(ids), [len(ids)], causal=True)[-1])
        ids.append(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator).item())
        if ids[-1] == EOS:
            break
    return corpus.vocab.decode(ids)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--checkpoint", type=pathlib.Path, required=True)
    p.add_argument("--prompt", default="Once upon a time")
    p.add_argument("--tokens", type=int, default=80)
    p.add_argument("--temperature", type=float, default=0.8)
    args = p.parse_args()
    corpus = Corpus(args.data)
    network = Network(Shape(**torch.load(args.checkpoint, weights_only=True)["shape"])).eval()
    load_weights(network, args.checkpoint)
    print(f"`{args.prompt}`, {args.tokens} tokens, temperature {args.temperature:g}:\n")
    for seed in range(1, 6):
        text = continue_text(network, corpus, args.prompt, args.tokens, args.temperature, seed)
        print(f"{seed}. {text}".replace("\n", "\n   "))


if __name__ == "__main__":
    main()
