#!/usr/bin/env python3
"""Second stage: with the network frozen, two small heads learn second moments, and the table of Gamma is measured.

usage: heads.py --data PICTURES.npz --run DIR --pictures 3e5 [--hours 0.15] ...

DIR holds best.pt of train.py; heads.pt and heads.jsonl are written there.  The heads look at the last features and are
trained side by side, as in Extended-Analytic-DPM (Bao et al. 2022):
  sn    E[eps^2 | x], by squared error
  npr   E[(eps - predicted)^2 | x], by squared error relative to FLOOR plus the mean of that residual at the time: a
        weight that depends on nothing but the time changes no minimiser, and without it times with little residual
        learn nothing
Gamma_n = E[predicted^2], the mean over data and elements (Analytic-DPM, Bao et al. 2022), at n / steps, n = 1 .. steps:
1 - Gamma_n is measured as the mean of eps^2 - predicted^2, which has the same expectation, since E[eps^2] = 1, and far
less variance; then averaged over n - w .. n + w, w = min(10, n / 4, steps - n).
"""
import argparse
import json
import pathlib
import time

import numpy as np
import torch
from torch import nn

from diffusion import Schedule, add_noise, stratified_times
from files import GAMMA, HEADS
from loop import Run, plain, stop_on_signals
from optim import make_optimisers
from pictures import Pictures, augment, to_network
from precision import add_option, autocast, choose, dtype_of
from train import VALIDATION, make_batch
from unet import Head, Network, Shape, reset

BINS = 32       # of time, for the mean residual
FLOOR = 0.01    # residuals below it hardly move a sampler: variances are compared with 1


