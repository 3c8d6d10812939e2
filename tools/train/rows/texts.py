#!/usr/bin/env python3
"""Texts as arrays of token ids, in which every document begins with the start token.

usage: texts.py BASE.gguf OUT.npy TEXT... [--held-out VALID.npy]

Encodes texts with the byte-level vocabulary of BASE.gguf.  TEXT is plain or .xz; documents are separated by lines
`<|endoftext|>`.  With --held-out every twentieth document goes to that file instead.  Texts for a SentencePiece
vocabulary are encoded by tools/data/prepare.py, whose NAME.train.npz the trainer reads too.
"""
import argparse
import pathlib
import sys

import numpy as np

if not __package__:             # run as a program
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
HELD_OUT = 20


def byte_level(path):
    """The tokenizer of a byte-level vocabulary whose words are split as in SmolLM2."""
    import gguf
    from tokenizers import Tokenizer, models, pre_tokenizers

    fields = gguf.GGUFReader(path).fields
    key = lambda name: fields[name].contents() if name in fields else None
    if (key("tokenizer.ggml.model"), key("tokenizer.ggml.pre")) != ("gpt2", "smollm"):
        raise SystemExit(f"{path}: not a byte-level vocabulary whose tokenizer.ggml.pre is smollm; "
                         "tools/data/prepare.py encodes texts for SentencePiece vocabularies")
    vocabulary = {token: number for number, token in enumerate(key("tokenizer.ggml.tokens"))}
    merges = [tuple(merge.split(" ")) for merge in key("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer


def read_tokens(path, start, vocab):
    """The token ids of a .npy file of this program or of a .npz file of tools/data/prepare.py."""
    path = pathlib.Path(path)
    try:
        stored = np.load(path)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: cannot be read as token ids: {error}") from error
    tokens = stored
    if path.suffix == ".npz":
        bounds = stored["documents"]
        tokens = np.concatenate([np.concatenate([[start], stored["tokens"][a:b]]) for a, b in zip(bounds, bounds[1:])])
    if tokens.ndim != 1 or len(tokens) < 2 or tokens.min() < 0 or tokens.max() >= vocab:
        raise SystemExit(f"{path}: not a list of token ids of this vocabulary")
    return tokens


def read_mixture(items, start, vocab, length):
    """(arrays, shares that add up to 1) of a list FILE=SHARE; the share is 1 if it is missing."""
    texts, shares = [], []
    for item in items:
        path, _, share = item.partition("=")
        texts.append(read_tokens(path, start, vocab))
        if len(texts[-1]) < length:
            raise SystemExit(f"{path}: {len(texts[-1])} tokens, fewer than a window of {length}")
        try:
            shares.append(float(share or 1))
        except ValueError:
            shares.append(-1.0)
        if not 0 < shares[-1] < np.inf:
            raise SystemExit(f"{item}: the share must be a number above 0")
    return texts, np.array(shares) / sum(shares)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("base", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("texts", type=pathlib.Path, nargs="+")
    p.add_argument("--held-out", type=pathlib.Path, help="every twentieth document goes here")
    p.add_argument("--start-token", type=int, default=None, help="default: as train.py chooses it")
    args = p.parse_args()
    sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "data"))
    from prepare import read_documents

    from rows.base import read_base
    start = read_base(args.base, args.start_token).start
    documents = [d.strip() for path in args.texts for d in read_documents(path)[0]]
    tokenizer, parts = byte_level(args.base), {args.out: documents}
    if args.held_out:
        kept = [d for number, d in enumerate(documents) if number % HELD_OUT != HELD_OUT - 1]
        parts = {args.out: kept, args.held_out: documents[HELD_OUT - 1::HELD_OUT]}
    for path, part in parts.items():
        if not part:
            raise SystemExit(f"{path}: no document for it in these texts")
        ids = np.concatenate([np.array([start] + e.ids) for e in tokenizer.encode_batch(part)])
        np.save(path, ids.astype(np.uint16 if ids.max() < 1 << 16 else np.int32))
        print(f"{path}: {len(part):,} documents, {len(ids):,} tokens")


if __name__ == "__main__":
    main()
