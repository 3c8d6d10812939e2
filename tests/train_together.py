"""The parts of tests/test_train_texts.py that run in separate processes, where no other modules share names with those
of tools/train.

usage: train_together.py sum SIZE FOLDER | step DATA FOLDER"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/train"))
import torch  # noqa: E402

import train  # noqa: E402
from together import Group, start  # noqa: E402
from windows import Corpus, make_batch, split_batch  # noqa: E402

TINY = ("--attention", "full", "--tokens", "1e9", "--dim", "32", "--layers", "2", "--heads", "2", "--hidden", "64",
        "--context", "64", "--batch", "1024", "--warmup", "512", "--threads", "1", "--precision", "fp32")
STEPS = 3


def sum_of_ranks(group, folder):
    gradients = [torch.full((2, 3), 10.0 ** group.rank), torch.full((1,), group.rank + 0.25)]
    numbers = group.sum(gradients, 2 + group.rank, group.rank == 1)
    torch.save((gradients, list(numbers)), folder / str(group.rank))


def steps(group, args):
    torch.set_num_threads(1)
    run = train.Training(args, Corpus(args.data), group)
    for _ in range(STEPS):
        run.train_step()
    torch.save([p.detach() for p in run.network.parameters()], args.out / str(group.rank))


class Alone(Group):
    """One process that computes both shares."""
    rank, size = 0, 2

    def __init__(self, args, corpus):
        self.other = train.Training(args, corpus)

    def sum(self, tensors, *numbers):
        other, a = self.other, self.other.args
        other.network.load_state_dict(self.run.network.state_dict())
        other.network.zero_grad()
        windows = make_batch(other.corpus, (a.seed, self.run.step, 1), a.batch // 2, a.context, False, a)
        total = sum(other.backward(part) for part in split_batch(windows, a.parts))
        torch._foreach_add_(tensors, [p.grad for p in other.network.parameters()])
        return [x + y for x, y in zip(numbers, (total, sum(sum(w.weights) for w in windows),
                                                sum(len(w.tokens) for w in windows), 0))]


def step(data, folder):
    """Prints how much two processes and one differ after some steps, and how far the weights moved."""
    sys.argv[1:] = ["--data", data, "--out", folder, *TINY]
    args = train.parse_arguments()
    start(2, steps, args)
    torch.set_num_threads(1)
    corpus = Corpus(args.data)
    alone = Alone(args, corpus)
    alone.run = train.Training(args, corpus, alone)
    begin = [p.detach().clone() for p in alone.run.network.parameters()]
    for _ in range(STEPS):
        alone.run.train_step()
    reference = [p.detach() for p in alone.run.network.parameters()]
    apart = lambda values: max((x - y).abs().max().item() for x, y in zip(values, reference))
    print(apart(torch.load(args.out / "0", weights_only=True)), apart(torch.load(args.out / "1", weights_only=True)),
          apart(begin))


if __name__ == "__main__":
    if sys.argv[1] == "sum":
        start(int(sys.argv[2]), sum_of_ranks, pathlib.Path(sys.argv[3]))
    else:
        step(*sys.argv[2:])
