"""palimpsest infill with a model of boards: what is filled, said and refused.  Needs no package."""
import json
import unittest

from cli_testing import INFILL, ROOT, CommandTest, run

MODEL = str(ROOT / "tests/golden/arch/sudoku.gguf")     # random weights
SMALL = str(ROOT / "tests/golden/arch/sudoku-4.gguf")
PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
FULL = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"


class Board(CommandTest):
    def fill(self, page, *arguments):
        code, out, err = run("infill", "-m", MODEL, "--text", page, "--seed", "3", *arguments)
        self.assertEqual(code, 0, err)
        return out.decode(), err

    def test_pasted_boards_of_all_shapes_are_filled_alike(self):
        rows = [PUZZLE[i:i + 9] for i in range(0, 81, 9)]
        pasted = "\n".join(f"| {row[:3]} | {row[3:6]} | {row[6:]} |" for row in rows).replace(".", "_")
        expected, err = self.fill(PUZZLE)
        self.assertEqual((len(expected), err), (82, ""))
        self.assertTrue(all(p in (".", c) and "1" <= c <= "9" for p, c in zip(PUZZLE, expected)))
        for text in "\n".join(rows), pasted, "+---+\r\n" + pasted, PUZZLE.replace(".", "0"):
            self.assertEqual(self.fill(text)[0], expected)

    def test_json_tells_step_and_certainty_of_each_cell_and_whether_the_board_is_valid(self):
        found, = self.objects("infill", "-m", MODEL, "--text", PUZZLE, "--seed", "3", "--loops", "2")
        self.assertEqual((found["complete"], found["loops"], found["solved"]), (True, 2, False))
        self.assertEqual(found["valid"], "conflict" not in found)
        self.assertEqual("".join(str(cell["digit"]) for cell in found["cells"]), found["board"])
        self.assertEqual([cell["given"] for cell in found["cells"]], [c != "." for c in PUZZLE])
        steps = sorted(cell["step"] for cell in found["cells"] if not cell["given"])
        self.assertEqual(steps, list(range(1, 52)))
        for cell in found["cells"]:
            if not cell["given"]:
                self.assertAlmostEqual(sum(a["probability"] for a in cell["alternatives"]), 1, delta=0.5)
                self.assertIn(cell["digit"], range(1, 10))
        full, = self.objects("infill", "-m", MODEL, "--text", FULL, "--seed", "3")
        self.assertEqual((full["valid"], full["solved"], full["evaluations"]), (True, True, 0))

    def test_a_trace_shows_open_cells_as_points(self):
        _, err = self.fill(PUZZLE, "--trace")
        first = err.splitlines()[0].split(": ")[1]
        self.assertEqual((len(first), first.count(".")), (81, 50))

    def test_what_is_strange_is_said_and_filled_all_the_same(self):
        for text, said in ((FULL.replace("1", ".").replace("2", "."), "the board has 2 solutions"),
                           ("." * 81, "the board is empty: it has more than 1000 solutions"),
                           ("55" + "." * 79, "row 1, column 1 and row 1, column 2 both have the digit 5"),
                           ("12345678." + "." * 8 + "9" + "." * 63, "the board has no solution"),
                           (FULL, "the board has no open cell: there is nothing to fill")):
            out, err = self.fill(text)
            self.assertIn(said, err)
            self.assertEqual((len(out), out.count(".")), (82, 0))

    def test_wrong_boards_name_the_cell(self):
        for text, message in ((PUZZLE[:-1], "the board has 80 cells: the board has fewer than 81"),
                              (PUZZLE + ".", "the board has 82 cells: the board has more than 81"),
                              (PUZZLE[:13] + "x" + PUZZLE[14:], "wrong at row 2, column 5: a board has only digits"),
                              ("", "the board has 0 cells")):
            self.bad(1, message, "infill", "-m", MODEL, "--text", text, "--seed", "1")

    def test_many_boards_are_lines_each_as_if_alone(self):
        boards = f"{PUZZLE}\n\n{PUZZLE.replace('.', '0')}\r\n{FULL}\n"
        code, out, err = run("infill", "-m", MODEL, "--pages", "-", "--seed", "3", stdin=boards.encode())
        self.assertEqual((code, err), (0, "board 2 has no open cell: there is nothing to fill\n"))
        alone = [self.good("infill", "-m", MODEL, "--text", PUZZLE, "--seed", seed).decode().strip() for seed in (3, 4)]
        self.assertEqual(out.decode().split(), alone + [FULL])
        objects = self.objects("infill", "-m", MODEL, "--pages", "-", "--seed", "3", stdin=boards.encode())
        self.assertEqual([(o["page"], o["board"]) for o in objects], list(enumerate(alone + [FULL])))
        code, out, err = run("infill", "-m", MODEL, "--pages", "-", "--seed", "3", stdin=f"{FULL}\n12a\n".encode())
        self.assertEqual(code, 1)
        self.assertIn("board 1 is wrong at row 1, column 3", err)

    def test_pins_drafts_and_small_boards(self):
        pinned, = self.objects("infill", "-m", SMALL, "--text", "." * 16, "--pin", "5:0:3", "--temperature", "0", "--seed", "1")
        self.assertEqual((len(pinned["cells"]), pinned["cells"][5]["digit"], pinned["cells"][5]["step"]), (16, 3, 0))
        drafts = self.objects("infill", "-m", SMALL, "--text", "." * 16, "--drafts", "3", "--temperature", "1", "--seed", "1")
        self.assertEqual(len({d["board"] for d in drafts}), 3)

    def test_commands_and_options_of_texts_are_refused(self):
        none = "the model fills boards of Sudoku (infill): it has no texts and no tokenizer"
        for command in (("generate", "--prompt", "x", "--max-tokens", "1"), ("score", "--text", "x"), ("tokenize", "--text", "x"),
                        ("surprise", "--text", "x"), ("probe", "unpredictable")):
            code, out, err = run(command[0], "-m", MODEL, *command[1:])
            self.assertNotEqual(code, 0, command)
            self.assertIn(none, err)
        self.bad(2, "document is an option of texts", "infill", "-m", MODEL, "--text", PUZZLE, "--document", "--seed", "1")
        self.bad(2, "free lengths are options of texts", "infill", "-m", MODEL, "--text", PUZZLE, "--free", "1-4", "--seed", "1")
        self.bad(2, "loops is an option of models of boards", "infill", "-m", INFILL, "--text", "[[2]]", "--loops", "4", "--seed", "1")
        self.bad(2, "loops must be", "infill", "-m", MODEL, "--text", PUZZLE, "--loops", "65")

    def test_info_says_what_it_is(self):
        found = json.loads(self.good("info", "-m", MODEL, "--json"))
        self.assertEqual((found["board"], found["loops"], found["can_infill"], found["can_tokenize"]), (9, 4, True, False))
        self.assertIn(b"9 x 9 cells, 4 loops", self.good("info", "-m", MODEL))


if __name__ == "__main__":
    unittest.main()
