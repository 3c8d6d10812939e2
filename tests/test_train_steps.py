"""tools/train/sedd: quality against the number of steps, bits per byte side by side, and what the noise level changes.

Needs packages of tests/requirements.txt; without them every test is skipped.  needs_torch marks those that compute with
PyTorch."""
import argparse
import contextlib
import io
import json
import math
import unittest

from cli_testing import AR, COMMAND, CommandTest, INFILL, IS_NATIVE, ROOT
from torch_testing import needs_torch, needs_training, torch
from training_testing import MISSING, Prepared

if not MISSING:
    import numpy as np

    import held_out
    from sedd import distance, steps, table
if torch and not MISSING:
    from sedd import levels, network, noise

ABSORB, UNIFORM = (str(ROOT / f"tests/golden/arch/{name}.gguf") for name in ("sedd", "sedd-uniform"))
NATIVE = MISSING or ("" if IS_NATIVE else "measuring runs the native command")


@unittest.skipIf(MISSING, MISSING)
class Distance(unittest.TestCase):
    """Vectors drawn from five points, so that the true distance is a finite sum."""

    def setUp(self):
        self.rng = np.random.default_rng(1)
        self.points = self.rng.normal(size=(5, 3))
        self.p, self.q = np.array([0.4, 0.3, 0.1, 0.1, 0.1]), np.array([0.1, 0.3, 0.2, 0.1, 0.3])

    def draw(self, p, count):
        return self.points[self.rng.choice(5, count, p=p)]

    def test_mean_of_estimates_is_the_distance_and_the_error_is_their_deviation(self):
        for other in self.p, self.q:
            true = (self.p - other) @ distance.kernel(self.points, self.points) @ (self.p - other)
            found = np.array([distance.distance(self.draw(self.p, 12), self.draw(other, 20)) for _ in range(3000)])
            values, errors = found.T
            self.assertLess(abs(values.mean() - true), 4 * values.std() / len(values) ** 0.5)
            if other is self.q:     # at equal distributions the distance is degenerate, and the jackknife's error too large
                self.assertLess(abs(errors.mean() / values.std() - 1), 0.15)
        self.assertGreater(true, 0.1)

    def test_left_out_sums_are_those_of_smaller_sets(self):
        x, y = self.draw(self.p, 6), self.draw(self.q, 7)
        value, error = distance.distance(x, y)
        without = lambda v, i: np.delete(v, i, 0)
        variance = 0.0
        for of, n in (lambda i: (without(x, i), y), 6), (lambda i: (x, without(y, i)), 7):
            left = np.array([distance.distance(*of(i))[0] for i in range(n)])
            variance += (n - 1) / n * ((left - left.mean()) ** 2).sum()
        self.assertAlmostEqual(error, variance ** 0.5, places=9)
        self.assertNotEqual(value, 0.0)


@unittest.skipIf(MISSING, MISSING)
class Figures(unittest.TestCase):
    def test_entropy_is_of_the_tokens_of_a_sample(self):
        self.assertAlmostEqual(steps.entropy([5, 6, 7, 8]), math.log(4))
        self.assertAlmostEqual(steps.entropy([5, 5, 5, 9]), -0.75 * math.log(0.75) - 0.25 * math.log(0.25))
        self.assertEqual(steps.entropy([3] * 10), 0)

    def test_error_of_a_ratio_is_its_deviation(self):
        rng, found = np.random.default_rng(2), []
        for _ in range(2000):
            tokens = rng.integers(50, 150, 40)
            found.append(steps.ratio(np.stack([tokens * (3 + rng.normal(size=40)), tokens], 1)))
        values, errors = np.array(found).T
        self.assertLess(abs(values.mean() - 3), 0.02)
        self.assertLess(abs(errors.mean() / values.std() - 1), 0.1)

    def test_slope_of_a_power_is_its_exponent(self):
        rows = [{"curve": "a", "steps": k, "evaluations": k, "ar": {"perplexity": 90 * k ** -0.4, "error": 1.0}}
                for k in (4, 8, 16, 32)]
        slope, error = steps.slopes(rows)["a"]
        self.assertAlmostEqual(slope, -0.4)
        self.assertTrue(0 < error < 0.1)
        self.assertEqual(steps.slopes(rows[:2]), {})

    def test_curves_that_are_not_are_named(self):
        self.assertEqual(steps.read_curve("a=b.gguf:euler:released"), steps.Curve("a", "b.gguf", "euler", True))
        for wrong in ("a", "a=b.gguf", "=b.gguf:euler", "a=b.gguf:", "a=b.gguf:euler:fast", "a/b=c:euler",
                      "held-out text=a:euler"):
            with self.assertRaisesRegex(argparse.ArgumentTypeError, "^" + wrong):
                steps.read_curve(wrong)

    def test_documents_are_whole(self):
        text = "first\n<|endoftext|>\nsecond one\n<|endoftext|>\nthird"
        self.assertEqual(table.documents(text, 6), "first\n")
        self.assertEqual(table.documents(text, 7), "first\n<|endoftext|>\nsecond one\n")
        self.assertEqual(table.documents(text, 0), text)


