"""The command, with many lines in one process.  What the bases say is kept for the next model that is measured."""
import hashlib
import json
import tempfile

import engine


def digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


class Command:
    """`kept` is a file of JSON lines, a digest and nats each; None keeps nothing."""

    def __init__(self, path, kept=None):
        self.path, self.kept, self.left, self.hashes = path, kept, {}, {}
        if kept and kept.exists():
            self.left = dict(json.loads(line) for line in kept.read_text().splitlines())

    def score(self, model, lines, *options):
        """-ln of the probability of each line's fills."""
        if not lines:
            return []
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
            file.flush()
            return [out["nats"] for out in engine.run(self.path, "score", *model, "--borders", "off", "--fills", file.name,
                                                      *options)]

    def score_left(self, base, lines, *options):
        """The same, each token given only what is on its left.  Of an adapter only the start token matters here, which
        is the same in all adapters of a base, so the figures of one serve the next."""
        model = self.hashes.setdefault(base[1], engine.sha256(base[1]))
        keys = [digest([model, "--adapter" in base, options, line]) for line in lines]
        new = {key: line for key, line in zip(keys, lines) if key not in self.left}
        found = dict(zip(new, self.score(base, list(new.values()), "--left-only", *options)))
        self.left.update(found)
        if self.kept and found:
            self.kept.parent.mkdir(parents=True, exist_ok=True)
            with open(self.kept, "a") as file:
                file.write("".join(json.dumps(pair) + "\n" for pair in found.items()))
        return [self.left[key] for key in keys]

    def fill(self, model, pages, seed, *options):
        return engine.fill(self.path, model[1], pages, seed, *model[2:], *options)
