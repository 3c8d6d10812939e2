"""tools/train/boards: relations and symmetries of boards, what a training step sees, the network and its loops, the exact
answer of 4 x 4, a run that is stopped and resumed, and the file that is written.

Needs packages of tests/requirements.txt; without them every test is skipped.  needs_torch marks those that compute with
PyTorch."""
import hashlib
import json
import pathlib
import tempfile
import unittest

from cli_testing import COMMAND, run
from torch_testing import needs_torch, needs_training, torch
from training_testing import TRAIN, Prepared

try:
    import gguf
    import numpy as np

    from boards import batch, boards, measure
    MISSING = ""
except ImportError as error:
    MISSING = f"{error.name} is not installed (tests/requirements.txt)"
if torch and not MISSING:
    from boards import network, small, solve, training

TINY = ("--box", "2", "--dim", "32", "--layers", "1", "--heads", "4", "--hidden", "32", "--loops", "6", "--graded", "2",
        "--batch", "16", "--parts", "4", "--bands", "4-12", "--validate", "4", "--reveal", "2", "--warmup", "64")


def tiny_network(seed=1, box=3):
    """A small network all of whose parameters are random."""
    made, generator = network.Network(network.Shape(box, 32, 2, 4, 32)), torch.Generator().manual_seed(seed)
    for p in made.parameters():
        torch.nn.init.normal_(p, 0.0, 0.4, generator=generator)
    return made