@unittest.skipIf(NATIVE, NATIVE)
class Measured(Prepared, CommandTest):
    def test_windows_are_held_out_text_within_documents(self):
        valid = self.corpus.valid["docs"]
        for ids in held_out.windows(self.corpus, 10, 30, 1):
            self.assertEqual(len(ids), 10)
            self.assertTrue(any(valid["tokens"][at:at + 10].tolist() == ids and
                                not any(at < bound < at + 10 for bound in valid["documents"])
                                for at in range(len(valid["tokens"]) - 9)))
        with self.assertRaisesRegex(SystemExit, "no held-out document has 1000000"):
            held_out.windows(self.corpus, 1000000, 1, 1)

    @needs_torch
    def test_hidden_rows_give_the_probabilities_of_the_command(self):
        text = "Once upon a time there was a little dog who liked to run."
        ids = self.objects("tokenize", "-m", AR, "--text", text)[0]["ids"]
        score, = self.objects("score", "-m", AR, "--text", text)
        hidden = steps.Hidden(AR, COMMAND[0])
        rows = hidden.rows(ids)
        self.assertEqual(rows.shape, (len(ids), hidden.network.shape.dim))
        with torch.no_grad():
            logits = hidden.network.logits(torch.cat([hidden.network(torch.tensor([hidden.start]), [1], True),
                                                      torch.from_numpy(rows[:-1])]))
            nats = torch.nn.functional.cross_entropy(logits, torch.tensor(ids), reduction="sum").item()
        expected = score["nats_per_token"] * score["tokens"]
        self.assertEqual(score["tokens"], len(ids))
        self.assertLess(abs(nats / expected - 1), 0.01)         # the engine quantises activations
        mean, = hidden.means([text])
        self.assertEqual(mean.shape, rows.shape[1:])

    def arguments(self, out, *more, command=COMMAND[0]):
        return ["--out", str(out), "--data", str(self.path / "data"), "--palimpsest", command, "--ar", AR, "--smollm2", AR,
                "--samples", "3", "--tokens", "6", "--held-out", "6", "--steps", "2,4,8", *more]

    @staticmethod
    def quietly(work, arguments):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            work(arguments)
        return said.getvalue()

    @needs_training
    def test_a_run_measures_every_cell_once(self):
        out = self.folder()
        curves = [word for curve in (f"absorb={ABSORB}:euler", f"released={ABSORB}:tweedie:released",
                                     f"hitting={ABSORB}:first-hitting", f"uniform={UNIFORM}:tweedie",
                                     f"masked={INFILL}:ancestral", f"causal={AR}:generate") for word in ("--curve", curve)]
        said = self.quietly(steps.main, self.arguments(out, *curves))
        record = json.loads((out / "steps.json").read_text())
        names = [(row["curve"], row["steps"]) for row in record["cells"]]
        self.assertEqual(len(names), 1 + 4 * 3 + 2)
        self.assertEqual(names[:4], [("held-out text", None), ("hitting", None), ("causal", None), ("absorb", 2)])
        for row in record["cells"]:
            self.assertTrue(all(math.isfinite(row[judge][key]) and row[judge][key] > 0 for judge in steps.JUDGES
                                for key in ("perplexity", "error", "bits_per_byte")), row)
            self.assertTrue(row["entropy"]["value"] > 0 and math.isfinite(row["distance"]["value"]))
        by_name = {(row["curve"], row["steps"]): row for row in record["cells"]}
        self.assertEqual(by_name["uniform", 4]["evaluations"], 5)       # and the closing step
        self.assertEqual(by_name["hitting", None]["evaluations"], 6)
        self.assertEqual(set(record["slopes"]), {"absorb", "released", "uniform", "masked"})
        self.assertIn("| uniform | 4 | 5 |", said)
        self.assertGreater((out / "steps.png").stat().st_size, 10000)
        # Everything is kept: neither the command nor a judge is needed again, but for a cell of another model.
        again = self.quietly(steps.main, self.arguments(out, *curves, command="no-such-command"))
        self.assertEqual(again[again.index("|"):], said[said.index("|"):])
        other = [word.replace(f"uniform={UNIFORM}", f"uniform={ABSORB}") for word in curves]
        with self.assertRaises(FileNotFoundError):
            self.quietly(steps.main, self.arguments(out, *other, command="no-such-command"))

    def test_bits_per_byte_are_said_to_be_exact_or_a_bound(self):
        out, text = self.folder(), self.folder()
        (text / "docs.valid.txt").write_text("The cat and the dog went to the sea.\n<|endoftext|>\nMore of it.")
        arguments = [f"ar={AR}", f"masked={INFILL}", f"absorb={ABSORB}", f"uniform={UNIFORM}", "--out", str(out), "--text",
                     str(text), "--sources", "docs", "--standard-error", "3"]
        said = self.quietly(table.main, [*arguments, "--palimpsest", COMMAND[0]])
        rows = [[part.strip() for part in line.split("|")[1:-1]] for line in said.splitlines() if line.startswith("|")][2:]
        self.assertEqual([row[0] for row in rows], ["ar", "masked", "absorb", "uniform"])
        self.assertEqual([row[2] for row in rows], ["exact"] + ["an upper bound, estimated"] * 3)
        self.assertTrue(rows[0][1].replace(".", "").isdigit() and all(row[1].startswith("≤ ") for row in rows[1:]))
        score, = self.objects("score", "-m", AR, "--text", "The cat and the dog went to the sea.\n<|endoftext|>\nMore of it.")
        self.assertEqual(rows[0][1], f"{score['bits_per_byte']:.3f}")
        again = self.quietly(table.main, [*arguments, "--palimpsest", "no-such-command"])
        self.assertIn(again, said)


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Levels(unittest.TestCase):
    SHARES = [0.2, 0.8]

    def measured(self, reset):
        shape = network.Shape(vocab=20, dim=16, layers=2, heads=2, hidden=24, context=16, condition=6)
        net, generator = network.Network(shape), torch.Generator().manual_seed(5)
        reset(net, generator)
        tokens = torch.randint(5, 20, (6, 12), generator=generator)
        return net.eval(), tokens, levels.measure(net.eval(), noise.LogLinear(), tokens, self.SHARES)

    def test_a_network_without_opinion_has_equal_probabilities_that_sum_to_one(self):
        _, _, found = self.measured(lambda net, generator: net.reset(generator))
        for nats, variation, total in found.values():
            self.assertAlmostEqual(nats, math.log(19), places=6)
            self.assertAlmostEqual(variation, 0)
            self.assertAlmostEqual(total, 1, places=6)

    def test_what_a_network_is_told_matters_by_its_modulation_only(self):
        def random(net, generator, modulated=True):
            for name, p in net.named_parameters():
                torch.nn.init.normal_(p, 0.0, 0.5, generator=generator)
                if "modulation.weight" in name and not modulated:
                    torch.nn.init.zeros_(p)
        _, _, found = self.measured(random)
        for true in self.SHARES:
            for told in self.SHARES:
                self.assertEqual(found[true, told][1] > 0.001, told != true)
        _, _, found = self.measured(lambda net, generator: random(net, generator, False))
        for true in self.SHARES:
            self.assertAlmostEqual(found[true, 0.2][0], found[true, 0.8][0], places=9)
            self.assertAlmostEqual(found[true, 0.2][1] + found[true, 0.8][1], 0, places=9)

    def test_nats_are_those_of_the_masked_tokens(self):
        net, tokens, found = self.measured(lambda net, generator: [torch.nn.init.normal_(p, 0.0, 0.5, generator=generator)
                                                                   for p in net.parameters()])
        generator = torch.Generator().manual_seed(4)
        masked = torch.rand(tokens.shape, generator=generator) < 0.2
        total = 0.0
        for row, hidden in zip(tokens, masked):
            with torch.no_grad():
                shown = torch.where(hidden, levels.MASK, row)
                logits = net.logits(net(shown, [len(row)], torch.tensor([-math.log(1 - 0.2)])))[hidden]
            logits[:, levels.MASK] = -math.inf
            total += torch.nn.functional.cross_entropy(logits, row[hidden], reduction="sum").item()
        self.assertAlmostEqual(found[0.2, 0.2][0], total / int(masked.sum()), places=5)


if __name__ == "__main__":
    unittest.main()
