"""palimpsest sudoku: puzzles that are made, boards that are judged, wrong input.  Needs no package."""
import unittest

from cli_testing import CommandTest

PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
SOLUTION = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"


class Sudoku(CommandTest):
    def test_makes_puzzles_with_one_solution_and_the_same_ones_again(self):
        made = self.objects("sudoku", "--make", "8", "--givens", "24-27", "--seed", "3", "--canonical")
        self.assertEqual([puzzle["givens"] for puzzle in made], [24, 25, 26, 27] * 2)
        self.assertEqual([puzzle["number"] for puzzle in made], list(range(8)))
        for puzzle in made:
            found, = self.objects("sudoku", "--text", puzzle["puzzle"], "--canonical")
            self.assertEqual((found["solutions"], found["counted"]), (1, True))
            for key in ("solution", "grade", "canonical"):
                self.assertEqual(found[key], puzzle[key])
            self.assertTrue(all(p in (".", s) for p, s in zip(puzzle["puzzle"], puzzle["solution"])))
        later = self.objects("sudoku", "--make", "2", "--first", "6", "--givens", "24-27", "--seed", "3",
                             "--canonical")
        self.assertEqual(later, made[6:])
        lines = self.good("sudoku", "--make", "8", "--givens", "24-27", "--seed", "3", "--solutions").decode()
        self.assertEqual(lines.splitlines(), [f"{p['puzzle']} {p['solution']}" for p in made])

    def test_judges_a_board_as_it_is_pasted(self):
        rows = [PUZZLE[i:i + 9] for i in range(0, 81, 9)]
        pasted = "\n".join(f"| {row[:3]} | {row[3:6]} | {row[6:]} |" for row in rows).replace(".", "_")
        for text in (PUZZLE, "\n".join(rows), pasted, "+---+\n" + pasted, PUZZLE.replace(".", "0")):
            out = self.good("sudoku", "--text", text, "--solutions").decode()
            self.assertEqual(out, f"one solution, singles {SOLUTION}\n")

    def test_counts_say_what_is_known(self):
        for text, said in (("." * 81, "more than 1000 solutions"), ("." * 16, "288 solutions"), (SOLUTION, "one solution, singles"),
                           ("55" + "." * 79, "no solution: row 1, column 1 and row 1, column 2 have the same digit"),
                           ("531" + PUZZLE[3:], "no solution")):
            self.assertEqual(self.good("sudoku", "--text", text).decode(), said + "\n")
        found, = self.objects("sudoku", "--text", "55" + "." * 79)
        self.assertEqual((found["conflict"], found["solutions"], found["counted"]), ([0, 1], 0, True))
        found, = self.objects("sudoku", "--text", "." * 81)
        self.assertEqual((found["solutions"], found["counted"]), (1000, False))

    def test_many_boards(self):
        boards = f"{PUZZLE}\n{SOLUTION}\n\n{'.' * 16}\n"
        out = self.good("sudoku", "--lines", "-", stdin=boards.encode()).decode()
        self.assertEqual(out, "one solution, singles\none solution, singles\n288 solutions\n")

    def test_wrong_input_is_named(self):
        for code, message, *arguments in (
                (1, "this one has 80", "--text", PUZZLE[:80]), (1, "byte 0", "--text", "x" + PUZZLE[1:]),
                (2, "22 to 81", "--make", "1", "--givens", "5"), (2, "givens", "--make", "1", "--givens", "30-20"),
                (2, "4 to 16", "--make", "1", "--small", "--givens", "17"), (2, "--make", "--make", "1", "--text", PUZZLE),
                (2, "--json", "--text", PUZZLE, "--canonical"), (2, "need --make", "--text", PUZZLE, "--seed", "1"), (2, "--text")):
            self.bad(code, message, "sudoku", *arguments)


if __name__ == "__main__":
    unittest.main()
