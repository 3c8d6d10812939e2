"""Options of the commands: their help texts, and when their ranges are checked.

Runs the command of cli_testing.py."""
import re
import unittest

from cli_testing import AR, INFILL, PAGE, SAMPLERS, SCORE_SAMPLERS, CommandTest, run

COMMANDS = "infill generate score surprise image tokenize detokenize info quantize bench".split()


class Help(CommandTest):
    def rows(self, command):
        """Name, value and explanation of each option."""
        text = self.good(command, "--help").decode()
        return re.findall(r"^  --?([a-z][a-z0-9-]*)(?: (\"[^\"]*\"|[^ ]+))? +(.*)$", text.split("\noptions:\n")[1], re.M)

    def test_every_option_is_listed_once_and_explained(self):
        for command in COMMANDS:
            rows = self.rows(command)
            names = [name for name, _, _ in rows]
            self.assertEqual(len(names), len(set(names)), names)
            self.assertEqual(names[-1], "help")
            for name, _, explanation in rows:
                self.assertTrue(explanation.strip() and "  " not in explanation, (command, name, explanation))
                self.assertEqual(explanation.count("("), explanation.count(")"), explanation)

    def test_options_of_the_library_alone_are_not_those_of_the_command(self):
        for command, name in (("infill", "draft"), ("infill", "free-min"), ("generate", "draft"), ("image", "draw")):
            self.assertNotIn(name, [row[0] for row in self.rows(command)])
            self.bad(2, f"unknown option: --{name}", command, f"--{name}", "1")

    def test_a_default_that_help_names_is_taken(self):
        """The value gives the same output as the default, or the sampler does not use the option."""
        fill = ("infill", "-m", INFILL, "--text", "the [[3]] cat", "--seed", "1")
        go = ("generate", "-m", AR, "--prompt", "the cat", "--max-tokens", "4", "--seed", "1")
        taken = 0
        for command in (fill, go):
            expected = self.good(*command)
            for name, _, explanation in self.rows(command[0]):
                standard = re.search(r"default (\S+)\)$", explanation)
                if not standard:
                    continue
                code, out, err = run(*command, f"--{name}", standard[1])
                if code == 2 and "does not use the option" in err:
                    continue
                self.assertEqual((code, out), (0, expected), (name, err))
                taken += 1
        self.assertGreater(taken, 20)


class Ranges(CommandTest):
    def test_ranges_are_told_before_a_model_is_opened(self):
        for command, *arguments in (("infill", "--temperature", "101"), ("infill", "--steps", "-1"), ("infill", "--drafts", "0"),
                                    ("generate", "--keep", "-2"), ("generate", "--mirostat", "1"), ("generate", "--batch", "0"),
                                    ("score", "--standard-error", "-1"), ("image", "--count", "0"), ("image", "--snr", "0"),
                                    ("image", "--probes", "10001"), ("bench", "--repeat", "0"), ("infill", "--threads", "-1"),
                                    ("generate", "--threads", "1000000000"), ("image", "--threads", "65"), ("score", "--threads", "-7"),
                                    ("surprise", "--threads", "99"), ("bench", "--threads", "-1")):
            with self.subTest(command=command, arguments=arguments):
                self.bad(2, f"{command}: {arguments[0][2:]} must ", command, "-m", "no-model", *arguments)

    def test_choices_are_those_that_there_are(self):
        for command, option, value, choices in (("image", "--grid", "evens", "even|quadratic"), ("image", "--grid", "eve", "even"),
                                                ("image", "--solver", "", "rk45|heun"), ("generate", "--kv", "F8", "F32, F16, Q8_0"),
                                                ("infill", "--sampler", "Margin", "did you mean margin"), ("infill", "--borders", "yes", "on|off")):
            self.bad(2, choices, command, option, value)

    def test_wrong_names_are_answered_with_the_right_ones(self):
        self.bad(2, "expected " + ", ".join(SAMPLERS + SCORE_SAMPLERS) + "; did you mean margin?)", "infill", "-m", INFILL, "--text", PAGE,
                 "--sampler", "magin")
        code, _, err = run("infill", "-m", INFILL, "--text", PAGE, "--sampler", "zzzzzzzz")
        self.assertEqual((code, "did you mean" in err), (2, False), err)
        self.bad(2, "unknown command 'infil'; did you mean infill?", "infil")
        code, _, err = run("frobnicate")
        self.assertEqual((code, "did you mean" in err), (2, False), err)


if __name__ == "__main__":
    unittest.main()
