"""Pages as one evaluation: the places that content rows see, and the query rows with what they read and see."""
import dataclasses

import numpy as np
import torch

UNKNOWN = -1                # a query row reads the mask vector
LOOKS = ("order", "given")  # a place is asked for when its rank is reached, and once with the given text only


@dataclasses.dataclass
class Batch:
    """B windows of T places, and N query rows sorted by window."""
    tokens: torch.Tensor        # [B, T]
    content_sees: torch.Tensor  # [B, T, T] bool: row i sees column j
    window: torch.Tensor        # [N]
    reads: torch.Tensor         # [N]: token id or UNKNOWN
    at: torch.Tensor            # [N]: place of the row, one before the place that it predicts
    sees: torch.Tensor          # [N, T] bool: known places; a row also sees itself
    target: torch.Tensor        # [N]
    weight: torch.Tensor        # [N]: windows count by the root of their number of open places
    exact: torch.Tensor         # [N] bool: <empty> is not a candidate


def content_sees(ranks, mode):
    """ranks [B, T] -> [B, T, T].  Tokens that became known together do not see each other; given tokens do."""
    row, column = ranks[:, :, None], ranks[:, None, :]
    sees = (column < row) | (column == 0) & (row == 0)
    if mode == "left":
        sees = sees.tril()
    return sees | torch.eye(ranks.shape[1], dtype=torch.bool)


def query_rows(page, look):
    """(known places [n, T], token read before each place or UNKNOWN [n]) of a page's open places."""
    asked = page.asked if look == "order" else np.ones_like(page.asked)
    known = page.ranks[None] < asked[:, None]
    before = page.places - 1
    row = np.arange(len(before))
    reads = np.where(known[row, before], page.tokens[before], UNKNOWN)
    known[row, before] = False                      # the row itself has this place
    return known, reads


def make_batch(pages, mode, looks=LOOKS):
    """Pages that are not asked for with the given text only have rows of the first look alone."""
    rows = {name: [] for name in ("window", "reads", "at", "sees", "target", "weight", "exact")}
    for number, page in enumerate(pages):
        n = len(page.places)
        for look in looks if page.given else looks[:1]:
            sees, reads = query_rows(page, look)
            for name, values in (("window", np.full(n, number)), ("reads", reads), ("at", page.places - 1),
                                 ("sees", sees), ("target", page.tokens[page.places]),
                                 ("weight", np.full(n, n ** -0.5, np.float32)), ("exact", np.full(n, not page.free))):
                rows[name].append(values)
    ranks = torch.from_numpy(np.stack([page.ranks for page in pages]))
    return Batch(torch.from_numpy(np.stack([page.tokens for page in pages])), content_sees(ranks, mode),
                 **{name: torch.from_numpy(np.concatenate(values)) for name, values in rows.items()})


def evaluate(network, batch, empty):
    """Logits [N, vocabulary] of the query rows; <empty> is removed where blanks have their exact length."""
    layers = network.layers()
    logits = network.query(layers, network.content(layers, batch.tokens, batch.content_sees), batch)
    rows = batch.exact.nonzero().flatten()
    return logits.index_put((rows, torch.full_like(rows, empty)), logits.new_tensor(-1e4))
