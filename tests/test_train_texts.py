"""tools/train: attention with stored probabilities, windows and masks, a run that is stopped and resumed.

Needs packages of tests/requirements.txt; without them every test is skipped.  needs_torch and needs_training mark those
that compute with PyTorch."""
import argparse
import json
import math
import tempfile
import unittest

from torch_testing import needs_torch, needs_training, torch
from training_testing import MISSING, Prepared, ROOT

if not MISSING:
    import numpy as np

    import windows
if torch and not MISSING:
    import torch.nn.functional as F

    import model


def options(**other):
    return argparse.Namespace(**{"pages": 0.5, "padded": 1.0, "untouched": 0.0, "page_weight": 1.0, "level_power": 1.0,
                                 "shortest": 8,
                                 **other})


@unittest.skipIf(MISSING, MISSING)
@needs_torch
class Attention(unittest.TestCase):
    def inputs(self, n, dtype):
        generator = torch.Generator().manual_seed(n)
        return [torch.randn(3, n, 8, dtype=dtype, generator=generator, requires_grad=True) for _ in range(3)]

    def test_is_pytorchs_own_forward_and_back(self):
        for causal in (False, True):
            for n in (1, 2, 17):
                q, k, v = self.inputs(n, torch.float64)
                mask = torch.full((n, n), -math.inf, dtype=q.dtype).triu(1) if causal else None
                kept = model.KeptAttention.apply(q, k, v, mask)
                own = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
                self.assertLess((kept - own).abs().max(), 1e-12)
                weight = torch.randn(kept.shape, dtype=q.dtype, generator=torch.Generator().manual_seed(1))
                for a, b in zip(torch.autograd.grad((kept * weight).sum(), (q, k, v)),
                                torch.autograd.grad((own * weight).sum(), (q, k, v))):
                    self.assertLess((a - b).abs().max(), 1e-12)

    def test_network_computes_the_same_in_training_and_validation(self):
        for causal in (False, True):
            shape = model.Shape(vocab=40, dim=32, layers=2, heads=4, kv_heads=2, hidden=64, context=32)
            network = model.Network(shape)
            for p in network.parameters():
                torch.nn.init.normal_(p, 0, 0.2, generator=torch.Generator().manual_seed(p.numel()))
            tokens = torch.arange(30) % 40
            with torch.no_grad():
                training = network.train()(tokens, [19, 11], causal)
                validation = network.eval()(tokens, [19, 11], causal)
            self.assertLess((training - validation).abs().max(), 1e-5)


@unittest.skipIf(MISSING, MISSING)
class Masks(unittest.TestCase):
    def drawn(self, is_page=False):
        tokens = list(range(10, 30))
        return [(tokens, [0] * 4 + [1] * 12 + [0] * 4, is_page)] * 400

    def test_given_tokens_stay_and_masked_ones_are_targets(self):
        for window in windows.mask_windows(np.random.default_rng(1), self.drawn(), options()):
            for i, (token, target) in enumerate(zip(window.tokens, window.targets)):
                if target == windows.IGNORED:
                    self.assertEqual((token, window.weights[i]), (10 + i, 0.0))
                else:
                    self.assertEqual((token, target), (windows.MASK, 10 + i))
                    self.assertTrue(4 <= i < 16)

    def test_weights_are_an_unbiased_estimate(self):
        total = np.array([w.weights for w in windows.mask_windows(np.random.default_rng(2), self.drawn(), options())])
        self.assertTrue(np.allclose(total.sum(1), 12))             # every window counts its 12 places once
        self.assertTrue(np.allclose(total.mean(0)[4:16], 1, atol=0.25))
        counts = np.bincount((total > 0).sum(1), minlength=13)[1:]
        self.assertTrue(all(abs(c - 400 / 12) < 2 for c in counts), counts)    # stratified

    def test_untouched_pages_are_masked_whole_and_weighted(self):
        made = windows.mask_windows(np.random.default_rng(3), self.drawn(True), options(untouched=1.0, page_weight=3.0))
        self.assertTrue(all(w.weights == [0.0] * 4 + [3.0] * 12 + [0.0] * 4 for w in made))

    def test_power_of_the_level_weighs_windows_by_what_is_masked(self):
        for window in windows.mask_windows(np.random.default_rng(3), self.drawn(), options(level_power=0.5)):
            masked = np.array(window.weights)[np.array(window.targets) != windows.IGNORED]
            self.assertTrue(np.allclose(masked, (12 / len(masked)) ** 0.5))


