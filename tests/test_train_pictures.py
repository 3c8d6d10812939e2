"""tools/train/pictures: a run that is stopped and resumed equals an uninterrupted one, and its files hold the trained
weights.

Needs packages of tests/requirements.txt; without them every test is skipped.  needs_torch and needs_training mark those
that compute with PyTorch."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

from torch_testing import needs_torch, needs_training, torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/train/pictures"))
try:
    import gguf             # noqa: F401  what the trainer's files are written with
    import numpy as np

    import diffusion
    import files
    import pictures
    import shape
    MISSING = ""
except ImportError as error:
    MISSING = f"{error.name} is not installed (tests/requirements.txt)"
if torch and not MISSING:
    import export
    import heads
    import train
    import unet

SHAPE = ("--widths", "8,16", "--attention", "1", "--heads", "2", "--groups", "4", "--sinusoids", "8",
         "--embedding", "8")


def quietly(main, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        main([str(a) for a in arguments])


class WithData(unittest.TestCase):
    """A folder with a set of random pictures."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name)
        rng = np.random.default_rng(1)
        cls.images = rng.integers(0, 256, (40, 12, 8, 3), np.uint8)
        cls.data = cls.path / "data.npz"
        np.savez(cls.data, images=cls.images, labels=rng.integers(0, 3, 40), label_names=np.array(["a", "b", "c"]),
                 source=np.array("random numbers"), valid=np.arange(40) % 8 == 0, may_flip=np.arange(40) % 2 == 0)


@unittest.skipIf(MISSING, MISSING)
@needs_training
class Training(WithData):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = cls.train("whole", 80)
        quietly(heads.main, "--data", cls.data, "--run", cls.whole, "--pictures", 80, "--batch", 8,
                "--gamma-pictures", 1, "--warmup", 16, "--precision", "bf16")

    @classmethod
    def train(cls, name, count, *more):
        quietly(train.main, "--data", cls.data, "--out", cls.path / name, "--pictures", count, "--batch", 8,
                "--every", 40, "--warmup", 16, "--decay", 1e-9, "--shift", 1, "--hue", 0.1, "--precision", "fp32", *SHAPE, *more)
        return cls.path / name

    def test_run_resumed_has_the_same_bits(self):
        parted = self.train("parted", 40)
        self.train("parted", 80, "--resume")
        first, second = (torch.load(run / "last.pt", weights_only=True) for run in (self.whole, parted))
        self.assertEqual((first["seen"], first["step"]), (80, 10))
        self.assertEqual((second["seen"], second["step"]), (80, 10))
        for name, value in first["network"].items():
            self.assertTrue(torch.equal(value, second["network"][name]), name)
        for one, other in zip(first["ema"], second["ema"]):
            self.assertTrue(torch.equal(one, other))

    def test_training_changes_every_tensor(self):
        start = unet.Network(unet.Shape(**torch.load(self.whole / "best.pt", weights_only=True)["shape"]))
        start.reset(torch.Generator().manual_seed(1))
        end = torch.load(self.whole / "last.pt", weights_only=True)["network"]
        for name, value in start.state_dict().items():
            self.assertFalse(torch.equal(value, end[name]), name)

    def test_log_has_a_line_for_every_validation(self):
        rows = [json.loads(line) for line in (self.whole / "log.jsonl").read_text().splitlines()]
        self.assertEqual([row["seen"] for row in rows], [40, 80])
        self.assertEqual(len(rows[0]["quarters"]), 4)
        self.assertAlmostEqual(sum(rows[1]["quarters"]) / 4, rows[1]["valid"], delta=0.1)
        self.assertTrue((self.whole / "curve.png").read_bytes().startswith(b"\x89PNG"))

    def test_file_read_back_computes_the_same(self):
        out = self.path / "out.gguf"
        quietly(export.main, "--run", self.whole, "--out", out, "--type", "F32", "--neighbours", "sheet.png")
        network, parts, gamma, labels = files.read(out)
        self.assertEqual(labels, ["a", "b", "c"])
        self.assertEqual(list(parts), ["sn", "npr"])
        self.assertEqual(gamma.shape, (1000,))
        checkpoint = torch.load(self.whole / "best.pt", weights_only=True)
        own = unet.Network(unet.Shape(**checkpoint["shape"]))
        own.load_state_dict(checkpoint["weights"])
        x = torch.from_numpy(np.random.default_rng(2).standard_normal((2, 3, 12, 8), np.float32))
        t = torch.tensor([0.3, 1.0])
        with torch.no_grad():
            self.assertTrue(torch.equal(network(x, t, torch.tensor([1, 3])), own(x, t, torch.tensor([1, 3]))))

    def test_heads_of_another_network_are_refused(self):
        other = self.train("other", 40)
        (other / "heads.pt").write_bytes((self.whole / "heads.pt").read_bytes())
        with self.assertRaises(SystemExit):
            export.load(other)


