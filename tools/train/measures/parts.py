"""What is measured.  A part makes items of a few numbers each, for pages of ascending numbers; the tables are made from
the items of all pages."""
import dataclasses
import re

import numpy as np

import engine

TARGET = {"1": 0.06, "4": 0.06, "12": 0.03, "sentence": 0.03}       # standard errors, nats per token
LENGTHS = list(range(1, 13))
DRAFTS = 16
SEEDS = 1 << 20               # more than there are pages: distance of the seeds of another attempt


@dataclasses.dataclass
class Network:
    """What fills: a model and its adapter (or None); and what continues, given only what is on the left."""
    name: str
    model: list                 # arguments of the command
    base: list
    scored: list                # options of `score`

    def hashes(self):
        paths = {value for value in self.model + self.base if not value.startswith("-")}
        return {path: engine.sha256(path) for path in sorted(paths)}


def line(page, order=None):
    made = {"page": page.blank(), "fills": [page.ids]}
    return made if order is None else {**made, "order": [[0, int(i)] for i in order]}


def left_line(before, ids_or_text, n):
    return {"page": f"{before}[[{n}]]", "fills": [ids_or_text]}


# ---- nats of true words

class Nats:
    """Nats per token of what stood in a blank: from its left, in random order, and by the base."""
    items_a_time = 24

    def __init__(self, network, text_name, text, size, kind, quick):
        self.network, self.text, self.size, self.kind, self.quick = network, text, size, str(kind), quick
        self.key = f"nats/{network.name}/{text_name}/{size}/{kind}"

    def run(self, command, numbers):
        pages = self.text.windows(numbers, self.size - 1, self.kind)
        how, lines = self.network.scored, []
        for page in pages:      # lines of the same page, one after the other, share what is computed of the given text
            n = len(page.ids)
            lines += [line(page, range(n)), line(page, np.random.default_rng([8, n, sum(page.ids)]).permutation(n))]
        both = command.score(self.network.model, lines, *how)
        left = command.score_left(self.network.base, [left_line(p.before, p.ids, len(p.ids)) for p in pages], *how)
        return [[len(p.ids), a, random, b] for p, a, random, b in zip(pages, both[::2], both[1::2], left)]

    def figures(self, items):
        n, ours, random, left = np.array(items).T
        per = lambda x: float(x.sum() / n.sum())
        error = lambda x: float(np.std(x - n * per(x), ddof=1) / n.mean() / len(n) ** 0.5)
        return {"windows": len(items), "ascending": per(ours), "random": per(random), "left": per(left),
                "below": per(left - ours), "error": error(left - ours), "random_below": per(left - random),
                "random_error": error(left - random)}

    def done(self, items):
        least = 100 if self.quick else 500
        return len(items) >= least and (self.quick or self.figures(items)["error"] <= TARGET[self.kind])


# ---- single words

class Words:
    """Single words hidden, their number of tokens given, filled greedily."""
    items_a_time = 50

    def __init__(self, network, text_name, text, quick):
        self.network, self.text, self.count = network, text, 300 if quick else 1000
        self.key = f"words/{network.name}/{text_name}"

    def run(self, command, numbers):
        pages = self.text.words(numbers)
        fills = command.fill(self.network.model, [p.blank() for p in pages], 1, "--temperature", 0)
        return [[len(p.ids), int(f["text"] == p.before + p.hidden + p.after)] for p, f in zip(pages, fills)]

    def figures(self, items):
        n, right = np.array(items).T
        share = float(right.mean())
        return {"words": len(items), "right": share, "error": float((share * (1 - share) / len(items)) ** 0.5),
                "single": float((n == 1).mean())}

    def done(self, items):
        return len(items) >= self.count


# ---- lengths

class Lengths:
    """Spans of 1 to 12 tokens filled as [[?]] with the default options: the lengths chosen."""
    items_a_time = 48

    def __init__(self, network, text_name, text, quick):
        self.network, self.text, self.count = network, text, 192 if quick else 960
        self.key = f"lengths/{network.name}/{text_name}"

    def run(self, command, numbers):
        pages = self.text.spans(numbers, LENGTHS)
        fills = command.fill(self.network.model, [p.blank("?") for p in pages], 1 + numbers[0])
        return [[len(p.ids), len(engine.filled(f))] for p, f in zip(pages, fills)]

    def figures(self, items):
        true, chosen = np.array(items).T
        return {"spans": len(items), "correlation": float(np.corrcoef(true, chosen)[0, 1]), "true": float(true.mean()),
                "chosen": float(chosen.mean()), "within_2": float((abs(true - chosen) <= 2).mean()),
                "error": float((1 - np.corrcoef(true, chosen)[0, 1] ** 2) / len(items) ** 0.5)}

    def done(self, items):
        return len(items) >= self.count


