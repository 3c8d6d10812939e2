"""Initial weights of a network of score entropy from a masked network of the Llama type, where shapes allow.

Embeddings, attention and norms are copied; the output matrix begins as the embeddings, which were tied.  The gates of
the modulation begin at one, so that attention works from the first step.  The feed-forward networks are of another kind
(GELU instead of SwiGLU): their first matrix begins as the gate, their second one by least squares (fit_feed_forward).
"""
import math

import torch
import torch.nn.functional as F

import model
from checkpoint import read_weights

RIDGE = 1e-3                # of the mean square of the features


def halves(matrix, head_dim):
    """Rows of q or k for rotations of the two halves of a head; the file has consecutive pairs."""
    return matrix.unflatten(0, (-1, head_dim // 2, 2)).transpose(1, 2).flatten(0, 2)


def start_from(network, path):
    """Copies the weights of a checkpoint of the same network, or those of a masked network that fit.  Returns the masked
    network, for fit_feed_forward() and then calibrate(), or None."""
    weights = read_weights(path)
    own = dict(network.named_parameters())
    if set(weights) == set(own):
        taken = weights
    elif "blk.0.attn_q.weight" in weights:
        taken = translate(weights, network.shape, own)
    else:
        raise SystemExit(f"{path}: neither a network of score entropy nor a masked network with attn_q, attn_k, attn_v")
    for name, weight in taken.items():
        if weight.shape != own[name].shape:
            raise SystemExit(f"{path}: {name} has shape {tuple(weight.shape)}, not {tuple(own[name].shape)}")
    with torch.no_grad():
        for name, weight in taken.items():
            own[name].copy_(weight)
    return None if taken is weights else masked_network(weights, network.shape)


def least_squares(x, y):
    """[n + 1, m] of x [N, n] and y [N, m]: the last row is the constant."""
    x = torch.cat([x, torch.ones(len(x), 1)], 1).double()
    square = x.T @ x
    square.diagonal().add_(RIDGE * square.diagonal().mean())
    return torch.linalg.solve(square, x.T @ y.double()).float()


def masked_network(weights, shape):
    """The masked network of these weights; its heads are as wide as those of `shape`."""
    vocab, dim = weights["token_embd.weight"].shape
    masked = model.Network(model.Shape(
        vocab=vocab, dim=dim, layers=sum(name.endswith("attn_q.weight") for name in weights), heads=dim // shape.head_dim,
        kv_heads=len(weights["blk.0.attn_k.weight"]) // shape.head_dim, hidden=len(weights["blk.0.ffn_gate.weight"]),
        context=shape.context, tied="output.weight" not in weights)).eval()
    masked.load_state_dict(weights)
    return masked


@torch.no_grad()
def fit_feed_forward(network, masked, texts):
    """The second matrices of the feed-forward networks, such that they add nearly what those of the masked network do.

    texts: [(tokens, lengths)] with masks, some tens of rows for each of the hidden numbers.  In each layer GELU of the gate
    is what the sum is made of; the inputs are the masked network's own."""
    read, added = ([[] for _ in masked.blk] for _ in range(2))
    for block, x, y in zip(masked.blk, read, added):
        block.ffn_norm.register_forward_pre_hook(lambda _, inputs, x=x: x.append(inputs[0]))
        block.ffn_down.register_forward_hook(lambda _, inputs, output, y=y: y.append(output))
    for tokens, lengths in texts:
        masked(tokens, lengths, False)
    for block, x, y in zip(network.blk, read, added):
        made = F.gelu(block.ffn_up(block.ffn_norm(torch.cat(x))), approximate="tanh")
        found = least_squares(made, torch.cat(y))
        block.ffn_down.weight.copy_(found[:-1].T)
        block.ffn_down.bias.copy_(found[-1])


@torch.no_grad()
def calibrate(network, states, hidden):
    """Changes the output such that the scores of these rows [N, dim] have nearly the right sum: a masked network is trained
    by ratios of probabilities only, so the sum of its scores can be anything.

    What all logits of a row have too much is estimated linearly from the row, and taken from all of them; then the mean of
    all scores is made right by the bias."""
    hidden = hidden.float()
    excess = network.logits(hidden)[:, states].logsumexp(-1) - math.log(len(states))
    found = least_squares(hidden, excess[:, None])[:, 0]
    network.output.weight -= found[:-1]
    left = excess - hidden @ found[:-1]
    network.output.bias -= left.logsumexp(0) - math.log(len(left))


def translate(weights, shape, own):
    """Weights under the names of this network."""
    taken = {"token_embd.weight": weights["token_embd.weight"],
             "output.weight": weights.get("output.weight", weights["token_embd.weight"]),
             "output_norm.weight": weights["output_norm.weight"]}
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        part = lambda name: weights[f"{block}{name}.weight"]
        if f"{block}attn_q.weight" not in weights:
            raise SystemExit(f"{block}attn_q.weight: the file has fewer layers")
        qkv = [halves(part("attn_q"), shape.head_dim), halves(part("attn_k"), shape.head_dim), part("attn_v")]
        gates = torch.zeros(6, shape.dim)
        gates[2] = gates[5] = 1.0
        taken |= {f"{block}attn_qkv.weight": torch.cat(qkv), f"{block}attn_output.weight": part("attn_output"),
                  f"{block}attn_norm.weight": part("attn_norm"), f"{block}ffn_norm.weight": part("ffn_norm"),
                  f"{block}modulation.bias": gates.flatten(),
                  f"{block}ffn_up.weight": part("ffn_gate"), f"{block}ffn_up.bias": torch.zeros(shape.hidden)}
    return taken
