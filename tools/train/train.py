#!/usr/bin/env python3
"""Trains one twin: --attention causal (next token) or --attention full (masked diffusion); or a network of score
entropy diffusion on the same text: --objective score-entropy --graph absorb|uniform.

usage: train.py --data DIR --out DIR --attention full|causal --tokens 20e6 [--init FILE] [--resume] ...
       train.py --data DIR --out DIR --objective score-entropy --graph absorb|uniform --tokens 12e6 ...

DIR of --data is what tools/data/prepare.py wrote. --out receives last.pt (everything needed to resume), best.pt (EMA
weights, best by validation), log.jsonl, curve.png. --init takes a checkpoint or any GGUF of the same shape.  A run that
was stopped at any time continues with --resume, also with another --tokens; the learning rate is constant after warm-up
and falls linearly to zero over the last --decay of the tokens.  With --processes N the windows of every step are split
between N processes, which is slightly faster than N threads of one process.
"""
import argparse
import os
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

from checkpoint import load_weights
from evaluate import validate
from loop import Run, plain, rate, stop_on_signals
from model import Network, Shape, compile_layers
from optim import make_optimisers
from precision import add_option, autocast, choose, dtype_of
from sedd import training as sedd
from sedd.noise import GRAPHS
from together import Group, start
from windows import EOS, IGNORED, Corpus, make_batch, split_batch


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--attention", choices=("causal", "full"), help="required, except with --objective score-entropy: full")
    p.add_argument("--objective", choices=("likelihood", "score-entropy"), default="likelihood")
    p.add_argument("--graph", choices=GRAPHS, help="score entropy: noise makes tokens the mask token, or any other token")
    p.add_argument("--noise", choices=("log-linear", "geometric"), default="log-linear", help="score entropy: its schedule")
    p.add_argument("--condition", type=int, default=64, help="score entropy: size of the embedded noise level")
    p.add_argument("--tokens", type=float, required=True, help="total number of tokens at the end, e.g. 20e6")
    p.add_argument("--init", type=pathlib.Path, help="checkpoint or GGUF with the initial weights")
    p.add_argument("--resume", action="store_true", help="continue from OUT/last.pt")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--weights", default="", help="mixture other than the data's own, e.g. classic=2")
    for name, kind, default in (("dim", int, 256), ("layers", int, 8), ("heads", int, 4), ("kv-heads", int, 0),
                                ("hidden", int, 704), ("context", int, 512)):
        p.add_argument(f"--{name}", type=kind, default=default)
    p.add_argument("--batch", type=int, default=8192, help="tokens per step")
    p.add_argument("--parts", type=int, default=2, help="groups of windows that a step evaluates in turn")
    p.add_argument("--muon-lr", type=float, default=0.02)
    p.add_argument("--adam-lr", type=float, default=2e-3)
    p.add_argument("--weight-decay", type=float, default=0.01)
    p.add_argument("--dropout", type=float, default=0.0)
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--warmup", type=float, default=2e5, help="tokens")
    p.add_argument("--decay", type=float, default=0.4, help="fraction of the tokens over which the rate falls to zero")
    p.add_argument("--ema", type=float, default=0.99, help="per step; grows from 0 in the first steps")
    p.add_argument("--pages", type=float, default=0.3, help="fraction of windows that are pages with blanks (full only)")
    p.add_argument("--level-power", type=float, default=0.5, help="weight of masked cross-entropies: (n / k) to this power")
    p.add_argument("--padded", type=float, default=0.8, help="fraction of a page's holes that end in <empty>")
    p.add_argument("--untouched", type=float, default=0.5, help="fraction of the pages whose holes are fully masked")
    p.add_argument("--page-weight", type=float, default=3.0, help="factor of the loss in pages")
    p.add_argument("--shortest", type=int, default=8, help="minimum tokens per window (log-uniform lengths)")
    p.add_argument("--every", type=float, default=5e5, help="tokens between validations")
    p.add_argument("--save-every", type=float, help="tokens between saved states; default: those of --every")
    p.add_argument("--processes", type=int, default=1, help="processes that share every step, each with its part of --batch")
    p.add_argument("--threads", type=int, default=0, help="threads per process; 0: the cores divided by the processes")
    p.add_argument("--compile", action="store_true",
                   help="compile what is between the products (faster, a minute later; needs a C++ compiler)")
    add_option(p)
    args = p.parse_args()
    check(p, args)
    return args