def parse_arguments(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--run", type=pathlib.Path, required=True)
    p.add_argument("--pictures", type=float, required=True)
    p.add_argument("--hours", type=float, default=1e9, help="training ends after this time even with fewer pictures")
    p.add_argument("--gamma-pictures", type=int, default=128, help="pictures for each step of the schedule")
    p.add_argument("--seed", type=int, default=2)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--muon-lr", type=float, default=0.01)
    p.add_argument("--adam-lr", type=float, default=2e-3)
    p.add_argument("--warmup", type=float, default=1e4, help="pictures")
    p.add_argument("--ema", type=float, default=0.998)
    p.add_argument("--threads", type=int, default=0)
    add_option(p)
    return p.parse_args(argv)


class Frozen:
    """The trained network: noise, residual and features of a batch, without gradients.  `precision` is that of its products."""

    def __init__(self, checkpoint, data):
        self.data, self.schedule = data, Schedule(**checkpoint["schedule"])
        self.network = Network(Shape(**checkpoint["shape"]))
        self.network.load_state_dict(checkpoint["weights"])
        self.options = argparse.Namespace(**checkpoint["arguments"])
        self.residuals = np.ones(BINS)
        self.precision = "fp32"

    @torch.no_grad()
    def look(self, x, t, labels):
        """(predicted noise, features, e), the latter two detached and in `precision`."""
        with autocast(self.precision):
            features, e = self.network.features(x, t, labels)
            return self.network.output(features).float(), features, e

    def batch(self, seed, step, begin, count):
        return make_batch(self.data, self.schedule, seed, step, begin, count, self.options)

    def measure_residuals(self, seed, batches=40, count=128):
        """Mean squared residual of BINS equal parts of time, from training pictures."""
        sums, counts = np.zeros(BINS), np.zeros(BINS)
        for step in range(batches):
            x, t, labels, eps = self.batch(seed, step, step * count, count)
            errors = ((self.look(x, t, labels)[0] - eps) ** 2).mean((1, 2, 3))
            at = np.minimum((t.numpy() * BINS).astype(int), BINS - 1)
            np.add.at(sums, at, errors.numpy())
            np.add.at(counts, at, 1)
        self.residuals = sums / counts

    def residual_at(self, t):
        centres = (np.arange(BINS) + 0.5) / BINS
        values = np.exp(np.interp(t.numpy(), centres, np.log(self.residuals)))
        return torch.from_numpy(values.astype(np.float32))[:, None, None, None]


def trial_look(args, frozen, count=16):
    """The evaluation of some pictures, which is most of a step, in a given precision."""
    x, t, labels, _ = frozen.batch(args.seed, 0, 0, count)

    def step(precision):
        frozen.precision = precision
        frozen.look(x, t, labels)
    return step


class Training(Run):
    def __init__(self, args, frozen):
        self.args, self.frozen = args, frozen
        shape = frozen.network.shape
        heads = nn.ModuleDict({name: Head(shape, True) for name in HEADS})
        reset(heads, torch.Generator().manual_seed(args.seed))
        for name, start in zip(HEADS, (1.0, float(frozen.residuals.mean()))):
            nn.init.zeros_(heads[name].conv.weight)
            nn.init.constant_(heads[name].conv.bias, start)
        hidden = lambda name: name.endswith(("conv1.weight", "conv2.weight"))
        super().__init__(args.run, heads, make_optimisers(heads, args.muon_lr, args.adam_lr, 0.0, hidden,
                                                           dtype_of(frozen.precision)))
        self.began = time.time()

    def done(self):
        return max(self.seen / self.args.pictures, (time.time() - self.began) / 3600 / self.args.hours)

    def errors(self, x, t, labels, eps):
        """Squared errors [n] of the two heads, as they are trained."""
        predicted, features, e = self.frozen.look(x, t, labels)
        features.requires_grad_()       # unused, but GroupNorm's backward crashes without (PyTorch 2.13)
        residual, usual = (predicted - eps) ** 2, self.frozen.residual_at(t)
        weight = (usual + FLOOR) ** -2
        with autocast(self.frozen.precision):
            sn, npr = (self.network[name](features, e).float() for name in HEADS)
        mean = lambda y: y.mean((1, 2, 3))
        return {"sn": mean((sn - eps ** 2) ** 2), "npr": mean(weight * (npr - residual) ** 2),
                "sn_constant": mean((1 - eps ** 2) ** 2), "npr_constant": mean(weight * (usual - residual) ** 2)}

    def train_step(self):
        a = self.args
        errors = self.errors(*self.frozen.batch(a.seed, self.step, self.seen, a.batch))
        (errors["sn"].mean() + errors["npr"].mean()).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        scale = max(0.0, min(1.0, max(self.seen, 1) / a.warmup, 1 - self.done()))
        self.update((a.muon_lr * scale, a.adam_lr * scale), a.ema)
        self.seen += a.batch

    @torch.no_grad()
    def validate(self):
        """Errors on held-out pictures, and those of the best constant for each time."""
        rng, data, frozen = np.random.default_rng(0), self.frozen.data, self.frozen
        at = rng.permutation(len(data.test_images))[:VALIDATION]
        t = stratified_times(rng, len(at), frozen.schedule.steps)
        x, eps = add_noise(frozen.schedule, to_network(data.test_images[at]), t, rng)
        labels, t, rows = torch.from_numpy(data.test_labels[at]), torch.from_numpy(t), []
        for part in torch.arange(len(at)).split(100):
            rows.append(self.errors(x[part], t[part], labels[part], eps[part]))
        return {name: torch.cat([row[name] for row in rows]).mean().item() for name in rows[0]}


def measure_gamma(frozen, seed, count):
    """1 - Gamma_n for n = 1 .. steps, float32; new pictures and noise at every step."""
    steps, raw, data, o = frozen.schedule.steps, [], frozen.data, frozen.options
    for n in range(1, steps + 1):
        rng = np.random.default_rng((seed, 3, n))
        at = rng.integers(0, len(data.images), count)
        pictures = to_network(augment(data.images[at], data.may_flip[at], rng, o.flip, o.shift, o.hue))
        x, eps = add_noise(frozen.schedule, pictures, np.full(count, n / steps), rng)
        labels = np.where(rng.random(count) < o.label_dropout, len(data.label_names), data.labels[at])
        predicted = frozen.look(x, torch.full((count,), n / steps, dtype=torch.float64), torch.from_numpy(labels))[0]
        raw.append((eps.double() ** 2 - predicted.double() ** 2).mean().item())
    width = lambda n: min(10, n // 4, steps - n)
    smooth = [np.mean(raw[n - 1 - width(n):n + width(n)]) for n in range(1, steps + 1)]
    return torch.tensor(np.clip(smooth, 1e-6, 1.0), dtype=torch.float32)


def main(argv=None):
    args = parse_arguments(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    checkpoint = torch.load(args.run / "best.pt", weights_only=True)
    frozen = Frozen(checkpoint, Pictures(args.data))
    args.precision = frozen.precision = choose(args.precision, trial_look(args, frozen))
    frozen.measure_residuals(args.seed)
    run, stop, log = Training(args, frozen), stop_on_signals(), []
    while run.done() < 1 and not stop:
        run.train_step()
        if run.step % 500 == 0 or run.done() >= 1:
            log.append({"seen": run.seen, **run.with_average(run.validate)})
            print("  ".join(f"{name} {value:.6g}" for name, value in log[-1].items()), flush=True)
    if stop:
        raise SystemExit("stopped; nothing written")
    names = [name for name, _ in run.network.named_parameters()]
    gamma = measure_gamma(frozen, args.seed, args.gamma_pictures)
    torch.save({"seen": checkpoint["seen"], "arguments": plain(args) | {"seen": run.seen},
                "weights": dict(zip(names, run.ema)) | {GAMMA: gamma}}, args.run / "heads.pt")
    (args.run / "heads.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    print("1 - Gamma:", ", ".join(f"{gamma[n - 1]:.5f} at {n}" for n in (1, 10, 100, 300, 1000) if n <= len(gamma)))


if __name__ == "__main__":
    main()
