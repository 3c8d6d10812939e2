"""tools/train/precision.py: every trainer measures bf16 and fp32 and takes the faster one.

needs_torch marks the tests that compute with PyTorch."""
import argparse
import pathlib
import sys
import unittest

from torch_testing import needs_torch, torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools/train"))         # behind: the trainer of the pictures has modules of the same names
import precision  # noqa: E402

if torch:
    import optim


def step(_):
    """A stand-in for a training step; its identity distinguishes it from the small product."""


class Choice(unittest.TestCase):
    def choose(self, asked, product, network):
        """The choice if a product and a step take these times (bf16, fp32); what was measured; what was printed."""
        times, measured, said = {"product": product, "step": network}, [], []

        def measure(work, kind):
            name = "step" if work is step else "product"
            measured.append((name, kind))
            return times[name][kind == "fp32"]
        chosen = precision.choose(asked, step, measure, lambda text, **_: said.append(text))
        return chosen, measured, said

    def test_faster_step_of_the_network_decides(self):
        self.assertEqual(self.choose("auto", (1, 2), (3, 4))[0], "bf16")
        self.assertEqual(self.choose("auto", (1, 2), (4, 3))[0], "fp32")
        self.assertEqual(self.choose("auto", (3.9, 1), (3, 4))[0], "bf16")

    def test_step_is_not_tried_where_a_product_is_hopeless(self):
        chosen, measured, said = self.choose("auto", (100, 1), (0, 1))
        self.assertEqual(chosen, "fp32")
        self.assertEqual({name for name, _ in measured}, {"product"})
        self.assertEqual(len(said), 1)
        self.assertIn("fp32", said[0])

    def test_asked_for_is_not_measured(self):
        for asked in precision.CHOICES:
            self.assertEqual(self.choose(asked, (1, 1), (1, 1)), (asked, [], []))

    @needs_torch
    def test_measured_for_real_it_is_one_of_both(self):
        layer, x = torch.nn.Linear(256, 256), torch.ones(512, 256)

        def work(kind):
            with precision.autocast(kind):
                layer(x).sum().backward()
        said = []
        chosen = precision.choose("auto", work, say=lambda text, **_: said.append(text))
        self.assertIn(chosen, precision.CHOICES)
        self.assertIn(f"precision {chosen}", said[0])

    def test_option_is_read(self):
        parser = argparse.ArgumentParser()
        precision.add_option(parser)
        self.assertEqual(parser.parse_args([]).precision, "auto")
        self.assertEqual(parser.parse_args(["--precision", "fp32"]).precision, "fp32")


@needs_torch
class Products(unittest.TestCase):
    def test_network_computes_in_the_precision_it_is_told(self):
        layer, x = torch.nn.Linear(64, 64), torch.randn(8, 64, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            plain = layer(x)
            for kind in precision.CHOICES:
                with precision.autocast(kind):
                    y = layer(x)
                self.assertEqual(y.dtype, precision.dtype_of(kind))
                self.assertEqual(torch.equal(y.float(), plain), kind == "fp32")

    def test_muon_computes_in_the_precision_it_is_told(self):
        seen, product = set(), torch.Tensor.__matmul__
        network = torch.nn.Linear(8, 8, bias=False)
        network.weight.grad = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
        torch.Tensor.__matmul__ = lambda a, b: seen.add(a.dtype) or product(a, b)
        try:
            for kind in precision.CHOICES:
                seen.clear()
                optim.Muon([network.weight], dtype=precision.dtype_of(kind)).step()
                self.assertEqual(seen, {precision.dtype_of(kind)})
        finally:
            torch.Tensor.__matmul__ = product


if __name__ == "__main__":
    unittest.main()