def check(parser, args):
    """Options that need or exclude each other."""
    if args.objective == "likelihood":
        if args.graph:
            parser.error("--graph needs --objective score-entropy")
        if not args.attention:
            parser.error("--attention causal or full is required")
        return
    if not args.graph:
        parser.error("--objective score-entropy needs --graph absorb or uniform")
    if args.attention == "causal":
        parser.error("score entropy needs --attention full: each token depends on both sides")
    if args.processes != 1:
        parser.error("score entropy is trained by one process: use --threads")
    if args.kv_heads not in (0, args.heads):
        parser.error("--kv-heads: a network of score entropy has as many heads of keys as of queries")
    args.attention = "full"


def flatten(group, longest, multiple=256):
    """tokens [N], (positions, ids) of the targets, their weights, window lengths.

    N and the number of targets are padded to multiples (by windows of its own of `longest` tokens; by weights
    of zero): the CPU's matrix products compile a kernel for every new shape."""
    flat = lambda name: [x for window in group for x in getattr(window, name)]
    tokens, targets, weights = flat("tokens"), flat("targets"), flat("weights")
    lengths = [len(window.tokens) for window in group]
    while len(tokens) % multiple:
        lengths.append(min(longest, -len(tokens) % multiple))
        tokens += [EOS] * lengths[-1]
    at = [i for i, target in enumerate(targets) if target != IGNORED]
    spare = -len(at) % multiple
    return (torch.tensor(tokens), (torch.tensor(at + [0] * spare), torch.tensor([targets[i] for i in at] + [0] * spare)),
            torch.tensor([weights[i] for i in at] + [0.0] * spare), lengths)


def make_shape(args, corpus):
    return Shape(vocab=corpus.size, dim=args.dim, layers=args.layers, heads=args.heads,
                 kv_heads=args.kv_heads or args.heads, hidden=args.hidden, context=args.context)