@unittest.skipIf(MISSING, MISSING)
class Run(Prepared):
    @needs_training
    def test_stopped_and_resumed_is_the_run_that_was_not(self):
        for attention, processes in (("causal", 1), ("full", 2), ("full", 1)):
            shared = ("--attention", attention, "--decay", 0, "--dropout", 0, "--processes", processes)
            whole = self.train(f"whole-{attention}-{processes}", 1024, *shared)
            self.train(f"parts-{attention}-{processes}", 512, *shared)
            parts = self.train(f"parts-{attention}-{processes}", 1024, *shared, "--resume")
            self.assertEqual(parts["seen"], whole["seen"])
            for name, value in whole["weights"].items():
                self.assertTrue(torch.equal(value, parts["weights"][name]), name)
            log = (self.path / f"parts-{attention}-{processes}/log.jsonl").read_text().splitlines()
            self.assertEqual(len(log), 2)
            self.assertEqual(json.loads(log[-1])["seen"], whole["seen"])
        self.train("parts-full-1", 1280, *shared, "--resume", "--weight-decay", 0.5)
        muon = torch.load(self.path / "parts-full-1/last.pt", weights_only=True)["optimisers"][0]
        self.assertEqual(muon["param_groups"][0]["weight_decay"], 0.5)      # the command's, not the file's

    @needs_torch
    def test_processes_get_the_same_sums(self):
        for size, first, last, numbers in ((1, 1.0, 0.25, [2, 0]), (3, 111.0, 3.75, [9, 1])):
            folder = self.path / f"sum-{size}"
            folder.mkdir()
            self.python(ROOT / "tests/train_together.py", "sum", size, folder)
            for rank in range(size):
                gradients, got = torch.load(folder / str(rank), weights_only=True)
                self.assertTrue((gradients[0] == first).all() and gradients[0].shape == (2, 3))
                self.assertTrue((gradients[1] == last).all())
                self.assertEqual(got, numbers)

    @needs_torch
    def test_two_processes_take_the_steps_of_one(self):
        (self.path / "step").mkdir()
        first, second, moved = map(float, self.python(ROOT / "tests/train_together.py", "step", self.path / "data",
                                                      self.path / "step").split())
        self.assertEqual(first, second)
        self.assertLess(first, 2e-5)        # rounding of sums in another order; with other texts it is 0
        self.assertGreater(moved, 1e-3)

    def test_pages_hold_the_text_in_holes_and_around_them(self):
        rng, corpus, pages = np.random.default_rng(4), self.corpus, 0
        for _ in range(200):
            ids, _, _ = corpus.draw_window(rng, 64, 16)
            page = windows.cut_page(corpus, rng, ids, page_start=True, most=128, padded=1.0)
            if page is None:
                continue
            tokens, hole = page
            pages += 1
            kept = [t for t in tokens if t != windows.EMPTY]
            # at the start of a page the vocabulary's own space replaces the removed one
            self.assertEqual(corpus.text(kept).removeprefix(" "), corpus.text(ids).removeprefix(" "))
            self.assertTrue(all(h for t, h in zip(tokens, hole) if t == windows.EMPTY))
            for i, (t, h) in enumerate(zip(tokens[:-1], hole)):
                if t == windows.EMPTY and hole[i + 1]:      # what is empty ends its hole, or another hole follows:
                    after = tokens[i + 1]                   # its first token takes the one space between the two
                    self.assertTrue(after == windows.EMPTY or corpus.text([after]).startswith(" "), after)
        self.assertGreater(pages, 50)

    def test_windows_are_as_long_as_asked(self):
        rng = np.random.default_rng(5)
        lengths = [len(self.corpus.draw_window(rng, 64, 32)[0]) for _ in range(200)]
        self.assertLessEqual(max(lengths), 64)
        self.assertGreater(np.mean(np.array(lengths) >= 32), 0.9)


if __name__ == "__main__":
    unittest.main()
