#!/usr/bin/env python3
"""Trains a picture network: predict the noise of noisy pictures.

usage: train.py --data PICTURES.npz --out DIR --pictures 1e6 [--hours 0.75] [--resume] ...

PICTURES.npz is what tools/data/fashion.py or emoji.py wrote.  --out receives last.pt (everything needed to resume),
best.pt (averaged weights, the latest validated), log.jsonl, curve.png.  The learning rate rises over --warmup pictures
and falls linearly to zero over the last --decay of the run, whose end is --pictures or, if that comes first, --hours.
"""
import argparse
import pathlib
import sys
import time

import numpy as np
import torch

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from diffusion import Schedule, add_noise, stratified_times
from loop import Run, plain, stop_on_signals
from optim import make_optimisers
from precision import add_option, autocast, choose, dtype_of
from pictures import Pictures, augment, to_network
from unet import Network, Shape, multiply_adds

VALIDATION = 1000       # pictures, each at one time


def parse_arguments(argv=None):
    numbers = lambda text: tuple(int(n) for n in text.split(",") if n)
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--pictures", type=float, required=True, help="total number of pictures at the end, e.g. 1e6")
    p.add_argument("--hours", type=float, default=1e9, help="the run ends after this time even with fewer pictures")
    p.add_argument("--resume", action="store_true", help="continue from OUT/last.pt")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--widths", type=numbers, default=(64, 128))
    p.add_argument("--attention", type=numbers, default=(1,))
    for name, default in (("patch", 2), ("blocks", 1), ("up-blocks", 1), ("heads", 4), ("groups", 8), ("sinusoids", 64),
                          ("embedding", 128), ("batch", 64), ("shift", 0)):
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--flip", type=float, default=0.5, help="fraction of pictures that are mirrored")
    p.add_argument("--hue", type=float, default=0.0, help="maximum rotation of the hue, as a fraction of the circle")
    p.add_argument("--label-dropout", type=float, default=0.1)
    p.add_argument("--muon-lr", type=float, default=0.01)
    p.add_argument("--adam-lr", type=float, default=2e-3)
    p.add_argument("--weight-decay", type=float, default=0.01)
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--warmup", type=float, default=1e4, help="pictures")
    p.add_argument("--decay", type=float, default=0.8, help="fraction of the run over which the rate falls to zero")
    p.add_argument("--ema", type=float, default=0.998, help="per step; grows from 0 in the first steps")
    p.add_argument("--every", type=float, default=2e4, help="pictures between validations")
    p.add_argument("--threads", type=int, default=0)
    add_option(p)
    return p.parse_args(argv)


def make_shape(args, data):
    height, width, channels = data.images.shape[1:]
    return Shape(width=width, height=height, channels=channels, patch=args.patch, widths=args.widths,
                 blocks=args.blocks, up_blocks=args.up_blocks, attention=args.attention, heads=args.heads,
                 groups=args.groups, sinusoids=args.sinusoids, embedding=args.embedding, labels=len(data.label_names))


def is_hidden(name):
    """Muon's matrices: those within blocks, except scale and shift, and the resampling ones."""
    return name.startswith(("down.", "mid.", "up.")) and ".emb." not in name


def make_batch(data, schedule, seed, step, begin, count, options):
    """(x, t, labels, eps) of one step, which depend only on the seed and the step."""
    rng = np.random.default_rng((seed, 2, step))
    at = data.order(seed, begin, count)
    pictures = to_network(augment(data.images[at], data.may_flip[at], rng, options.flip, options.shift, options.hue))
    t = stratified_times(rng, count, schedule.steps)
    x, eps = add_noise(schedule, pictures, t, rng)
    labels = np.where(rng.random(count) < options.label_dropout, len(data.label_names), data.labels[at])
    return x, torch.from_numpy(t), torch.from_numpy(labels), eps


@torch.no_grad()
def validate(network, data, schedule, precision="bf16"):
    """Mean squared error per element on held-out pictures, all times and by quarters of time; always the same noise."""
    rng = np.random.default_rng(0)
    at = rng.permutation(len(data.test_images))[:VALIDATION]
    t = stratified_times(rng, len(at), schedule.steps)
    x, eps = add_noise(schedule, to_network(data.test_images[at]), t, rng)
    labels, t, errors = torch.from_numpy(data.test_labels[at]), torch.from_numpy(t), []
    for part in torch.arange(len(at)).split(100):
        with autocast(precision):
            predicted = network(x[part], t[part], labels[part])
        errors.append(((predicted.float() - eps[part]) ** 2).mean((1, 2, 3)))
    errors = torch.cat(errors)
    return {"valid": errors.mean().item(), "quarters": [q.mean().item() for q in errors.tensor_split(4)]}


