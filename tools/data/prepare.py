#!/usr/bin/env python3
"""Turns a folder of plain text into a vocabulary and token arrays for tools/train.

usage: prepare.py TEXT_DIR OUT_DIR [--vocab-size 4096] [--weights NAME=W,...] [--vocab FILE] [--expect FILE]

TEXT_DIR holds NAME.train.txt and NAME.valid.txt, plain or .xz: one paragraph a line, documents
separated by a line `<|endoftext|>`.  A folder that holds only other *.txt files works too: each
file is one source, its last twentieth (by document, or by paragraph if it is one document) is
held out as validation.

OUT_DIR receives
  vocab.model        SentencePiece BPE: byte fallback, control pieces <mask> and <empty>, "\\n" a piece
  NAME.SPLIT.npz     tokens and boundaries, see `encode_source`
  sources.json       sizes, weights, sha256 of every input, of the vocabulary and of the tokens: what a model card needs

The same text, weights and size give the same sources.json.  --expect compares it with one that is kept
(tools/data/tales.json is that of the shipped models) and names what differs.
"""
import argparse
import hashlib
import io
import json
import lzma
import pathlib

import numpy as np
import sentencepiece

SEPARATOR = "<|endoftext|>"
BOS, EOS, MASK, EMPTY = 1, 2, 3, 4      # 0 is <unk>; bytes follow


def read_documents(path):
    raw = path.read_bytes()
    text = (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode("utf-8").replace("\r\n", "\n")
    parts = text.split(SEPARATOR + "\n") if SEPARATOR in text else [text]
    documents = [part.removesuffix("\n") for part in parts]
    return [d for d in documents if d.strip()], hashlib.sha256(raw).hexdigest()


def find_sources(folder):
    """{name: {"train": [documents], "valid": [documents], "sha256": {...}}}"""
    sources = {}
    for path in sorted(folder.iterdir()):
        stem = path.name.removesuffix(".xz")
        if not stem.endswith(".txt"):
            continue
        stem = stem.removesuffix(".txt")
        name, _, split = stem.rpartition(".")
        documents, digest = read_documents(path)
        if split in ("train", "valid") and name:
            source = sources.setdefault(name, {"sha256": {}})
            source[split] = documents
        else:
            source = sources.setdefault(stem, {"sha256": {}})
            source["train"], source["valid"] = hold_out(documents)
            split = "text"
        source["sha256"][split] = digest
    for name, source in sources.items():
        if "train" not in source or "valid" not in source:
            raise SystemExit(f"{name}: needs both {name}.train.txt and {name}.valid.txt")
    if not sources:
        raise SystemExit(f"no .txt or .txt.xz files in {folder}")
    return sources


def hold_out(documents):
    if len(documents) == 1:             # one long text: cut it into pieces of about 100 paragraphs
        lines = documents[0].split("\n")
        documents = ["\n".join(lines[i:i + 100]) for i in range(0, len(lines), 100)]
    documents = [d for d in documents if d.strip()]
    held = max(1, len(documents) // 20)
    if held >= len(documents):
        raise SystemExit("not enough text: at least two documents or 200 paragraphs are needed")
    return documents[:-held], documents[-held:]


def learn_vocabulary(sources, weights, size, out):
    """Whole documents with their line breaks, repeated by the training weight of their source."""
    def documents():
        for name, source in sources.items():
            for _ in range(max(1, round(weights[name]))):
                yield from source["train"]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=documents(), model_writer=model, model_type="bpe", vocab_size=size,
        byte_fallback=True, character_coverage=0.99995, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=True, user_defined_symbols=["\n"],
        control_symbols=["<mask>", "<empty>"], unk_id=0, bos_id=BOS, eos_id=EOS, pad_id=-1,
        max_sentence_length=1 << 20, num_threads=2, minloglevel=1)
    out.write_bytes(model.getvalue())


def load_vocabulary(path, dummy_prefix=True):
    """A SentencePiece processor; dummy_prefix=False encodes text that continues a line."""
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(pathlib.Path(path).read_bytes())
    proto.normalizer_spec.add_dummy_prefix = dummy_prefix
    return sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())


