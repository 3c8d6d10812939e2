#!/usr/bin/env python3
"""How much the conditional probabilities of a network with absorbing noise depend on the noise level that it is told.

usage: levels.py MODEL.gguf|best.pt --data build/data [--windows 64] [--tokens 128] [--shares 0.1,0.3,0.5,0.7,0.9]

Of an exact score they do not depend on it, so that `first-hitting` could tell the network any level.  Windows of
held-out text are masked to a share; the network is then told each of the shares.  For each pair: nats per token of the
true tokens, the total variation distance from the probabilities at the true share, and the sum of the scores of a place
times (e^sigma - 1), which is 1 for an exact score; all are means over masked places.
"""
import argparse
import pathlib
import sys

import numpy as np
import torch

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from checkpoint import load_weights  # noqa: E402
from held_out import windows  # noqa: E402
from sedd.batch import levels_of_shares  # noqa: E402
from sedd.network import Network, Shape  # noqa: E402
from sedd.noise import NOISES  # noqa: E402
from windows import MASK, Corpus  # noqa: E402

AT_ONCE = 4             # windows
SEED = 3


def read_about(path):
    """(shape, graph, noise) of a checkpoint or a GGUF file."""
    if path.suffix != ".gguf":
        state = torch.load(path, weights_only=True)
        return Shape(**state["shape"]), state["graph"], NOISES[state["noise"]]()
    import gguf
    reader = gguf.GGUFReader(path)
    value = lambda key: reader.fields[key].contents()
    rows = {t.name: int(t.shape[1]) for t in reader.tensors if t.name in ("token_embd.weight", "time_embd.0.weight")}
    shape = Shape(vocab=rows["token_embd.weight"], dim=value("sedd.embedding_length"), layers=value("sedd.block_count"),
                  heads=value("sedd.attention.head_count"), hidden=value("sedd.feed_forward_length"),
                  context=value("sedd.context_length"), condition=rows["time_embd.0.weight"])
    return shape, value("palimpsest.graph"), NOISES[value("palimpsest.noise")]()


@torch.no_grad()
def log_shares(network, noise, tokens, share):
    """ln of the scores times (e^sigma - 1) [W, n, V] of windows [W, n], where the network is told `share`."""
    count, n = tokens.shape
    asked = levels_of_shares(noise, torch.full((count,), share, dtype=torch.float64)).asked
    logits = network.logits(network(tokens.flatten(), [n] * count, asked)).double()
    logits[:, MASK] = -torch.inf
    return logits.unflatten(0, (count, n)) - np.log(network.shape.vocab - 1)


def measure_part(network, noise, tokens, masked, shares, true):
    """{told share: sums over the masked tokens of nats, total variation and sum of the scores}."""
    shown, target = torch.where(masked, MASK, tokens), tokens[masked]
    logs = {told: log_shares(network, noise, shown, told)[masked] for told in shares}
    exact, found = logs[true].softmax(-1), {}
    for told in shares:
        normal = logs[told].log_softmax(-1)
        found[told] = torch.stack([-normal.gather(-1, target[:, None]).sum(), (normal.exp() - exact).abs().sum() / 2,
                                   logs[told].exp().sum()])
    return found


def measure(network, noise, tokens, shares, seed=4):
    """{(true share, told share): (nats, total variation, sum)}, means over the masked tokens of windows [W, n]."""
    generator, found = torch.Generator().manual_seed(seed), {}
    for true in shares:
        masked = torch.rand(tokens.shape, generator=generator) < true
        parts = [measure_part(network, noise, *part, shares, true)
                 for part in zip(tokens.split(AT_ONCE), masked.split(AT_ONCE))]
        for told in shares:
            found[true, told] = tuple((sum(part[told] for part in parts) / int(masked.sum())).tolist())
    return found


def table(found, shares):
    head = "| share masked | " + " | ".join(f"told {told:g}" for told in shares) + " | sum at the true share |"
    lines = [head, f"|---|{'---|' * len(shares)}---|"]
    for true in shares:
        cells = [f"{nats:.3f} ({variation:.3f})" for nats, variation, _ in (found[true, told] for told in shares)]
        lines.append(f"| {true:g} | {' | '.join(cells)} | {found[true, true][2]:.3f} |")
    return ("Nats per masked token, and in brackets the total variation distance from the probabilities at the true share:\n\n"
            + "\n".join(lines) + "\n")


def main(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--windows", type=int, default=64)
    p.add_argument("--tokens", type=int, default=128)
    p.add_argument("--shares", type=lambda text: [float(x) for x in text.split(",")], default=[0.1, 0.3, 0.5, 0.7, 0.9])
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args(arguments)
    torch.set_num_threads(a.threads)
    shape, graph, noise = read_about(a.model)
    if graph != "absorb":
        p.error(f"{a.model}: the graph is {graph}; with uniform noise the level is information that the network needs")
    if a.tokens > shape.context:
        p.error(f"--tokens: the context is {shape.context}")
    network = Network(shape).eval()
    load_weights(network, a.model)
    print(table(measure(network, noise, torch.tensor(windows(Corpus(a.data), a.tokens, a.windows, SEED)), a.shares), a.shares), end="")


if __name__ == "__main__":
    main()