def trial_step(args, corpus, tokens=1024):
    """A step of such a network on random tokens, forward and back, in a given precision."""
    network, length = Network(make_shape(args, corpus), args.dropout).train(), min(256, args.context)
    network.reset(torch.Generator().manual_seed(args.seed))
    ids = torch.randint(corpus.size, (tokens // length * length,), generator=torch.Generator().manual_seed(args.seed))

    def step(precision):
        with autocast(precision):
            hidden = network(ids, [length] * (tokens // length), args.attention == "causal")
            logits = network.logits(hidden)
        F.cross_entropy(logits.float(), ids).backward()
        network.zero_grad()
    return step


class Training(Run):
    """A run of the text network: what its steps and its validation are."""

    def __init__(self, args, corpus, group=Group()):
        self.args, self.corpus, self.causal, self.group = args, corpus, args.attention == "causal", group
        network = Network(make_shape(args, corpus), args.dropout)
        network.reset(torch.Generator().manual_seed(args.seed))
        if args.init:
            load_weights(network, args.init)
        super().__init__(args.out, network, make_optimisers(network, args.muon_lr, args.adam_lr, args.weight_decay,
                                                            dtype=dtype_of(args.precision)))
        if args.compile:
            compile_layers(network)
        if args.resume:
            self.restore()

    def train_step(self, stop=False):
        """Makes one step; returns the mean loss per target and whether a process received a stop signal."""
        a = self.args
        seed = (a.seed, self.step) + ((self.group.rank,) if self.group.rank else ())
        windows = make_batch(self.corpus, seed, a.batch // self.group.size, a.context, self.causal, a)
        total = sum(self.backward(group) for group in split_batch(windows, a.parts))
        gradients = [p.grad for p in self.network.parameters()]
        total, norm, seen, stop = self.group.sum(gradients, total, sum(sum(w.weights) for w in windows),
                                                 sum(len(w.tokens) for w in windows), stop)
        torch._foreach_div_(gradients, norm)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), a.clip)
        scale = rate(self.seen, a.tokens, a.warmup, a.decay)
        self.update((a.muon_lr * scale, a.adam_lr * scale), a.ema)
        self.seen += int(seen)
        return total / norm, bool(stop)

    def backward(self, group):
        """Adds the gradients of a group of windows' weighted sum of cross-entropies; the sum in nats."""
        tokens, targets, weights, lengths = flatten(group, self.args.context)
        with autocast(self.args.precision):
            hidden = self.network(tokens, lengths, self.causal)
            logits = self.network.logits(hidden[targets[0]])
        loss = (F.cross_entropy(logits.float(), targets[1], reduction="none") * weights).sum()
        loss.backward()
        return loss.item()

    def validate(self):
        """Bits per byte of the EMA weights; keeps the best by the mean over the sources."""
        result = self.with_average(lambda: validate(self.network, self.corpus, self.causal, self.args.precision))
        mean = float(np.mean(list(result.values())))
        if mean < self.best:
            self.best = mean
            self.save_best(shape=vars(self.network.shape), causal=self.causal, arguments=plain(self.args))
        return result


def draw_curve(log, title, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(8, 4.5))
    millions = [row["seen"] / 1e6 for row in log]
    for name in log[-1]["bits_per_byte"]:
        axes.plot(millions, [row["bits_per_byte"][name] for row in log], marker=".", label=f"{name}, valid")
    axes.set(xlabel="million tokens seen", ylabel="bits per byte", title=title)
    low = min(min(row["bits_per_byte"].values()) for row in log)
    axes.set_ylim(low - 0.05, min(low + 2.0, max(max(row["bits_per_byte"].values()) for row in log) + 0.05))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def prepare(args):
    """Threads and denormals of this process."""
    torch.set_num_threads(args.threads or max(1, (os.cpu_count() or 1) // args.processes))
    torch.set_flush_denormal(True)


def read_corpus(args):
    weights = {k: float(v) for k, _, v in (item.partition("=") for item in args.weights.split(",") if item)}
    return Corpus(args.data, weights)


def make_run(args, group):
    corpus = read_corpus(args)
    return sedd.ScoreTraining(args, corpus) if args.objective == "score-entropy" else Training(args, corpus, group)


def train(group, args):
    """The whole run of one process; the first one validates, writes files and prints."""
    prepare(args)
    torch.manual_seed(args.seed + group.rank)
    run = make_run(args, group)
    run.network.train()
    say = print if group.rank == 0 else lambda *_, **__: None
    say(f"{sum(p.numel() for p in run.network.parameters()):,} parameters, {args.graph or args.attention}, "
        f"{group.size} x {torch.get_num_threads()} threads, from token {run.seen:,}", flush=True)

    asked, stop = stop_on_signals(), False
    began, began_at, due, losses = time.time(), run.seen, run.seen + args.every, []
    saved, save_every = run.seen, args.save_every or args.every
    while run.seen < args.tokens and not stop:
        loss, stop = run.train_step(bool(asked))
        losses.append(loss)
        if run.step % 20 == 0:
            speed = (run.seen - began_at) / (time.time() - began)
            left = (args.tokens - run.seen) / speed / 60
            say(f"step {run.step}  {run.seen / 1e6:.2f} M tokens  {np.mean(losses[-20:]):.4f} nats a token  "
                f"{speed:.0f} tokens/s  {left:.0f} min left", flush=True)
        if group.rank:
            continue
        if stop:
            run.save()
            say(f"stopped at token {run.seen:,}; --resume goes on", flush=True)
        elif run.seen >= due or run.seen >= args.tokens:
            due += args.every
            figures = run.validate()
            run.log.append({"seen": run.seen, "step": run.step, "loss": float(np.mean(losses[-60:])),
                            "bits_per_byte": figures, "minutes": (time.time() - began) / 60})
            run.save()
            draw_curve(run.log, f"{args.out.name} ({args.attention} attention)", args.out / "curve.png")
            say("valid bits per byte: " + ", ".join(f"{n} {v:.4f}" for n, v in figures.items()), flush=True)
            saved = run.seen
        elif run.seen >= saved + save_every:
            run.save()
            saved = run.seen


def main():
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    prepare(args)
    trial = sedd.trial_step if args.objective == "score-entropy" else trial_step
    args.precision = choose(args.precision, trial(args, read_corpus(args)))           # one for all processes
    start(args.processes, train, args)


if __name__ == "__main__":
    main()
