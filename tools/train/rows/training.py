"""A run of training: its network, its steps, the files that it starts from and its held-out measure."""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

from checkpoint import load_weights
from loop import Run, plain
from optim import make_optimisers
from rows.batch import evaluate, make_batch
from rows.pages import GAP, NEVER, Page, Settings, beginnings, cut, draw_pages
from rows.weights import AdaptedNetwork, FullNetwork

SPANS = (4, 12)             # tokens of the blanks that validation measures
BORDER = 8                  # tokens between them and the window's ends
LONGEST = 12                # lengths 1 to this one are drawn for the blanks whose ends validation measures
VALID_SEED = 7
AT_ONCE = 16                # windows of one evaluation in validation


def make_network(args, base):
    if args.train == "all":
        return FullNetwork(base, args.rows)
    return AdaptedNetwork(base, args.rank, args.alpha, args.rows, args.seed)


def make_optimisers_of(args, network):
    """(learning rates, optimisers): AdamW for everything, or with --muon-lr Muon for the matrices of the layers."""
    if args.muon_lr:
        return (args.muon_lr, args.lr), make_optimisers(network, args.muon_lr, args.lr, args.weight_decay)
    return (args.lr,), [torch.optim.AdamW(network.parameters(), lr=args.lr, betas=(0.9, 0.98),
                                          weight_decay=args.weight_decay)]


def rate(step, args):
    """Factor of the learning rate: rises in the warm-up, and falls to zero over the last `decay` of the steps."""
    factor = min(1.0, (step + 1) / max(1, args.warmup))
    return factor * min(1.0, (args.steps - step) / (args.decay * args.steps)) if args.decay else factor


