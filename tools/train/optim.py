"""Muon for matrices, AdamW for the rest.

Muon: momentum, then an approximate orthogonalisation by five Newton-Schulz steps with the
coefficients of Keller Jordan's method; updates are scaled by max(1, rows / cols) ** 0.5.
"""
import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(g, dtype=torch.bfloat16, steps=5):
    """g [n, rows, cols] -> the same singular vectors with singular values near one; computed in `dtype`."""
    a, b, c = COEFFICIENTS
    x = g.to(dtype)
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        xx = x @ x.transpose(1, 2)
        x = a * x + (b * xx + c * (xx @ xx)) @ x
    return (x.transpose(1, 2) if tall else x).float()


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=0.02, momentum=0.95, weight_decay=0.01, dtype=torch.bfloat16):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))
        self.dtype = dtype              # of this processor, not of the run: not in what is saved

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}                       # matrices of one shape go through one batched product
            for p in group["params"]:
                by_shape.setdefault(p.shape, []).append(p)
            for shape, params in by_shape.items():
                self.step_shape(group, shape, params)

    def step_shape(self, group, shape, params):
        grads = [p.grad for p in params]
        momenta = [self.state[p].setdefault("momentum", torch.zeros_like(p)) for p in params]
        torch._foreach_lerp_(momenta, grads, 1 - group["momentum"])
        updates = torch._foreach_lerp(grads, momenta, group["momentum"])      # Nesterov
        updates = orthogonalise(torch.stack(updates), self.dtype)
        scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
        torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(params, list(updates.unbind(0)), alpha=-scale)


def in_block(name):
    return name.startswith("blk.")


def make_optimisers(network, muon_lr, adam_lr, weight_decay, hidden=in_block, dtype=torch.bfloat16):
    """`hidden` decides by its name whether a matrix uses Muon: those of the hidden layers do.

    `dtype` is what Muon computes in."""
    matrices = [p for n, p in network.named_parameters() if p.ndim == 2 and hidden(n)]
    chosen = {id(p) for p in matrices}
    rest = [p for p in network.parameters() if id(p) not in chosen]
    return (Muon(matrices, lr=muon_lr, weight_decay=weight_decay, dtype=dtype),
            torch.optim.AdamW(rest, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0))
