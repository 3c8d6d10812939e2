"""A run of score entropy training: its steps and the bound that it is measured by."""
import argparse
import math

import numpy as np
import torch

from evaluate import pick_windows
from loop import Run, plain, rate
from model import compile_layers
from optim import in_block, make_optimisers
from precision import autocast, dtype_of
from sedd import loss
from sedd.batch import (EARLIEST, add_noise, draw_windows, free_states, generator_of, levels_at, levels_of_shares, padded,
                        rng_of, split, stratified)
from sedd.network import Network, Shape
from sedd.noise import NOISES
from sedd.start import calibrate, fit_feed_forward, start_from
from windows import MASK

START_STEPS = 3             # whose text is read when the run starts from a masked network


def make_shape(args, corpus):
    return Shape(vocab=corpus.size, dim=args.dim, layers=args.layers, heads=args.heads, hidden=args.hidden,
                 context=args.context, condition=args.condition)


def hidden_matrix(name):
    """Muon is for the matrices of the layers; modulations begin at zero and are trained by AdamW."""
    return in_block(name) and "modulation" not in name


def trial_step(args, corpus, tokens=1024):
    """A step of such a network on random tokens, forward and back, in a given precision."""
    network, length = Network(make_shape(args, corpus), args.dropout).train(), min(256, args.context)
    generator = torch.Generator().manual_seed(args.seed)
    network.reset(generator)
    lengths = [length] * max(1, tokens // length)
    ids = torch.randint(corpus.size, (sum(lengths),), generator=generator)

    def step(precision):
        with autocast(precision):
            logits = network.logits(network(ids, lengths, torch.ones(len(lengths))))
        torch.nn.functional.cross_entropy(logits.float(), ids).backward()
        network.zero_grad()
    return step


class ScoreTraining(Run):
    """OUT/last.pt has everything that --resume needs; OUT/best.pt the averaged weights with the lowest bound."""

    def __init__(self, args, corpus):
        self.args, self.corpus, self.graph, self.noise = args, corpus, args.graph, NOISES[args.noise]()
        self.states = free_states(corpus)
        self.number = torch.zeros(corpus.size, dtype=torch.long)
        self.number[self.states] = torch.arange(len(self.states))
        self.terminal = loss.terminal(self.noise.sigma(torch.tensor(1.0, dtype=torch.float64)).item(), len(self.states))
        network = Network(make_shape(args, corpus), args.dropout)
        network.reset(torch.Generator().manual_seed(args.seed))
        if args.init and not args.resume:
            self.start(network)
        super().__init__(args.out, network, make_optimisers(network, args.muon_lr, args.adam_lr, args.weight_decay,
                                                            hidden_matrix, dtype_of(args.precision)))
        self.absorb, self.uniform = loss.absorb, loss.uniform
        if args.compile:
            compile_layers(network)
            self.absorb, self.uniform = (torch.compile(form, dynamic=True) for form in (loss.absorb, loss.uniform))
        if args.resume:
            self.restore()

    def start(self, network):
        masked = start_from(network, self.args.init)
        if masked is None:
            return
        texts = [(part.tokens, part.lengths) for step in range(START_STEPS) for part in self.draw_parts(step, "absorb")]
        fit_feed_forward(network, masked, texts)
        with torch.no_grad():
            calibrate(network, self.states, torch.cat([self.hidden_of(network, part)[0] for part in self.draw_parts(0)]))

    def hidden_of(self, network, noised):
        """(rows of the tokens that have a loss, which tokens have).  Under `absorb` only masked tokens have one."""
        tokens, lengths, asked = padded(noised, self.args.context)
        with autocast(self.args.precision):
            hidden = network(tokens, lengths, asked)[:len(noised.tokens)]
        counted = noised.free & (noised.tokens == MASK) if self.graph == "absorb" else noised.free
        return hidden[counted], counted

    def losses(self, noised):
        """(losses of tokens in nats per unit of time, number of tokens that noise may touch)."""
        hidden, counted = self.hidden_of(self.network, noised)
        with autocast(self.args.precision):
            logits = self.network.logits(hidden).float()
        level, true = noised.level.of(noised.window[counted]), noised.true[counted]
        sigma, slope = level.sigma.float(), level.rate.float()
        if self.graph == "absorb":
            found = self.absorb(logits, true, sigma, slope, MASK)
        else:
            numbers = (self.number[ids] for ids in (noised.tokens[counted], true))
            found = self.uniform(logits[:, self.states], *numbers, sigma, slope)
        return found, int(noised.free.sum())

    def draw_parts(self, step, graph=None):
        """The noised windows of a step, in parts.  graph: another one than that of the run."""
        a, rng = self.args, rng_of(self.args.seed, step)
        plain_text = argparse.Namespace(shortest=a.shortest, pages=0.0, padded=0.0)
        drawn = draw_windows(self.corpus, rng, a.batch, a.context, plain_text)
        level = levels_at(self.noise, EARLIEST + (1 - EARLIEST) * stratified(rng, len(drawn)))
        return [add_noise(drawn[part], level.of(part), graph or self.graph, self.states, generator_of(rng))
                for part in split(drawn, a.parts)]

    def train_step(self, stop=False):
        """Makes one step; the mean loss per token, and `stop`."""
        a, parts = self.args, self.draw_parts(self.step)
        count, total = sum(int(part.free.sum()) for part in parts), 0.0
        for part in parts:
            found = self.losses(part)[0].sum() / count
            found.backward()
            total += found.item()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), a.clip)
        scale = rate(self.seen, a.tokens, a.warmup, a.decay)
        self.update((a.muon_lr * scale, a.adam_lr * scale), a.ema)
        self.seen += sum(len(part.tokens) for part in parts)
        return total, stop

    # ---- the bound ----------------------------------------------------------------------------------------

    def bound(self, windows, draws=4, seed=1):
        """Nats of windows [(tokens, how many are given)]: the mean of the bound over `draws` noise levels of each,
        stratified over the whole estimate.

        Under `absorb` the share of masked tokens is uniform from 0 to 1, and the network is told levels of its trained
        range.  (At time 1 of the log-linear noise a thousandth of the tokens is not masked, but the prior is all masks:
        with these times alone the bound would be infinite.)"""
        rng, nats = rng_of(seed), 0.0
        uniform = stratified(rng, len(windows) * draws)
        level = (levels_of_shares if self.graph == "absorb" else levels_at)(self.noise, uniform)
        drawn = [(tokens, [0] * given + [1] * (len(tokens) - given)) for tokens, given in windows]
        for i, window in enumerate(drawn):
            part = add_noise([window] * draws, level.of(slice(i * draws, (i + 1) * draws)), self.graph, self.states,
                             generator_of(rng))
            found, free = self.losses(part)
            nats += found.double().sum().item() / draws
            if self.graph == "uniform":
                nats += free / draws * self.terminal
        return nats

    @torch.no_grad()
    def bits_per_byte(self, name, most=64):
        windows = pick_windows(self.corpus, name, self.network.shape.context, False, most)
        if self.graph == "uniform":
            known = set(self.states.tolist())
            size = lambda tokens, given: sum(len(self.corpus.text_of[t]) for t in tokens[given:] if t in known)
        else:
            size = lambda tokens, given: sum(len(self.corpus.text_of[t]) for t in tokens[given:])
        return self.bound(windows) / math.log(2) / sum(size(*window) for window in windows)

    def validate(self):
        """Bits per byte of the averaged weights; keeps the best by the mean over the sources."""
        self.network.eval()
        result = self.with_average(lambda: {name: self.bits_per_byte(name) for name in self.corpus.names})
        self.network.train()
        mean = float(np.mean(list(result.values())))
        if mean < self.best:
            self.best = mean
            self.save_best(shape=vars(self.network.shape), graph=self.graph, noise=self.noise.name,
                           states=self.states.tolist(), arguments=plain(self.args))
        return result
