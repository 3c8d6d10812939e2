#!/usr/bin/env python3
"""What windows cost: nats a token of true words in blanks of long pages, in windows and in the page as a whole.

    tools/train/long_texts.py -m BASE.gguf --adapter ADAPTER.gguf --file TEXT [--pages 200] [--lengths 512 256]

Pages of 1,000 to 1,900 tokens from anywhere in the text (.xz too) have six blanks of 1 to 20 true tokens, filled from left
to right; `palimpsest score --fills` computes how likely the true tokens are.  Differences are paired page by page."""
import argparse
import json
import lzma
import pathlib
import random
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BLANKS = (1, 4, 4, 12, 12, 20)
SPACES = ("\u0120", "\u2581")   # how pieces write the space before a word: byte-level, SentencePiece
LINE_BREAKS = ("\u010a", "<0x0A>", "\n")


def run(arguments, text=""):
    done = subprocess.run([str(a) for a in arguments], input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return done.stdout.decode()


def read(path):
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as file:
        text = file.read()
    return text.replace("<|endoftext|>", "").replace("[[", "").replace("\\", "")


def choose_spans(rng, pieces):
    """First token and length of each blank; a blank and the text behind it begin with a space, and no line ends in it
    (a blank with text behind it on its line never has a line break)."""
    breaks = [i for i, piece in enumerate(pieces) if any(mark in piece for mark in LINE_BREAKS)]
    spaces = [i for i, piece in enumerate(pieces) if piece.startswith(SPACES)]
    spans = []
    for length in rng.sample(BLANKS, len(BLANKS)):
        free = [i for i in spaces if i > 0 and i + length in spaces and not any(i <= at < i + length for at in breaks)
                and all(i + length + 8 <= at or at + count + 8 <= i for at, count in spans)]
        spans.append((rng.choice(free), length))
    return sorted(spans)


def make_page(rng, command, model, text):
    """A line for score --fills."""
    size = rng.randrange(1000, 1901)
    start = rng.randrange(len(text) - 12 * size)
    start = text.index(" ", start) + 1
    words = json.loads(run([command, "tokenize", "-m", model, "--json", "-"], text[start:start + 8 * size]))
    ids, pieces = words["ids"][:size], words["pieces"][:size]
    page, fills, order, at = "", [], [], 0
    for first, count in [*choose_spans(rng, pieces), (len(ids), 0)]:
        some = " ".join(map(str, ids[at:first]))
        page += run([command, "detokenize", "-m", model, "--inside", "--ids", some]).removesuffix("\n")
        if not count:
            break
        page += f" [[{count}]]"
        order += [[len(fills), i] for i in range(count)]
        fills.append(ids[first:first + count])
        at = first + count
    return json.dumps({"page": page, "fills": fills, "order": order})


def score(args, lines, window):
    adapter = ["--adapter", args.adapter] if args.adapter else []
    made = run([args.command, "score", "-m", args.model, *adapter, "--fills", "-", "--json", *window], "\n".join(lines))
    return [json.loads(line) for line in made.splitlines()]


def report(name, pages, whole):
    tokens = sum(page["tokens"] for page in pages)
    cost = [page["nats"] - other["nats"] for page, other in zip(pages, whole)]
    mean = sum(cost) / tokens
    rest = [c - mean * page["tokens"] for c, page in zip(cost, pages)]
    error = statistics.pstdev(rest) * len(pages) ** 0.5 / tokens
    seconds = sum(page["seconds"] for page in pages) / len(pages)
    print(f"{name:12} {sum(page['nats'] for page in pages) / tokens:.3f} nats a token, {mean:+.3f} (standard error {error:.3f}), "
          f"{seconds:.1f} s a page", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-m", "--model", required=True)
    p.add_argument("--adapter")
    p.add_argument("--file", type=pathlib.Path, required=True)
    p.add_argument("--pages", type=int, default=200)
    p.add_argument("--lengths", type=int, nargs="+", default=[512])
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--command", default=ROOT / "build/release/palimpsest")
    args = p.parse_args()
    rng, text = random.Random(args.seed), read(args.file)
    lines = [make_page(rng, args.command, args.model, text) for _ in range(args.pages)]
    whole = score(args, lines, ["--window", "off"])
    report("whole page", whole, whole)
    for length in args.lengths:
        report(f"{length} tokens", score(args, lines, ["--window-length", length]), whole)


if __name__ == "__main__":
    main()