@unittest.skipIf(MISSING, MISSING)
class Boards(unittest.TestCase):
    def test_every_cell_of_81_has_8_others_in_its_row_column_and_box(self):
        related = boards.relations(3)
        counts = [[int((row == kind).sum()) for kind in range(len(boards.RELATIONS))] for row in related]
        self.assertEqual(counts, [[1, 6, 6, 4, 2, 2, 60]] * 81)
        self.assertEqual([related[0, j] for j in (0, 1, 3, 9, 27, 10, 80)], [0, 4, 1, 5, 2, 3, 6])

    def test_symmetries_keep_solved_boards_solved_and_puzzles_part_of_them(self):
        made = boards.made(COMMAND[0], 6, "24-29", 5)
        pairs = np.stack([made["puzzle"], made["solution"]], 1)
        for seed in range(20):
            puzzle, solution = boards.shuffled(np.random.default_rng(seed), pairs, 3).transpose(1, 0, 2)
            self.assertTrue(boards.is_solved(solution, 3).all())
            self.assertTrue(((puzzle == 0) | (puzzle == solution)).all())
            self.assertEqual((puzzle > 0).sum(1).tolist(), [24, 25, 26, 27, 28, 29])
            self.assertFalse((solution == made["solution"]).all(1).any())
        spoilt = made["solution"].copy()
        spoilt[:, [0, 1]] = spoilt[:, [1, 0]]
        self.assertFalse(boards.is_solved(spoilt, 3).any())

    def test_shuffled_boards_have_the_canonical_form_of_the_board(self):
        made = boards.made(COMMAND[0], 2, "40", 9)
        moved = boards.shuffled(np.random.default_rng(3), made["solution"][:, None], 3)[:, 0]
        for text, board in zip(made["canonical"], moved):
            _, out, _ = run("sudoku", "--text", boards.show(board), "--solutions", "--canonical", "--json")
            self.assertEqual(json.loads(out)["canonical"], text)

    def test_boards_that_are_made_for_measuring_share_no_class_with_training(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            Prepared.python(TRAIN / "boards/make.py", "--palimpsest", COMMAND[0], "--out", out, "--train", "40x24-27,10x30",
                            "--test", "26,40", "--each", "8", "--processes", "1")
            about, test = json.loads((out / "boards.json").read_text()), np.load(out / "test.npz")
            self.assertEqual((about["train_boards"], about["train_classes"], about["shared_classes"]), (50, 50, 0))
            self.assertEqual(test["band"].tolist(), [0] * 8 + [1] * 8)
            self.assertEqual((test["puzzle"] > 0).sum(1).tolist(), [26] * 8 + [40] * 8)
            self.assertTrue(boards.is_solved(test["solution"], 3).all())

    def test_a_random_number_of_open_cells_is_kept(self):
        rng, open_cells = np.random.default_rng(1), np.zeros((4000, 16), bool)
        open_cells[:, :10] = True
        kept = batch.keep_random(rng, open_cells, 1.0)
        self.assertFalse(kept[:, 10:].any())
        counts = np.bincount(kept.sum(1), minlength=11)
        self.assertEqual(counts[0], 0)
        self.assertTrue((abs(counts[1:] - 400) < 100).all())                    # five deviations of 19
        self.assertTrue((abs(kept[:, :10].mean(0) - 0.55) < 0.05).all())
        self.assertTrue((batch.keep_random(rng, open_cells, 0.0) == open_cells).all())

    def test_boards_go_on_with_the_most_certain_cells_and_the_true_digits(self):
        solution = np.tile(np.array([1, 2, 3, 4] * 4, np.uint8), (50, 1))
        tokens = solution.copy()
        tokens[:, 4:10] = 0
        margin = np.tile(np.arange(16, dtype=np.float32), (50, 1))
        after = batch.further(np.random.default_rng(2), batch.Boards(tokens, solution), margin, longest=7)
        self.assertTrue(0 < len(after) < 50)                                    # full boards are left out
        for row in after.tokens:
            still = np.flatnonzero(row == 0)
            self.assertEqual(still.tolist(), list(range(4, 4 + len(still))))    # 9, 8, ... were filled in first
            self.assertTrue(((row == 0) | (row == solution[0])).all())


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Loops(unittest.TestCase):
    def test_the_network_knows_bands_and_lines_only_by_the_relations(self):
        """Permuting cells by a symmetry that keeps rows rows permutes the logits."""
        net, rng = tiny_network(), np.random.default_rng(4)
        tokens = torch.from_numpy(rng.integers(0, 10, (1, 81)))
        cells = torch.from_numpy((boards.line_orders(rng, 1, 3)[0][:, None] * 9 + boards.line_orders(rng, 1, 3)[0]).flatten())
        with torch.no_grad():
            here, moved = net(tokens, 3)[-1], net(tokens[:, cells], 3)[-1]
            other, = net(tokens[:, torch.from_numpy(rng.permutation(81))], 3, graded=1)
        self.assertLess((here[:, cells] - moved).abs().max().item(), 1e-4 * here.abs().max().item())
        self.assertGreater((here.sort(1).values - other.sort(1).values).abs().max().item(), 1e-2)

    def test_two_loops_by_hand_in_numpy(self):
        """The definition in ARCHITECTURE.md, in double precision."""
        net = tiny_network(box=2)
        w = {name: p.detach().double().numpy() for name, p in net.named_parameters()}
        tokens = np.array([0, 1, 2, 3, 4, 0, 0, 1, 2, 2, 0, 0, 0, 4, 0, 3])
        norm = lambda x, g: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * g
        soft = lambda x: np.exp(x - x.max(-1, keepdims=True)) / np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)
        h, p = np.zeros((16, 32)), np.zeros((16, 4))
        for _ in range(2):
            h = norm(h, w["loop_norm.weight"]) + w["token_embd.weight"][tokens] + p @ w["feedback.weight"].T
            for b in ("blk.0.", "blk.1."):
                a = norm(h, w[b + "attn_norm.weight"])
                q, k, v = (a @ w[f"{b}attn_{x}.weight"].T for x in "qkv")
                mixed = []
                for head in range(4):
                    part = slice(8 * head, 8 * head + 8)
                    bias = network.BIAS_SCALE * w[b + "attn_bias.weight"][head][boards.relations(2)]
                    mixed.append(soft(q[:, part] @ k[:, part].T / np.sqrt(8) + bias) @ v[:, part])
                h = h + np.concatenate(mixed, 1) @ w[b + "attn_output.weight"].T
                f = norm(h, w[b + "ffn_norm.weight"])
                gate = f @ w[b + "ffn_gate.weight"].T
                h = h + gate / (1 + np.exp(-gate)) * (f @ w[b + "ffn_up.weight"].T) @ w[b + "ffn_down.weight"].T
            logits = norm(h, w["output_norm.weight"]) @ w["output.weight"].T
            p = soft(logits)
        with torch.no_grad():
            got = net(torch.from_numpy(tokens)[None], 2)[-1][0].numpy()
        self.assertLess(np.abs(got - logits).max(), 1e-4 * np.abs(logits).max())

    def test_more_loops_go_on_from_fewer_and_gradients_stop_before_the_graded(self):
        net, tokens = tiny_network(), torch.zeros(2, 81, dtype=torch.long)
        tokens[:, ::4] = 3
        five, all_of_five = net(tokens, 5, graded=2), net(tokens, 5, graded=5)
        self.assertEqual((len(five), len(all_of_five), len(net(tokens, 1))), (2, 5, 1))
        self.assertTrue(torch.equal(five[0], net(tokens, 4, graded=1)[0]))
        self.assertTrue(torch.equal(five[1], all_of_five[4]))
        gradients = []
        for answers in (five, all_of_five):
            net.zero_grad()
            answers[-1].square().mean().backward()
            gradients.append(net.feedback.weight.grad.clone())
        self.assertFalse(torch.equal(*gradients))

    def test_the_loss_is_the_mean_over_boards_of_the_mean_over_open_cells(self):
        tokens, solution = torch.tensor([[0, 2, 0, 0], [1, 0, 3, 4]]), torch.tensor([[1, 2, 3, 4], [1, 2, 3, 4]])
        logits = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(1))
        log = logits.log_softmax(-1)
        expected = (-(log[0, 0, 0] + log[0, 2, 2] + log[0, 3, 3]) / 3 - log[1, 1, 1]) / 2
        got = training.board_losses([logits, 2 * logits], tokens, solution)
        self.assertAlmostEqual(got[0].item(), expected.item(), places=5)
        self.assertEqual(len(got), 2)

    def test_margin_fills_one_cell_after_the_other(self):
        """A network whose margins are known: the order and the digits of `fill` follow it."""
        net = tiny_network(box=2)
        puzzle = np.zeros((3, 16), np.uint8)
        puzzle[0, :15] = 1
        puzzle[1, 3:9] = 2
        filled = solve.fill(net, puzzle, 2)
        self.assertTrue((filled > 0).all())
        self.assertTrue((filled[puzzle > 0] == puzzle[puzzle > 0]).all())
        by_hand = torch.from_numpy(puzzle[1].astype(np.int64))
        while (by_hand == 0).any():
            with torch.no_grad():
                top = net(by_hand[None], 2)[-1][0].softmax(-1).topk(2, -1)
            margin = torch.where(by_hand == 0, top.values[:, 0] - top.values[:, 1], -1.0)
            by_hand[margin.argmax()] = top.indices[margin.argmax(), 0] + 1
        self.assertEqual(by_hand.tolist(), filled[1].tolist())


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Small(unittest.TestCase):
    def test_all_288_boards_and_the_exact_probabilities(self):
        solved = small.solved_boards()
        self.assertEqual((len(solved), len({row.tobytes() for row in solved})), (288, 288))
        given = np.zeros((2, 16), np.uint8)
        given[1, 0] = 1
        p, count = small.exact(given, solved)
        self.assertEqual(count.tolist(), [288, 72])
        self.assertTrue(np.allclose(p[0], 0.25))
        self.assertTrue(np.allclose(p[1, 1], [0, 1 / 3, 1 / 3, 1 / 3]) and np.allclose(p[1, 0], [1, 0, 0, 0]))

    def test_a_short_training_comes_near_the_exact_probabilities(self):
        with tempfile.TemporaryDirectory() as folder:
            printed = Prepared.python(TRAIN / "boards/small.py", "--out", folder, "--boards", 10000, "--dim", "32", "--hidden", "64",
                                      "--layers", "1", "--muon-lr", "0.04", "--every", "10000", "--warmup", "500")
            found = json.loads(printed[printed.index("{\n"):])
        for row in found["rows"]:
            self.assertLess(row["divergence"], 0.15)            # evenly spread guesses: 0.28, 1.07, 1.35, 1.39
        self.assertGreater(found["solved"], 0.5)


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Runs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.path = pathlib.Path(folder.name)
        small.make(cls.path / "data", small.solved_boards(), count=200)

    def train(self, name, count, *more):
        Prepared.python(TRAIN / "boards/train.py", "--data", self.path / "data", "--out", self.path / name, "--boards", count, *TINY,
                        "--every", "96", *more)
        return torch.load(self.path / name / "last.pt", weights_only=True)

    def test_resumed_equals_uninterrupted_and_two_processes_almost_one(self):
        whole = self.train("whole", 192)
        self.assertEqual(whole["seen"], 192)
        half = self.train("half", 192, "--minutes", "0.0001")           # stops after its first steps
        self.assertLess(half["step"], 12)
        resumed = self.train("half", 192, "--resume")
        for name, tensor in whole["network"].items():
            self.assertTrue(torch.equal(tensor, resumed["network"][name]), name)
        for a, b in zip(whole["ema"], resumed["ema"]):
            self.assertTrue(torch.equal(a, b))
        self.assertGreater(len(whole["more"]["further"][0]), 0)
        shared = self.train("shared", 32, "--processes", "2")
        alone = self.train("alone", 32)
        for name, tensor in alone["network"].items():
            self.assertLess((tensor - shared["network"][name]).abs().max().item(), 1e-4, name)
        rows = [json.loads(line) for line in (self.path / "whole/log.jsonl").read_text().splitlines()]
        self.assertEqual([row["seen"] for row in rows], [96, 192])

    def test_the_file_has_the_biases_that_are_added_and_the_keys(self):
        self.train("written", 32)
        out = self.path / "written.gguf"
        for kind, matrices in (("Q8_0", gguf.GGMLQuantizationType.Q8_0), ("F32", gguf.GGMLQuantizationType.F32)):
            Prepared.python(TRAIN / "boards/export.py", "--checkpoint", self.path / "written/best.pt", "--out", out, "--type", kind,
                            "--loops", "5")
            reader = gguf.GGUFReader(out)
            value = lambda key: reader.fields[key].contents()
            self.assertEqual([value("sudoku." + key) for key in ("embedding_length", "block_count", "box", "loop_count", "max_loop_count",
                                                                 "attention.head_count", "feed_forward_length")], [32, 1, 2, 5, 6, 4, 32])
            self.assertEqual((value("general.architecture"), value("palimpsest.training.boards")), ("sudoku", 32))
            stored = {t.name: t for t in reader.tensors}
            weights = torch.load(self.path / "written/best.pt", weights_only=True)["weights"]
            self.assertEqual(set(stored), set(weights))
            self.assertEqual(stored["blk.0.ffn_down.weight"].tensor_type, matrices)
            self.assertEqual(stored["token_embd.weight"].tensor_type, gguf.GGMLQuantizationType.F32)
            self.assertTrue(np.array_equal(stored["blk.0.attn_bias.weight"].data,
                                           weights["blk.0.attn_bias.weight"].numpy() * network.BIAS_SCALE))

    @needs_training
    def test_the_card_has_what_was_measured_of_this_file_and_refuses_another_run(self):
        self.train("carded", 96)
        (self.path / "data/boards.json").write_text(json.dumps({
            "train": "5x4-12", "train_boards": 5, "train_classes": 2, "shared_classes": 0,
            "test": {"4-12": {"boards": 4, "left_out_as_equal": 3}}}))
        model, about = self.path / "mine.gguf", self.path / "about.md"
        Prepared.python(TRAIN / "boards/export.py", "--checkpoint", self.path / "carded/best.pt", "--out", model, "--loops", "6",
                        "--data", self.path / "data")
        about.write_text("What a person wrote.")
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        rows = [result("margin", 6, "4-12", board, board != 1, model=digest) for board in range(4)]
        other = [result("margin", 6, "4-12", board, False, model="another") for board in range(4)]
        (self.path / "boards.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows + other))
        card = (TRAIN / "boards/card.py", "--run", self.path / "carded", "--model", model, "--measures", self.path, "--about", about)
        Prepared.python(*card)
        text = model.with_suffix(".md").read_text()
        for part in ("# mine\n\nWhat a person wrote.", digest, "| `margin` | 75.0 % of 4 |", "96 boards seen in 6 steps",
                     "5 puzzles for training", "--muon-lr 0.02"):
            self.assertIn(part, text)
        self.assertEqual(len(model.with_suffix(".curve.csv").read_text().splitlines()), 2)
        self.assertEqual((self.path / "MANIFEST").read_text(), f"{digest}  {model.stat().st_size}  mine.gguf\n")
        log = self.path / "carded/log.jsonl"
        log.write_text(log.read_text().replace('"seen": 96', '"seen": 95'))
        self.assertIn("another run?", Prepared.python(*card, fails=True))


def result(sampler, loops, band, board, solved, grade="singles", model="m"):
    return {"model": model, "sampler": sampler, "loops": loops, "band": band, "board": board, "grade": grade, "solved": solved,
            "evaluations": 9}


@unittest.skipIf(MISSING, MISSING)
class Tables(unittest.TestCase):
    def test_orders_are_compared_by_technique_on_the_boards_that_all_have(self):
        rows = [result("margin", 8, "30-40", 0, True), result("margin", 8, "22-26", 0, True, "guess"),
                result("margin", 8, "22-26", 1, False, "guess"), result("entropy", 8, "22-26", 0, False, "guess"),
                result("margin", 2, "22-26", 1, False, "guess"), result("margin", 2, "22-26", 0, False, "guess")]
        by_band, by_grade, by_loops = measure.tables(rows, 8).split("\n\n")
        self.assertEqual(by_band.splitlines()[2:], ["| `margin` | 50.0 % of 2 | 100.0 % of 1 |", "| `entropy` | 0.0 % of 1 | - |"])
        self.assertEqual(by_grade.splitlines()[2:], ["| `margin` | - | - | 100.0 % of 1 |", "| `entropy` | - | - | 0.0 % of 1 |"])
        self.assertEqual(by_loops.splitlines()[2:], ["| 2 | 0.0 % of 2 |", "| 8 | 50.0 % of 2 |"])


if __name__ == "__main__":
    unittest.main()