def trial_step(args, data, count=16):
    """A step of such a network on random pictures, forward and back, in a given precision."""
    shape = make_shape(args, data)
    network, generator = Network(shape), torch.Generator().manual_seed(args.seed)
    network.reset(generator)
    x = torch.randn(count, shape.channels, shape.height, shape.width, generator=generator)
    t, labels = torch.rand(count, generator=generator), torch.zeros(count, dtype=torch.int64)

    def step(precision):
        with autocast(precision):
            predicted = network(x, t, labels)
        (predicted.float() ** 2).mean().backward()
        network.zero_grad()
    return step


class Training(Run):
    def __init__(self, args, data):
        self.args, self.data, self.schedule = args, data, Schedule()
        network = Network(make_shape(args, data))
        network.reset(torch.Generator().manual_seed(args.seed))
        optimisers = make_optimisers(network, args.muon_lr, args.adam_lr, args.weight_decay, is_hidden,
                                     dtype_of(args.precision))
        super().__init__(args.out, network, optimisers)
        if args.resume:
            self.restore()
        self.began = time.time()

    def spent(self):
        """Hours of this run, those before a --resume included."""
        return self.hours + (time.time() - self.began) / 3600

    def done(self):
        """From 0 to 1, by pictures or by time, whichever is larger."""
        return max(self.seen / self.args.pictures, self.spent() / self.args.hours)

    def train_step(self):
        a = self.args
        x, t, labels, eps = make_batch(self.data, self.schedule, a.seed, self.step, self.seen, a.batch, a)
        with autocast(a.precision):
            predicted = self.network(x, t, labels)
        loss = ((predicted.float() - eps) ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), a.clip)
        scale = max(0.0, min(1.0, max(self.seen, 1) / a.warmup, (1 - self.done()) / a.decay))
        self.update((a.muon_lr * scale, a.adam_lr * scale), a.ema)
        self.seen += a.batch
        return loss.item()

    def measure(self):
        figures = self.with_average(lambda: validate(self.network, self.data, self.schedule,
                                                        self.args.precision))
        self.best = min(self.best, figures["valid"])
        self.save_best(shape=vars(self.network.shape), schedule=vars(self.schedule), arguments=plain(self.args),
                       labels=self.data.label_names, source=self.data.source)
        return figures


def draw_curve(log, title, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(8, 4.5))
    seen = [row["seen"] / 1e6 for row in log]
    axes.semilogy(seen, [row["loss"] for row in log], label="training", alpha=0.5)
    axes.semilogy(seen, [row["valid"] for row in log], marker=".", label="held-out, averaged weights")
    for i, name in enumerate(("t in 0 .. 1/4", "1/4 .. 1/2", "1/2 .. 3/4", "3/4 .. 1")):
        axes.semilogy(seen, [row["quarters"][i] for row in log], linestyle=":", label=f"held-out, {name}")
    axes.set(xlabel="million pictures seen", ylabel="mean squared error of the noise", title=title)
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv=None):
    args = parse_arguments(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    data = Pictures(args.data)
    args.precision = choose(args.precision, trial_step(args, data))
    run = Training(args, data)
    print(f"{sum(p.numel() for p in run.network.parameters()):,} parameters, "
          f"{multiply_adds(run.network.shape) / 1e6:.1f} M multiply-adds, {torch.get_num_threads()} threads, "
          f"from picture {run.seen:,}", flush=True)
    stop, began_at, due, losses = stop_on_signals(), run.seen, run.seen + args.every, []
    while run.done() < 1 and not stop:
        losses.append(run.train_step())
        if run.step % 100 == 0:
            speed = (run.seen - began_at) / (time.time() - run.began)
            print(f"step {run.step}  {run.seen:,} pictures  {np.mean(losses[-100:]):.4f}  {speed:.0f} pictures/s  "
                  f"{100 * run.done():.1f} %", flush=True)
        if not stop and (run.seen >= due or run.done() >= 1):
            due += args.every
            row = {"seen": run.seen, "step": run.step, "loss": float(np.mean(losses[-100:])), **run.measure()}
            run.log.append(row | {"minutes": 60 * run.spent()})
            run.save(run.spent() - run.hours)
            draw_curve(run.log, args.out.name, args.out / "curve.png")
            quarters = " ".join(f"{v:.5f}" for v in row["quarters"])
            print(f"held-out {row['valid']:.5f}, by quarters {quarters}", flush=True)
    if stop:
        run.save(run.spent() - run.hours)
        print(f"stopped at picture {run.seen:,}; continue with --resume", flush=True)


if __name__ == "__main__":
    main()
