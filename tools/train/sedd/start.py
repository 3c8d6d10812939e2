"""Initial weights of a network of score entropy from a masked network of the Llama type, where shapes allow.

Embeddings, attention and norms are copied; the output matrix begins as the embeddings, which were tied.  The gates of
the modulation begin at one, so that attention works from the first step.  The feed-forward networks are of another kind
(GELU instead of SwiGLU): their output begins at zero, as from scratch.
"""
import math

import torch

from checkpoint import read_weights


def halves(matrix, head_dim):
    """Rows of q or k for rotations of the two halves of a head; the file has consecutive pairs."""
    return matrix.unflatten(0, (-1, head_dim // 2, 2)).transpose(1, 2).flatten(0, 2)


def start_from(network, path):
    """Copies the weights of a checkpoint of the same network, or those of a masked network that fit; returns whether it
    was the second, whose logits need calibrate()."""
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
    return taken is not weights


@torch.no_grad()
def calibrate(network, states, logits):
    """Shifts the bias of the output so that the scores of these logits [N, V] are right in their mean: a masked network is
    trained by ratios of probabilities only, so the sum of its scores can be anything."""
    chosen = logits[:, states].flatten()
    network.output.bias -= chosen.logsumexp(0) - math.log(len(chosen))


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
                  f"{block}ffn_down.weight": torch.zeros_like(own[f"{block}ffn_down.weight"])}
    return taken