# ---- fills judged

def repeats(before, fill, after):
    """Whether a fill says a word twice in a row, or three words in a row that the page has."""
    words = lambda text: re.findall(r"[\w']+", text.lower())
    f, page = words(fill), words(before) + ["|"] + words(after)
    whole = (words(before)[-1:] + f + words(after)[:1])
    threes = {tuple(page[i:i + 3]) for i in range(len(page) - 2)}
    return int(any(a == b for a, b in zip(whole, whole[1:])) or any(tuple(f[i:i + 3]) in threes for i in range(len(f) - 2)))


class Judged:
    """Fills judged by a causal model: nats of the filled page beyond those of the true page; and the best of the base's
    own continuations, chosen by what follows."""
    items_a_time = 8

    def __init__(self, network, text_name, text, n, judge, quick):
        self.network, self.text, self.n, self.judge, self.count = network, text, n, judge, 24 if quick else 200
        self.key = f"judged/{network.name}/{text_name}/{n}"

    def run(self, command, numbers):
        pages = self.text.spans(numbers, [self.n])
        fills = command.fill(self.network.model, [p.blank() for p in pages], 1 + numbers[0])
        ours = [f["text"][len(p.before):len(f["text"]) - len(p.after)] for f, p in zip(fills, pages)]
        found = [(p, x, self.best_continuation(command, p, 1 + numbers[0] + i)) for i, (p, x) in enumerate(zip(pages, ours))]
        found = [some for some in found if some[2] is not None]
        nats = self.judge.nats(command, [p.before + x + p.after for p, *fills in found for x in (p.hidden, *fills)])
        return [[nats[3 * i + 1] - nats[3 * i], nats[3 * i + 2] - nats[3 * i], repeats(p.before, ours, p.after),
                 repeats(p.before, best, p.after)] for i, (p, ours, best) in enumerate(found)]

    def best_continuation(self, command, page, seed):
        texts = self.continuations(command, page, seed)
        return texts[int(np.argmin(self.judge.nats_after(command, self.network, page, texts)))] if texts else None

    def continuations(self, command, page, seed):
        """Texts of n tokens by the base that begin a word, as what is drawn in the blank does.  If all are others, they
        are drawn again; [] if that does not help either."""
        for attempt in range(4):
            drafts = engine.run(command.path, "generate", "-m", self.network.base[1], "--prompt", page.before.rstrip(" "),
                                "--max-tokens", self.n, "--drafts", DRAFTS, "--seed", seed + attempt * SEEDS,
                                "--temperature", 0.6)
            texts = [d["continuation"][1:] for d in drafts
                     if d["continuation"].startswith(" ") and d["generated_tokens"] == self.n]
            if texts:
                return texts
        return []

    def figures(self, items):
        ours, best, again, base_again = np.array(items, float).T
        error = lambda x: float(x.std(ddof=1) / len(x) ** 0.5)
        return {"pages": len(items), "ours": float(ours.mean()), "ours_error": error(ours), "best": float(best.mean()),
                "best_error": error(best), "repeats": float(again.mean()), "best_repeats": float(base_again.mean())}

    def done(self, items):
        return len(items) >= self.count


class Judge:
    def __init__(self, base, tokenizer, own):
        self.base, self.tokenizer = base, tokenizer
        self.own = own          # the tokenizer of the network whose continuations are ranked

    def nats(self, command, texts):
        ids = self.tokenizer.many(texts)
        return command.score_left(self.base, [left_line("", i, len(i)) for i in ids])

    def nats_after(self, command, network, page, texts):
        """Nats of what follows the blank, behind each of the texts."""
        after, = self.own.many([page.after]) or [[]]
        if not after:
            return [0.0] * len(texts)
        escaped = [(page.before + text).replace("\\", " ").replace("[[", "[ [") for text in texts]
        return command.score_left(network.base, [left_line(before, after, len(after)) for before in escaped],
                                  *network.scored)