def encode_source(documents, vocab):
    """Arrays of one split:
      tokens     uint16 [n]     all documents, one after the other, without BOS or EOS
      bytes      int64          what a bits-per-byte figure divides by (line breaks included)
      documents  int64 [d + 1]  where each document starts; the last entry is n
      starts     int64 [p]      where each paragraph starts that does not start a document
      head_from, head_to        int64 [p], tokens [head_from, head_to) of `heads` replace the first
      heads, head_skip          head_skip tokens when a page begins at that paragraph: there the
                                first word carries the space mark (the dummy prefix)
    """
    newline = vocab.piece_to_id("\n")
    space = np.array([vocab.id_to_piece(i).startswith("\u2581") for i in range(vocab.get_piece_size())])
    tokens, bounds = [], [0]
    for ids in vocab.encode(documents, num_threads=2):
        tokens.append(np.asarray(ids, np.uint16))
        bounds.append(bounds[-1] + len(ids))
    tokens = np.concatenate(tokens)
    starts = np.flatnonzero(tokens == newline) + 1
    starts = starts[(starts < len(tokens)) & ~np.isin(starts, bounds)]
    heads, head_from, skips = [], [0], []
    for at in starts.tolist():
        end = at + 1
        while end < len(tokens) and not space[tokens[end]] and tokens[end] != newline:
            end += 1
        head = vocab.encode(vocab.decode(tokens[at:end].tolist())) if tokens[at] != newline else [newline]
        skips.append(end - at if tokens[at] != newline else 1)
        heads.extend(head)
        head_from.append(len(heads))
    head_from = np.asarray(head_from, np.int64)
    return dict(tokens=tokens, documents=np.asarray(bounds, np.int64),
                bytes=np.int64(sum(len(d.encode()) for d in documents)),
                starts=starts.astype(np.int64), heads=np.asarray(heads, np.uint16),
                head_from=head_from[:-1], head_to=head_from[1:], head_skip=np.asarray(skips, np.int64))


def parse_weights(text, names):
    weights = dict.fromkeys(names, 1.0)
    for item in filter(None, text.split(",")):
        name, _, value = item.partition("=")
        if name not in weights:
            raise SystemExit(f"--weights: no source named {name}; there are {', '.join(names)}")
        weights[name] = float(value)
    return weights


def differences(expected, found, where=""):
    """Paths of the values that differ between two reports."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [path for key in {**expected, **found}
                for path in differences(expected.get(key), found.get(key), f"{where}.{key}".removeprefix("."))]
    return [] if expected == found else [f"{where}: {found}, expected {expected}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--weights", default="", help="repetitions of each source, e.g. tinystories=3,classic=1")
    parser.add_argument("--vocab", type=pathlib.Path, help="use this vocabulary instead of learning one")
    parser.add_argument("--expect", type=pathlib.Path, help="a sources.json that the result must equal")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    sources = find_sources(args.text)
    weights = parse_weights(args.weights, list(sources))
    model = args.out / "vocab.model"
    if args.vocab:
        model.write_bytes(args.vocab.read_bytes())
    else:
        learn_vocabulary(sources, weights, args.vocab_size, model)
    vocab = load_vocabulary(model)
    report = {"vocab_size": vocab.get_piece_size(),
              "vocab_sha256": hashlib.sha256(model.read_bytes()).hexdigest(), "sources": {}}
    for name, source in sources.items():
        row = {"weight": weights[name], "sha256": source["sha256"]}
        for split in ("train", "valid"):
            arrays = encode_source(source[split], vocab)
            np.savez(args.out / f"{name}.{split}.npz", **arrays)
            row[split] = {"documents": len(source[split]), "bytes": int(arrays["bytes"]),
                          "tokens": len(arrays["tokens"]),
                          "tokens_sha256": hashlib.sha256(arrays["tokens"].astype("<u2").tobytes()).hexdigest()}
            print(f"{name}.{split}: {row[split]}, {row[split]['bytes'] / row[split]['tokens']:.3f} bytes per token")
        report["sources"][name] = row
    (args.out / "sources.json").write_text(json.dumps(report, indent=1) + "\n")
    if args.expect:
        wrong = differences(json.loads(args.expect.read_text()), report)
        raise SystemExit("\n".join(["differences from the expected result:", *wrong]) if wrong else 0)


if __name__ == "__main__":
    main()
