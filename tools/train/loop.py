"""The state of every training run: network, optimisers, averaged weights, counters, log; and its files."""
import json
import math
import pathlib
import signal

import torch


def stop_on_signals():
    """A list that becomes true at SIGINT or SIGTERM."""
    stop = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.append(1))
    return stop


def plain(arguments):
    return {k: str(v) if isinstance(v, pathlib.Path) else v for k, v in vars(arguments).items()}


def rate(seen, total, warmup, decay):
    """Factor of the learning rate: rises in the warm-up, falls to zero over the last `decay` of the tokens."""
    if seen < warmup:
        return max(seen, 1) / warmup
    return max(0.0, min(1.0, (total - seen) / (decay * total))) if decay else 1.0


class Run:
    """OUT/last.pt holds all that --resume needs, OUT/best.pt the averaged weights that ship, OUT/log.jsonl the log."""

    def __init__(self, out, network, optimisers):
        self.out, self.network, self.optimisers = out, network, optimisers
        self.ema = [p.detach().clone() for p in network.parameters()]
        self.step = self.seen = 0
        self.hours = 0.0                    # spent by runs before this one
        self.best = math.inf
        self.more = {}                      # tensors by name that a run needs besides, to go on exactly
        self.log = []

    def restore(self):
        state = torch.load(self.out / "last.pt", weights_only=True)
        self.network.load_state_dict(state["network"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"]):
            asked = [group["weight_decay"] for group in optimiser.param_groups]
            optimiser.load_state_dict(saved)
            for group, decay in zip(optimiser.param_groups, asked):
                group["weight_decay"] = decay           # as the command has it, not as it was
        self.ema = state["ema"]
        self.step, self.seen, self.best = state["step"], state["seen"], state["best"]
        self.more = state.get("more", {})
        self.hours = state.get("hours", 0.0)
        path = self.out / "log.jsonl"
        self.log = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def save(self, hours=0.0):
        torch.save({"network": self.network.state_dict(), "ema": self.ema, "step": self.step, "seen": self.seen,
                    "best": self.best, "hours": self.hours + hours, "more": self.more,
                    "optimisers": [o.state_dict() for o in self.optimisers]}, self.out / "last.tmp")
        (self.out / "last.tmp").replace(self.out / "last.pt")
        (self.out / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in self.log))

    def save_best(self, **about):
        """The averaged weights by name, with the entries of `about`."""
        names = [name for name, _ in self.network.named_parameters()]
        weights = dict(zip(names, self.ema))
        torch.save({"seen": self.seen, "step": self.step, "weights": weights, **about}, self.out / "best.tmp")
        (self.out / "best.tmp").replace(self.out / "best.pt")

    def update(self, rates, keep):
        """One step of every optimiser at its rate, then the average; the caller updates the counter `seen`."""
        for optimiser, lr in zip(self.optimisers, rates):
            for group in optimiser.param_groups:
                group["lr"] = lr
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        keep = min(keep, self.step / (self.step + 9))
        torch._foreach_lerp_(self.ema, [p.detach() for p in self.network.parameters()], 1 - keep)

    def with_average(self, measure):
        """measure() while the network holds the averaged weights."""
        parameters = [p.data for p in self.network.parameters()]
        live = [p.clone() for p in parameters]
        torch._foreach_copy_(parameters, self.ema)
        result = measure()
        torch._foreach_copy_(parameters, live)
        return result