@unittest.skipIf(MISSING, MISSING)
class Data(WithData):
    def test_held_out_pictures_are_not_trained_on(self):
        data = pictures.Pictures(self.data)
        self.assertEqual((len(data.images), len(data.test_images)), (35, 5))
        self.assertTrue(np.array_equal(data.test_images, self.images[::8]))
        order = data.order(seed=1, begin=0, count=70)
        self.assertEqual(sorted(order[:35]), list(range(35)))
        self.assertEqual(sorted(order[35:]), list(range(35)))
        self.assertTrue(np.array_equal(data.order(1, 20, 30), order[20:50]))


@unittest.skipIf(MISSING, MISSING)
class Pieces(unittest.TestCase):
    def test_quantised_file_keeps_blocks_within_places(self):
        own = shape.Shape(widths=(32, 64), embedding=32)
        kind = lambda name, rows, columns: files.stored_type(name, np.zeros((rows, columns)), "Q8_0", own).name
        self.assertEqual(kind("down.0.0.conv1.weight", 32, 288), "Q8_0")
        self.assertEqual(kind("conv_in.weight", 32, 36), "F16")
        self.assertEqual(kind("conv_in.weight", 32, 288), "F16")        # 9 places of 4 channels would fill blocks
        self.assertEqual(kind("up.0.0.conv1.weight", 32, 9 * 16), "F16")
        self.assertEqual(kind("mid.attn.q.weight", 64, 64), "Q8_0")

    def test_augmentation_flips_only_what_may_and_moves_by_pixels(self):
        images = np.random.default_rng(3).integers(0, 256, (6, 8, 8, 1), np.uint8)
        may = np.array([True, False] * 3)
        flipped = pictures.augment(images, may, np.random.default_rng(0), 1.0, 0, 0)
        for one, other, allowed in zip(images, flipped, may):
            self.assertTrue(np.array_equal(other, one[:, ::-1] if allowed else one))
        moved = pictures.augment(images, may, np.random.default_rng(0), 0.0, 1, 0)
        for one, other in zip(images, moved):
            inner = other[1:-1, 1:-1]
            self.assertTrue(any(np.array_equal(inner, one[y:y + 6, x:x + 6]) for y in range(3) for x in range(3)))

    def test_hue_turned_by_a_third_permutes_colours_and_keeps_grey(self):
        image = np.array([[[[200, 10, 60], [90, 90, 90]]]], np.uint8)
        turned = pictures.turn_hue(image, np.array([2 * np.pi / 3]))
        self.assertEqual(turned[0, 0, 0].tolist(), [60, 200, 10])
        self.assertEqual(turned[0, 0, 1].tolist(), [90, 90, 90])

    @needs_torch
    def test_patches_are_laid_as_the_contract_says_and_back(self):
        x = torch.arange(2 * 3 * 4 * 6, dtype=torch.float32).view(2, 3, 4, 6)
        y = unet.to_patches(x, 2)
        self.assertEqual(tuple(y.shape), (2, 12, 2, 3))
        self.assertEqual(y[1, (1 * 2 + 0) * 3 + 2, 1, 2], x[1, 2, 2 * 1 + 1, 2 * 2 + 0])
        self.assertTrue(torch.equal(unet.from_patches(y, 2), x))

    def test_noise_levels_are_those_of_the_schedule(self):
        schedule = diffusion.Schedule(steps=4, first=0.1, last=0.4)
        keep, noise = schedule.levels([0.25, 0.5, 1.0])
        self.assertTrue(np.allclose(keep[:, 0, 0, 0] ** 2, [0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7 * 0.6]))
        self.assertTrue(np.allclose(keep ** 2 + noise ** 2, 1))
        between, _ = schedule.levels([0.375])
        self.assertAlmostEqual(float(between[0, 0, 0, 0]) ** 2, 0.9 * 0.8 ** 0.5, places=6)


if __name__ == "__main__":
    unittest.main()