def windows_of(args):
    """[(settings, windows per step, windows evaluated at once)] of --length and of --long: as many tokens together, in a
    step and in a part, as without --long."""
    settings = lambda length: Settings(length, wide=args.wide, random=args.random, crowd=args.crowd, given=args.given,
                                       begins=args.from_start)
    if not args.long:
        return [(settings(args.length), args.batch, args.part)]
    wide = round(args.long_share * args.batch * args.length / args.long)
    narrow = args.batch - round(wide * args.long / args.length)
    return [(settings(args.length), narrow, args.part),
            (settings(args.long), wide, max(1, args.part * args.length // args.long))]


def span_pages(text, length, span, count, base):
    """Windows with one blank of exact length, filled from its left: the same ones for every model and run."""
    pages = []
    for window in range(count):
        rng = np.random.default_rng([VALID_SEED, span, window])
        tokens = cut(rng, text, length, base.start, base.line_break)
        places = int(rng.integers(BORDER, length - span - BORDER)) + np.arange(span)
        ranks = np.zeros(length, np.int64)
        ranks[places] = 1 + np.arange(span)
        pages.append(Page(tokens, ranks, places, ranks[places], False))
    return pages


def end_pages(text, length, count, base):
    """Windows with one blank of 1 to LONGEST tokens in a gap of GAP places: a blind guess of its length costs
    ln LONGEST nats."""
    pages = []
    for window in range(count):
        rng = np.random.default_rng([VALID_SEED, 0, window])
        span = 1 + int(rng.integers(LONGEST))
        first = int(rng.integers(BORDER, length - GAP - BORDER))
        tokens = cut(rng, text, length - (GAP - span), base.start, base.line_break)
        tokens = np.concatenate([tokens[:first + span], np.full(GAP - span, base.empty), tokens[first + span:]])
        ranks = np.zeros(length, np.int64)
        places = first + np.arange(span + 1)            # the last one is the end
        ranks[places[:-1]] = 1 + np.arange(span)
        ranks[first + span:first + GAP] = NEVER
        pages.append(Page(tokens, ranks, places, 1 + np.arange(span + 1), True))
    return pages


def end_losses(logits, target, empty):
    """Cross entropy [N] of the decision alone whether a blank ends at this place.  It is a part of the cross entropy of
    the token, so more weight for it does not move what is best."""
    log_end = F.log_softmax(logits, -1)[:, empty]
    log_more = torch.log1p(-log_end.exp().clamp(max=1 - 1e-6))
    return -torch.where(target == empty, log_end, log_more)


class Training(Run):
    """OUT/last.pt has everything that --resume needs, OUT/log.jsonl the curve."""

    def __init__(self, args, base, texts=(), shares=(), held_out=None):
        self.args, self.base, self.texts, self.shares, self.held_out = args, base, texts, shares, held_out or {}
        self.found = [beginnings(text, base.start, base.line_ends) for text in texts] if args.from_start else None
        self.windows = windows_of(args)
        network = make_network(args, base)
        self.rates, optimisers = make_optimisers_of(args, network)
        super().__init__(args.out, network, optimisers)
        if args.resume:
            self.restore()
        elif args.init:
            self.start_from(pathlib.Path(args.init))

    def start_from(self, path):
        """Weights of a file; state of the first trainer of query rows (a dictionary with "net") is taken whole."""
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file
            self.take_weights(path, {name: w.float() for name, w in load_file(path).items()})
            self.ema = [p.detach().clone() for p in self.network.parameters()]
            return
        state = None if path.suffix == ".gguf" else torch.load(path, weights_only=True)
        if state and "net" in state:
            self.take_weights(path, state["net"])
            self.optimisers[0].load_state_dict(state["opt"])
            self.step, self.seen = state["step"], state["tokens"]
            self.ema = [state["ema"][name].clone() for name, _ in self.network.named_parameters()]
            return
        load_weights(self.network, path)
        self.ema = [p.detach().clone() for p in self.network.parameters()]

    def take_weights(self, path, weights):
        own = self.network.state_dict()
        wrong = sorted(set(own) ^ set(weights)) or [n for n, w in own.items() if w.shape != weights[n].shape]
        if wrong:
            raise SystemExit(f"{path}: not weights of this network: {', '.join(wrong[:3])}")
        self.network.load_state_dict(weights)

    def train_step(self):
        """Makes one step; the mean loss in nats per target, weighted as in training."""
        a, parts = self.args, self.draw_parts()
        norm = sum(batch.weight.sum().item() for batch in parts)
        loss = sum(self.backward(batch, norm) for batch in parts)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), a.clip)
        self.update([lr * rate(self.step, a) for lr in self.rates], a.ema)
        self.seen += sum(len(batch.target) for batch in parts)
        return loss

    def draw_parts(self):
        """The batches of the next step."""
        parts, first = [], 0
        for settings, count, part in self.windows:
            pages = draw_pages(self.texts, self.shares, self.args.seed, self.step, count, settings, self.base, first,
                               self.found)
            pages.sort(key=lambda page: len(page.places) * (1 + page.given))    # as many rows in each window of a part
            parts += [make_batch(pages[i:i + part], self.network.mode) for i in range(0, count, part)]
            first += count
        return parts

    def backward(self, batch, norm):
        logits = evaluate(self.network, batch, self.base.empty)
        logits = logits.to(self.network.sum_dtype)
        losses = F.cross_entropy(logits, batch.target, reduction="none")
        if self.args.end_weight:
            ends = end_losses(logits, batch.target, self.base.empty)
            losses = losses + self.args.end_weight * torch.where(batch.exact, 0.0, ends)
        loss = (losses * batch.weight).sum() / norm
        loss.backward()
        return loss.item()

    def trial_step(self, precision_type):
        """A step on two windows with products of this type, without an update: its time decides the precision."""
        self.network.use(precision_type)
        pages = draw_pages(self.texts, self.shares, self.args.seed, 0, 2, Settings(self.args.length), self.base)
        self.backward(make_batch(pages, self.network.mode), 1.0)
        self.network.zero_grad(set_to_none=True)

    @torch.no_grad()
    def nats(self, pages, measure):
        """measure(logits, target) [N] of pages in their order, one after the other."""
        total = []
        for i in range(0, len(pages), AT_ONCE):
            batch = make_batch(pages[i:i + AT_ONCE], self.network.mode, ("order",))
            logits = evaluate(self.network, batch, self.base.empty).to(self.network.sum_dtype)
            total += measure(logits, batch.target).tolist()
        return np.array(total)

    def held_out_nats(self, text):
        """{span: nats per token of its blanks, "end": nats per blank for where it ends}."""
        a, words = self.args, lambda logits, target: F.cross_entropy(logits, target, reduction="none")
        found = {str(span): float(self.nats(span_pages(text, a.length, span, a.valid_windows, self.base), words).mean())
                 for span in SPANS}
        ends = self.nats(end_pages(text, a.length, a.valid_windows, self.base),
                         lambda logits, target: end_losses(logits, target, self.base.empty))
        return {**found, "end": float(ends.sum() / a.valid_windows)}

    def validate(self):
        """{text: held_out_nats} of the averaged weights."""
        return self.with_average(lambda: {name: self.held_out_nats(text) for name, text in self.held_out.items()})

    def save(self, hours=0.0):
        super().save(hours)
        average = dict(zip((name for name, _ in self.network.named_parameters()), self.ema))
        torch.save({"weights": average, "seen": self.seen, "step": self.step, "arguments": plain(self.args),
                    "rows": self.network.mode, "train": self.args.train, "rank": self.args.rank,
                    "alpha": self.args.alpha, "start": self.base.start, "empty": self.base.empty},
                   self.out / "average.tmp")
        (self.out / "average.tmp").replace(self.out / "average.pt")
