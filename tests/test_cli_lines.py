"""Line breaks in blanks: none where given text stands behind the blank on its line.  Needs no package."""
import pathlib

from cli_testing import CommandTest

TALES = pathlib.Path(__file__).resolve().parent.parent / "models" / "tales-masked.gguf"
DRAFTS = 24


class Lines(CommandTest):
    def breaks(self, page, *options):
        """How often a line break was drawn for the first blank, or was among the most probable tokens."""
        drafts = self.objects("infill", "-m", TALES, "--seed", "5", "--drafts", str(DRAFTS), "--temperature", "1",
                              "--text", page, *options)
        self.assertEqual(len(drafts), DRAFTS)
        return sum("\n" in piece["piece"] for draft in drafts for token in draft["tokens"] if token["blank"] == 0
                   for piece in (token, *token["alternatives"]))

    def test_a_blank_inside_a_line_stays_on_it(self):
        for page in ("The [[16]] cat.", "[[16]] cat", "The [[16]] [[2]] cat", "One\nThe [[16]],\nTwo"):
            with self.subTest(page):
                self.assertEqual(self.breaks(page), 0)

    def test_a_blank_at_the_end_of_a_line_and_one_without_borders_may_break_it(self):
        for page, *options in (["The [[16]]"], ["The [[16]] \nTwo"], ["The [[16]] [[2]]"],
                               ["The [[16]] cat.", "--borders", "off"]):
            with self.subTest(page, options=options):
                self.assertGreater(self.breaks(page, *options), 0)
