"""A run of the network of boards: its steps, and how many held-out puzzles it solves."""
import numpy as np
import torch
import torch.nn.functional as F

from boards import batch
from boards.network import Network, Shape
from boards.solve import margins, solved_share
from loop import Run, plain, rate
from optim import make_optimisers
from together import Group

FEWEST = 4              # loops, while their number grows


def make_shape(args):
    return Shape(box=args.box, dim=args.dim, layers=args.layers, heads=args.heads, hidden=args.hidden)


def load(path, hard=1.0):
    """Arrays of train.npz or test.npz; "cumulative" is what puzzles are drawn by."""
    with np.load(path) as file:
        data = dict(file)
    data["cumulative"] = batch.weights_of(data, hard).cumsum()
    return data


def board_losses(answers, tokens, solution):
    """[loops]: after each graded loop the mean over boards of the mean cross-entropy of their open cells, in nats."""
    open_cells = (tokens == 0).float()
    share = open_cells / open_cells.sum(1, keepdim=True)
    target = solution.flatten() - 1
    each = [F.cross_entropy(logits.flatten(0, 1), target, reduction="none").view(tokens.shape) for logits in answers]
    return torch.stack([(loss * share).sum(1).mean() for loss in each])


class BoardTraining(Run):
    """OUT/last.pt has everything that --resume needs; OUT/best.pt the averaged weights at the last validation."""

    def __init__(self, args, group=Group()):
        self.args, self.group = args, group
        self.data, self.test = load(args.data / "train.npz", args.hard), load(args.data / "test.npz")
        self.bands = list(args.bands)
        network = Network(make_shape(args))
        network.reset(torch.Generator().manual_seed(args.seed))
        hidden = lambda name: name.startswith("blk.") and not name.endswith("attn_bias.weight")
        super().__init__(args.out, network, make_optimisers(network, args.muon_lr, args.adam_lr, args.weight_decay, hidden,
                                                            torch.float32))
        if args.resume:
            self.restore()
        self.loop = torch.compile(network.loop) if args.compile else network.loop

    def most_loops(self):
        """Grows evenly from FEWEST to args.loops over the first args.grow of the run."""
        grown = min(1.0, self.seen / max(1.0, self.args.grow * self.args.boards))
        return min(self.args.loops, FEWEST + int((self.args.loops - FEWEST + 1) * grown))

    def draw(self, rng):
        """The boards of a step: some go on from the step before."""
        a = self.args
        kept = self.more.get("further")
        parts = [] if kept is None else [batch.Boards(*(x.numpy() for x in kept))]
        parts.append(batch.draw(rng, self.data, a.batch - sum(map(len, parts)), a.masked, a.box))
        boards = batch.joined(parts)
        return boards.of(rng.permutation(len(boards)))

    def keep_further(self, rng, boards, margin):
        after = batch.further(rng, boards, margin)
        after = after.of(rng.permutation(len(after))[:int(self.args.further * self.args.batch)])
        self.more = {"further": [torch.from_numpy(after.tokens), torch.from_numpy(after.solution)]}

    def backward(self, number, boards, rng, margin):
        """Adds the gradients of part `number`; the losses after the first and the last graded loop.  margin [boards,
        cells] gets those of this part."""
        a, most = self.args, self.most_loops()
        size = a.batch // a.parts
        part = slice(number * size, (number + 1) * size)
        loops = min(most, 1 + int(most * (number + rng.random()) / a.parts))
        tokens, solution = (torch.from_numpy(x[part].astype(np.int64)) for x in (boards.tokens, boards.solution))
        answers = self.network(tokens, loops, a.graded, self.loop)
        losses = board_losses(answers, tokens, solution)
        (losses.mean() / a.parts).backward()
        margin[part] = margins(answers[-1].detach())[0]
        return losses[[0, -1]].detach() / a.parts

    def train_step(self, stop=False):
        """Makes one step; the losses after the first and the last graded loop, and whether a process is asked to stop.

        Every process draws all boards, so that all know the next ones; each computes some of the parts."""
        a, rng = self.args, batch.rng_of(self.args.seed, self.step)
        boards = self.draw(rng)
        margin, ends = torch.zeros(boards.tokens.shape), torch.zeros(2)
        for number in range(a.parts):
            own = batch.rng_of(a.seed, self.step, number)
            if number % self.group.size == self.group.rank:
                ends += self.backward(number, boards, own, margin)
        gradients = [p.grad for p in self.network.parameters()]
        stop, = self.group.sum([*gradients, margin, ends], float(stop))
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), a.clip)
        scale = rate(self.seen, a.boards, a.warmup, a.decay)
        self.update((a.muon_lr * scale, a.adam_lr * scale), a.ema)
        self.seen += a.batch
        self.keep_further(rng, boards, margin.numpy())
        return ends.numpy(), bool(stop)

    def validate(self):
        """{band: share solved, all cells at once; share solved by margin, args.reveal cells at a time} of the averaged
        weights."""
        def measure():
            found = {}
            for number, name in enumerate(self.bands):
                at = np.flatnonzero(self.test["band"] == number)[:self.args.validate]
                puzzles = {"puzzle": self.test["puzzle"][at]}
                found[name] = [solved_share(self.network, puzzles, self.args.loops, reveal)
                               for reveal in (self.network.shape.cells, self.args.reveal)]
            return found
        found = self.with_average(measure)
        self.save_best(shape=vars(self.network.shape), loops=self.args.loops, arguments=plain(self.args))
        return found
