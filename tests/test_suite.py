"""The scripts behind tools/test: parallel tasks whose failures are never lost, and the counts in the last line."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
START = """\
set -uo pipefail
. tools/lib/packages.sh; . tools/lib/count.sh
logs=$FOLDER
. tools/lib/tasks.sh
good() { check "$1" true; }
bad() { check "$1" false; }
absent() { skip "$1" "not here"; return 1; }
sleeps() { sleep 4321 & echo $! >"$FOLDER/$1.pid"; wait; }
dies() { check "$1" true; kill -9 "$BASHPID"; }
"""
END = """
run_tasks
printf '%d passed, %d failed, %d skipped\\n' $passed $failed $skipped
"""


class Tasks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, *tasks):
        words = "\n".join(f"task {name} cpu '{needs}' '{call}'" for name, needs, call in tasks)
        return subprocess.Popen(["bash", "-c", START + words + END], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                cwd=ROOT, env={**os.environ, "FOLDER": str(self.folder)}, text=True)

    def counts(self, *tasks):
        out, _ = self.start(*tasks).communicate(timeout=60)
        return tuple(map(int, re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", out.splitlines()[-1]).groups())), out

    def test_each_result_is_counted_once(self):
        tasks = [(f"t{i}", "", ("good", "bad", "absent")[i % 3] + f" t{i}") for i in range(12)]
        self.assertEqual(self.counts(*tasks)[0], (4, 4, 4))

    def test_task_that_dies_has_failed(self):
        self.assertEqual(self.counts(("a", "", "dies a"), ("b", "", "good b"))[0], (1, 1, 0))
        self.assertEqual(self.counts(("a", "", "exit 0"))[0], (0, 1, 0))

    def test_task_that_needs_a_failed_one_fails_and_of_an_absent_one_is_skipped(self):
        counts, out = self.counts(("a", "", "bad a"), ("b", "a", "good b"), ("c", "b", "good c"), ("d", "", "absent d"),
                                  ("e", "d", "good e"), ("f", "e", "good f"), ("g", "", "good g"), ("h", "g", "good h"))
        self.assertEqual(counts, (2, 3, 3), out)

    def test_output_of_a_task_stands_together_behind_those_it_needs(self):
        _, out = self.counts(*((f"t{i}", f"t{i - 1}" if i % 4 else "", f"good t{i}") for i in range(8)))
        lines = [line.split()[1] for line in out.splitlines()[:-1]]        # ==> t0, ok t0: 0 s, took 0 s
        self.assertEqual([one.rstrip(":") for one in lines[1::3]], lines[0::3])
        for i in range(8):
            if i % 4:
                self.assertLess(lines.index(f"t{i - 1}"), lines.index(f"t{i}"))

    def test_interrupt_ends_all_that_runs(self):
        process = self.start(("a", "", "sleeps a"), ("b", "", "sleeps b"))
        pids = [self.folder / "a.pid", self.folder / "b.pid"]
        while not all(path.exists() and path.read_text().strip() for path in pids):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertEqual([path.name for path in pids if self.is_alive(path.read_text().strip())], [])

    @staticmethod
    def is_alive(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False


class Counts(unittest.TestCase):
    def count(self, name, text):
        done = subprocess.run(["awk", "-f", f"tools/lib/count-{name}.awk"], input=text, capture_output=True, text=True,
                              cwd=ROOT, check=True)
        return list(map(int, done.stdout.split()))

    def test_python_tests_are_counted_with_those_that_wait(self):
        text = ("test_a (x.T.test_a) ... ok\ntest_b (x.T.test_b) ... skipped 'PyTorch is not installed (y)'\n"
                "test_c (x.T.test_c) ... skipped 'no such file'\ntest_d (x.T.test_d) ... FAIL\n\nRan 4 tests in 0.1s\n\n")
        self.assertEqual(self.count("python", text + "FAILED (failures=1, skipped=2)\n"), [1, 1, 2, 1])
        self.assertEqual(self.count("python", "Ran 3 tests in 1s\n\nFAILED (failures=1, errors=1)\n"), [1, 2, 0, 0])
        self.assertEqual(self.count("python", "Ran 2 tests in 1s\n\nOK (skipped=1)\n"), [1, 0, 1, 0])
        self.assertEqual(self.count("python", "Ran 1 test in 1s\n\nFAILED (unexpected successes=1)\n"), [0, 1, 0, 0])
        self.assertEqual(self.count("python", ""), [0, 0, 0, 0])


class Requirements(unittest.TestCase):
    def test_a_package_has_one_version(self):
        found = {}
        for path in ROOT.glob("t*/**/requirements.txt"):
            for line in path.read_text().splitlines():
                name, version = line.split("#")[0].strip().split("==")
                found.setdefault(name.lower(), {}).setdefault(version, []).append(str(path.relative_to(ROOT)))
        self.assertIn("numpy", found)
        self.assertEqual({name: places for name, places in found.items() if len(places) > 1}, {})


if __name__ == "__main__":
    unittest.main()
