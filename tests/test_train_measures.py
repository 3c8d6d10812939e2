"""tools/train/measures: what is measured, by the command, of the smallest models.  Needs numpy; without it every test is
skipped."""
import argparse
import pathlib
import random
import sys
import unittest

from cli_testing import AR, COMMAND, CommandTest, INFILL, MODELS, ROOT, IS_NATIVE
from test_cli_rows import with_keys

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "fuzz"))
from make_gguf_corpus import STRING, U32, key

sys.path.append(str(ROOT / "tools/train"))
try:
    import numpy as np

    import long_texts
    import parallel_loss
    from measures import parts, texts
    from measures.command import Command
    MISSING = "" if IS_NATIVE else "measuring runs the native command"
except ImportError as error:
    MISSING = f"{error.name} is not installed (tests/requirements.txt)"

DOCUMENTS = ["Once upon a time there was a little dog who lived in a big house with a red door and a green garden.\n"
             "The dog liked to run and play with the children who came to the house every day after the school was over."
             " One day the dog saw a cat. The cat was on the big tree and it did not want to come down to him."] * 4


@unittest.skipIf(MISSING, MISSING)
class Measures(CommandTest):
    def setUp(self):
        self.rows = self.folder() / "rows.gguf"
        self.rows.write_bytes(with_keys((MODELS / "tiny-ar.gguf").read_bytes(),
                                        [key("palimpsest.rows", STRING, "left"), key("palimpsest.start_token_id", U32, 1),
                                         key("palimpsest.empty_token_id", U32, 4)]))
        self.network = parts.Network("tales", ["-m", str(self.rows)], ["-m", AR], ["--byte-pieces"])
        self.command = Command(COMMAND[0])
        self.tokenizer = texts.Tokenizer(COMMAND[0], AR)
        self.text = texts.Text(self.tokenizer, DOCUMENTS)

    def judged(self):
        return parts.Judged(self.network, "t", self.text, 4, parts.Judge(["-m", AR], self.tokenizer, self.tokenizer), True)

    def test_continuations_are_what_follows_and_begin_a_word(self):
        """Regression: they were the prompt with its continuation, so that the page had its beginning twice."""
        page, = self.text.spans([1], [4])
        found = self.judged().continuations(self.command, page, 1)
        self.assertGreater(len(found), 1)
        for text in found:
            self.assertNotIn(page.before.strip(), text)
            self.assertLessEqual(len(text), 4 * 16)
        best = self.judged().best_continuation(self.command, page, 1)
        self.assertIn(best, found)
        nats = self.judged().judge.nats_after(self.command, self.network, page, found)
        self.assertEqual(min(nats), nats[found.index(best)])

    def test_a_network_with_rows_of_its_own_is_measured_beside_its_base(self):
        items = parts.Nats(self.network, "t", self.text, 64, 4, True).run(self.command, range(6))
        self.assertGreater(len(items), 1)
        for n, ascending, random, left in items:
            self.assertEqual(n, 4)
            self.assertTrue(all(0 < nats < 100 for nats in (ascending, random, left)))
        for part in (parts.Words(self.network, "t", self.text, True), parts.Lengths(self.network, "t", self.text, True)):
            self.assertEqual(len(part.run(self.command, [1, 2])), 2)

    def test_figures_of_a_base_are_kept_for_the_next_run(self):
        kept = self.folder() / "left.jsonl"
        lines = [parts.left_line("the dog", [300 + i], 1) for i in (1, 2, 1)]
        first = Command(COMMAND[0], kept).score_left(["-m", AR], lines)
        self.assertEqual(first[0], first[2])
        self.assertEqual(len(kept.read_text().splitlines()), 2)
        again = Command("no-such-command", kept)
        self.assertEqual(again.score_left(["-m", AR], lines), first)
        with self.assertRaises(FileNotFoundError):
            again.score_left(["-m", AR], [parts.left_line("a", [300], 1)])

    def test_blanks_of_long_pages_have_no_line_breaks(self):
        """Regression: such blanks cannot be drawn, so that the whole measurement was refused."""
        rng = random.Random(3)
        pieces = rng.choices(["\u0120the", "s", "\u010a"], [30, 6, 1], k=1200)
        for _ in range(20):
            for first, length in long_texts.choose_spans(rng, pieces):
                self.assertNotIn("\u010a", pieces[first:first + length])

    def test_the_loss_of_parallel_is_a_divergence(self):
        """Regression: the mean of ln q - ln p over few fills was below zero."""
        rng = np.random.default_rng(2)
        q, p = rng.dirichlet(np.ones(9), 2)
        each = [parallel_loss.divergence(ratio) for ratio in np.log(q / p)]
        self.assertTrue(all(loss >= 0 for loss in each))
        self.assertAlmostEqual(float(q @ each), float(q @ np.log(q / p)))
        a = argparse.Namespace(palimpsest=COMMAND[0])
        pages = ["the [[3]] dog and the [[4]] cat"] * 4
        alone = parallel_loss.row(a, ["-m", INFILL], pages, ["--distance", 100])
        self.assertAlmostEqual(alone["loss"], 0, delta=1e-8)
        together = parallel_loss.row(a, ["-m", INFILL], pages, ["--distance", 1])
        self.assertEqual((alone["evaluations"], together["evaluations"]), (7, 1))
        self.assertGreater(together["loss"], alone["loss"])


if __name__ == "__main__":
    unittest.main()
