"""tools/train/rows/card.py: the card of the smallest network with query rows.  Needs numpy and gguf; without them every
test is skipped."""
import argparse
import json
import pathlib
import sys
import unittest

from cli_testing import AR, COMMAND, CommandTest, MODELS, ROOT, IS_NATIVE
from test_cli_rows import with_keys

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "fuzz"))
from make_gguf_corpus import STRING, U32, U64, key

sys.path.append(str(ROOT / "tools/train"))
try:
    from measures import parts, texts
    from measures.command import Command
    from rows import card
    MISSING = "" if IS_NATIVE else "measuring runs the native command"
except ImportError as error:
    MISSING = f"{error.name} is not installed (tests/requirements.txt)"

DOCUMENTS = ["Once upon a time there was a little dog who lived in a big house with a red door and a green garden.\n"
             "The dog liked to run and play with the children who came to the house every day after the school was over."
             " One day the dog saw a cat. The cat was on the big tree and it did not want to come down to him."] * 4
ARGUMENTS = {"train": "all", "texts": ["stories.train.npz=.75", "books.train.npz=.25"], "rows": "left", "lr": 8e-4,
             "muon_lr": 0.0, "steps": 90, "out": "main"}
SOURCES = {name: {"train": {"bytes": 1000, "tokens": 300}} for name in ("stories", "books")}


@unittest.skipIf(MISSING, MISSING)
class Card(CommandTest):
    def setUp(self):
        self.path = self.folder()
        source = (MODELS / "tiny-ar.gguf").read_bytes()
        self.model, base = self.path / "small.gguf", self.path / "base.gguf"
        self.model.write_bytes(with_keys(source, [
            key("palimpsest.rows", STRING, "left"), key("palimpsest.start_token_id", U32, 1),
            key("palimpsest.empty_token_id", U32, 4), key("palimpsest.training.tokens", U64, 500),
            key("palimpsest.training.arguments", STRING, json.dumps(ARGUMENTS))]))
        base.write_bytes(with_keys(source, [key("palimpsest.training.sources", STRING, json.dumps(SOURCES))]))
        for name in SOURCES:
            (self.path / f"{name}.valid.txt").write_text(f"\n{texts.SEPARATOR}\n".join(DOCUMENTS))
        (self.path / "about.md").write_text("It is very small.\n")
        points = [{"step": step, "seen": 5 * step, "loss": 3.0, "hours": step / 100} for step in (50, 100, 150)]
        (self.path / "log.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
        self.args = argparse.Namespace(
            name="small", masked="masked", model=self.model, base=base, about=self.path / "about.md", run=self.path,
            measures=self.path, texts=self.path, palimpsest=COMMAND[0])

    def measure(self, name, pages=12):
        """Records as measure.py makes them."""
        network = parts.Network(name, ["-m", str(self.model)], ["-m", AR], ["--byte-pieces"])
        text = texts.Text(texts.Tokenizer(COMMAND[0], AR), DOCUMENTS)
        part = parts.Nats(network, "stories", text, 40, "4", True)
        items = part.run(Command(COMMAND[0]), range(pages))
        return {part.key: {"models": network.hashes(), "items": items, "figures": part.figures(items)}}

    def save(self, results):
        (self.path / "quality.json").write_text(json.dumps(results))

    def test_says_what_was_measured_and_trained(self):
        self.save({**self.measure("small"), **self.measure("masked")})
        written = card.card(self.args, card.read_log(self.path, 500))
        for part in ("# small\n\nIt is very small.", "| stories | 0.75 | 1,000 | 300 |", "500 targets (tokens asked for) in 100",
                     "models/base.gguf --train all", "--lr 0.0008", "stories.train.npz=.75 books.train.npz=.25",
                     "![nats per token of held-out blanks against targets](small.curve.png)"):
            self.assertIn(part, written)
        self.assertNotIn("--muon-lr", written)
        self.assertNotIn(str(self.path), written)
        row, = [line for line in written.splitlines() if line.startswith("| stories | 4 tokens |")]
        self.assertEqual(row.count("+0.00 ± 0.00"), 1, f"as good as itself: {row}")
        scores = [line for line in written.splitlines() if line.startswith(("| stories |", "| books |"))][-2:]
        for line in scores:
            ours, base = line.split(" | ")[1:3]
            self.assertEqual(ours, base, "the same weights")
        self.assertEqual(written.count("\n1. "), len(card.PAGES) + len(card.PROMPTS) + len(card.examples.PAGES))

    def test_all_windows_count_if_the_masked_model_has_fewer(self):
        """Regression: the windows that only one model was measured on were left out of every column."""
        results = {**self.measure("small"), **self.measure("masked", 6)}
        few, many = (len(results[f"nats/{name}/stories/40/4"]["items"]) for name in ("masked", "small"))
        self.assertLess(few, many)
        row, = [line for line in card.beside(results, self.args).splitlines() if line.startswith("| stories |")]
        cells = row.strip("| ").split(" | ")
        self.assertEqual([cells[2], cells[6], cells[8]], [str(many), str(few), "+0.00 ± 0.00"])
        alone = card.beside(self.measure("small"), self.args).splitlines()[-1]
        self.assertEqual(alone.split(" | ")[:6], row.split(" | ")[:6])

    def test_refuses_what_belongs_to_another_file(self):
        log = card.read_log(self.path, 500)
        self.save({})
        with self.assertRaisesRegex(SystemExit, "has nothing of small"):
            card.card(self.args, log)
        results = self.measure("small")
        record, = results.values()
        record["models"] = {"small.gguf": "0" * 64}
        self.save(results)
        with self.assertRaisesRegex(SystemExit, "another model file"):
            card.card(self.args, log)
        with self.assertRaisesRegex(SystemExit, "no point at 501 targets"):
            card.read_log(self.path, 501)

    def test_refuses_a_masked_model_of_other_windows(self):
        masked = self.measure("masked")
        record, = masked.values()
        record["items"][0][3] += 1
        self.save({**self.measure("small"), **masked})
        with self.assertRaisesRegex(SystemExit, "other windows"):
            card.card(self.args, card.read_log(self.path, 500))


if __name__ == "__main__":
    unittest.main()
