"""`palimpsest infill` and `score` with networks that compute scores (sedd).  Needs no package."""
import math
import unittest

from cli_testing import CommandTest, INFILL, ROOT, run

ABSORB, UNIFORM, MASKED = (str(ROOT / f"tests/golden/arch/{name}.gguf") for name in ("sedd", "sedd-uniform", "mdlm"))
PAGE = "the cat [[4]] the dog and [[2]]"
TEXT = "the cat and the dog went to the sea"


class Scores(CommandTest):
    def fill(self, model, *arguments):
        result, = self.objects("infill", "-m", model, "--text", PAGE, "--seed", 5, *arguments)
        return result

    def test_info_says_graph_noise_and_the_trained_range(self):
        info = lambda model: self.objects("info", "-m", model)[0].get("noise")
        absorb, uniform = info(ABSORB), info(UNIFORM)
        self.assertEqual((absorb["graph"], absorb["schedule"]), ("absorb", "log-linear"))
        self.assertNotIn("states", absorb)
        self.assertAlmostEqual(absorb["sigma_min"], -math.log1p(-0.999e-3), places=9)
        self.assertAlmostEqual(absorb["sigma_max"], -math.log(1e-3), places=5)
        self.assertEqual((uniform["graph"], uniform["schedule"], uniform["states"]), ("uniform", "geometric", 112))
        self.assertAlmostEqual(uniform["sigma_min"], 1e-4 * 2e5 ** 1e-3, places=9)
        self.assertAlmostEqual(uniform["sigma_max"], 20, places=5)
        for model in MASKED, INFILL:
            self.assertIsNone(info(model))
        for model, line in ((ABSORB, "noise         graph absorb, log-linear, sigma 0.0009995 to 6.908"),
                            (UNIFORM, "noise         graph uniform of 112 pieces, geometric, sigma 0.0001012 to 20")):
            self.assertIn(line, self.good("info", "-m", model).decode().splitlines())

    def test_every_sampler_of_scores_fills_the_page_and_repeats_a_seed(self):
        for model in ABSORB, UNIFORM:
            for sampler in "euler", "tweedie", "euler-corrector":
                with self.subTest(model, sampler=sampler):
                    r = self.fill(model, "--sampler", sampler, "--steps", 6)
                    self.assertTrue(r["complete"])
                    self.assertEqual(r["sampler"], sampler)
                    self.assertEqual(r["text"], self.fill(model, "--sampler", sampler, "--steps", 6)["text"])
        self.assertEqual(self.fill(ABSORB)["sampler"], "first-hitting")
        self.assertEqual(self.fill(UNIFORM)["sampler"], "tweedie")

    def test_corrections_are_steps_of_their_own(self):
        few, many = (self.fill(UNIFORM, "--sampler", "euler-corrector", "--steps", 6, "--corrections", n) for n in (1, 3))
        self.assertEqual((few["steps"], many["steps"]), (13, 25))

    def test_the_released_draw_is_another_one(self):
        plain, released = (self.fill(ABSORB, "--sampler", "euler", "--steps", 6, "--temperature", 1, *more)
                           for more in ((), ("--released",)))
        self.assertNotEqual(plain["text"], released["text"])

    def test_several_drafts_are_those_of_single_runs(self):
        for model in ABSORB, UNIFORM:
            drafts = self.objects("infill", "-m", model, "--text", PAGE, "--seed", 5, "--sampler", "tweedie", "--steps", 5,
                                  "--drafts", 3)
            self.assertEqual(drafts[0]["text"], self.fill(model, "--sampler", "tweedie", "--steps", 5)["text"])
            self.assertEqual(len({d["text"] for d in drafts}), 3)

    def test_what_does_not_go_together_is_named(self):
        cases = [((ABSORB, "--sampler", "margin"), "this model computes scores"),
                 ((UNIFORM, "--sampler", "first-hitting"), "its samplers are tweedie, euler and euler-corrector"),
                 ((MASKED, "--sampler", "euler"), "this model predicts masked tokens"),
                 ((INFILL, "--sampler", "tweedie"), "this model predicts masked tokens"),
                 ((ABSORB, "--sampler", "euler", "--corrections", 2), "does not use the option corrections"),
                 ((ABSORB, "--sampler", "euler", "--released"), "needs temperature 1")]
        for (model, *arguments), part in cases:
            with self.subTest(part):
                code, _, err = run("infill", "-m", model, "--text", PAGE, *arguments)
                self.assertNotEqual(code, 0)
                self.assertIn(part, err)
        code, _, err = run("infill", "-m", UNIFORM, "--text", "the [[2-4]] sea")
        self.assertNotEqual(code, 0)
        self.assertIn("exact lengths", err)

    def test_texts_are_scored_by_an_estimated_bound(self):
        for model in ABSORB, UNIFORM:
            r, = self.objects("score", "-m", model, "--text", TEXT, "--standard-error", 5)
            self.assertEqual((r["kind"], r["method"], r["estimated"]), ("bound", "bound", True))
            self.assertGreater(r["bits_per_byte"], 0)
            code, _, err = run("score", "-m", model, "--text", TEXT, "--method", "margin")
            self.assertNotEqual(code, 0)
            self.assertIn("only be scored with method bound", err)


if __name__ == "__main__":
    unittest.main()
