"""The tools around pictures: emoji and sheets of tools/data, the measures of tools/train/pictures.

Needs numpy (the sheets also Pillow, the list of emoji also fontTools); tests of missing packages are skipped."""
import hashlib
import importlib
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools/data"), str(ROOT / "tools/train/pictures")]


def needed(case, name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        return case.skipTest(f"{error.name} is not installed (tools/train/requirements.txt)")


class FrechetTest(unittest.TestCase):
    def setUp(self):
        self.np = needed(self, "numpy")
        self.frechet = needed(self, "frechet")

    def test_distance_of_diagonal_laws_is_closed_form(self):
        np = self.np
        rng = np.random.default_rng(3)
        m, n, s, t = rng.normal(size=(4, 20))
        got = self.frechet.distance((m, np.diag(s * s)), (n, np.diag(t * t)))
        self.assertAlmostEqual(got, float(((m - n) ** 2).sum() + ((abs(s) - abs(t)) ** 2).sum()), places=10)

    def test_distance_of_one_eigenbasis_is_closed_form(self):
        """Covariances with the same rotated basis give the result of diagonal ones; also singular ones."""
        np = self.np
        rng = np.random.default_rng(4)
        basis, _ = np.linalg.qr(rng.normal(size=(12, 12)))
        s, t = rng.uniform(0, 3, (2, 12))
        s[0] = 0
        got = self.frechet.distance((s, (basis * s ** 2) @ basis.T), (s, (basis * t ** 2) @ basis.T))
        # The root of a rounded zero is 1e-8, so the distance of singular distributions has about this error.
        self.assertAlmostEqual(got, float(((s - t) ** 2).sum()), delta=1e-6)

    def test_distance_of_a_set_to_itself_is_zero_and_grows_with_a_shift(self):
        np = self.np
        features = np.random.default_rng(5).normal(size=(500, 8)) @ np.random.default_rng(6).normal(size=(8, 8))
        law = self.frechet.normal_of(features)
        self.assertLess(abs(self.frechet.distance(law, law)), 1e-6)
        self.assertAlmostEqual(self.frechet.distance(law, self.frechet.normal_of(features + 2)), 4 * 8, places=6)

    def test_nearest_finds_pictures_and_their_mirror_images(self):
        np = self.np
        images = np.random.default_rng(7).integers(0, 256, (600, 6, 5), dtype=np.uint8)
        shown = np.concatenate([images[300:303], images[10:12, :, ::-1]])
        shown[1] = np.where(shown[1] < 128, shown[1] + 3, shown[1] - 3)
        index, turned, gap = self.frechet.Nearest(images)(shown)
        self.assertEqual(index.tolist(), [300, 301, 302, 10, 11])
        self.assertEqual(turned.tolist(), [False, False, False, True, True])
        for got, wanted in zip(gap, (0, 3, 0, 0, 0)):
            self.assertAlmostEqual(float(got), wanted, delta=0.1)  # squares of bytes in float32: 1e-7 of 1e6

    def test_nearest_without_mirror_images_is_another(self):
        np = self.np
        images = np.random.default_rng(8).integers(0, 256, (50, 6, 5), dtype=np.uint8)
        _, turned, gap = self.frechet.Nearest(images, mirrored=False)(images[:2, :, ::-1])
        self.assertFalse(turned.any())
        self.assertGreater(float(gap.min()), 20)


class SheetTest(unittest.TestCase):
    def setUp(self):
        self.np = needed(self, "numpy")
        self.image = needed(self, "PIL.Image")
        self.sheet = needed(self, "sheet")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def make(self, kind, channels, *options, **more):
        np = self.np
        images = np.random.default_rng(1).integers(0, 256, (70, 5, 4, channels), dtype=np.uint8)
        labels = np.arange(70, dtype=np.uint8) % 2
        np.savez(self.folder / "set.npz", images=images, labels=labels, label_names=np.array(["even", "odd"]), **more)
        out = self.folder / "out"
        words = ["sheet.py", kind, "--data", self.folder / "set.npz", "--out", out, "--columns", "8", *options]
        words = [str(word) for word in words]
        with mock.patch.object(sys, "argv", words):
            self.sheet.main()
        about = json.loads((self.folder / "out.json").read_text())
        pixels = np.asarray(self.image.open(f"{out}.png"))
        return images, about, pixels.reshape(*pixels.shape[:2], -1)

    def cell(self, about, pixels, i):
        y, x = divmod(i, about["columns"])
        h, w = about["height"], about["width"]
        return pixels[y * h:(y + 1) * h, x * w:(x + 1) * w]

    def test_balanced_grey_sheet_holds_the_exact_pictures(self):
        images, about, pixels = self.make("fashion", 1, "--count", "20")
        self.assertEqual((about["count"], about["of"], about["label"]), (20, 70, [0] * 10 + [1] * 10))
        known = {image.tobytes(): i for i, image in enumerate(images)}
        found = [known[self.cell(about, pixels, i).tobytes()] for i in range(20)]
        self.assertEqual(len(set(found)), 20)
        self.assertEqual([i % 2 for i in found], about["label"])
        self.assertTrue((self.cell(about, pixels, 20) == 255).all())

    def test_colour_sheet_holds_all_within_two_levels(self):
        np = self.np
        images, about, pixels = self.make("emoji", 3, names=np.array([f"picture {i}" for i in range(70)]))
        self.assertEqual((about["count"], about["channels"], len(set(about["names"]))), (70, 3, 70))
        for i, name in enumerate(about["names"]):
            wanted = images[int(name.split()[1])].astype(int)
            self.assertLessEqual(int(abs(self.cell(about, pixels, i) - wanted).max()), 2)


class ReportTest(unittest.TestCase):
    """Tables of a card from lines as measure.py writes them."""

    def setUp(self):
        self.report = needed(self, "report")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "eye.pt").write_bytes(b"eye")
        (self.folder / "eye.json").write_text('{"accuracy": 0.9, "sha256": "00"}')
        self.eye = hashlib.sha256(b"eye").hexdigest()

    def cell(self, name, distance, evaluations, **more):
        return {"kind": "cell", "name": name, "sampler": name.split()[0], "count": 1000, "evaluations": evaluations,
                "frechet": distance, "spread": 0.1, "agreement": 0.9, "near": 30.0, "nearer": 0.01, "model": "m",
                "classifier": self.eye, **more}

    def read(self, *rows):
        (self.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return self.report.Report(self.folder / "rows.jsonl", "m", self.folder / "eye.pt")

    def test_order_joins_what_errors_cannot_tell_apart(self):
        r = self.read(self.cell("ddpm --steps 10", 9.0, 10), self.cell("analytic-ddpm --steps 10", 5.0, 10),
                      self.cell("npr-ddpm --steps 10", 4.9, 10), self.cell("sn-ddpm --steps 10", 3.0, 10))
        self.assertIn("| ddpm | sn < npr ~ analytic < plain |", self.report.order_table(r))

    def test_columns_hold_neighbouring_evaluations_and_the_best_is_bold(self):
        r = self.read(self.cell("ddim --steps 25", 4.0, 25), self.cell("predictor-corrector --steps 12", 2.0, 24),
                      self.cell("probability-flow --solver heun --steps 25", 3.0, 49))
        table = self.report.main_table(r).splitlines()
        self.assertIn("| ddim |  | 4.00 ± 0.10 |  |  | 90.0% |  |", table)
        self.assertIn("| predictor-corrector |  | **2.00** ± 0.10 |  |  | 90.0% |  |", table)
        self.assertIn("| probability-flow heun |  |  | **3.00** ± 0.10 |  |  | 90.0% |", table)
        self.assertEqual(self.report.other_table(r), "")

    def test_tolerances_and_few_pictures_stand_apart(self):
        r = self.read(self.cell("probability-flow --tolerance 1e-2", 4.0, 25.2),
                      self.cell("ddpm --steps 1000", 2.0, 1000, count=200))
        self.assertEqual(len(self.report.main_table(r).splitlines()), 2)
        self.assertEqual(len(self.report.other_table(r).splitlines()), 4)

    def test_other_models_and_classifiers_do_not_count_and_the_newest_line_does(self):
        r = self.read(self.cell("ddim --steps 10", 1.0, 10, model="other"), self.cell("ddim --steps 10", 7.0, 10),
                      self.cell("ddim --steps 10", 6.0, 10), self.cell("ddim --steps 10", 2.0, 10, classifier="other"))
        self.assertEqual([row["frechet"] for row in r.of_kind("cell")], [6.0])


LIST = """\
# group: Smileys & Emotion
# subgroup: face-smiling
1F600      ; fully-qualified     # \U0001f600 E1.0 grinning face
# subgroup: heart
2764 FE0F  ; fully-qualified     # \u2764\ufe0f E0.6 red heart
2764       ; unqualified         # \u2764 E0.6 red heart
# group: People & Body
# subgroup: person
1F9D1 1F3FB ; fully-qualified    # \U0001f9d1 E5.0 person: light skin tone
1F9D1      ; fully-qualified     # \U0001f9d1 E5.0 person
# group: Component
# subgroup: skin-tone
1F3FB      ; component           # \U0001f3fb E1.0 light skin tone
"""


class EmojiTest(unittest.TestCase):
    def setUp(self):
        for name in ("numpy", "PIL.Image", "fontTools.ttLib"):
            needed(self, name)
        self.emoji = needed(self, "emoji")

    def test_list_gives_emoji_of_one_code_point_once(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "list.txt"
            path.write_text(LIST, encoding="utf-8")
            found = self.emoji.read_list(path)
        self.assertEqual([(code, name) for code, name, _ in found],
                         [(0x1f600, "grinning face"), (0x2764, "red heart"), (0x1f9d1, "person")])
        labels = [self.emoji.LABELS[self.emoji.label_of(group)][0] for _, _, group in found]
        self.assertEqual(labels, ["faces", "symbols", "people"])

    def test_held_out_is_a_twentieth_and_the_same_each_time(self):
        held = self.emoji.held_out(1377)
        self.assertEqual(int(held.sum()), 68)
        self.assertTrue((held == self.emoji.held_out(1377)).all())


if __name__ == "__main__":
    unittest.main()
