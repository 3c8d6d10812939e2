#!/usr/bin/env python3
"""Writes tests/golden/outputs: the output of the command for the runs of tests/output_cases.py.

    cmake --preset release && cmake --build build/release && tools/make_output_golden.py

Run it only if outputs are meant to change; the diff then shows what changes for users, and belongs in the CHANGELOG."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
import output_cases as cases  # noqa: E402

for name, runs in cases.CASES.items():
    parts = [f"{cases.title(arguments)}\n{cases.output(arguments)}\n" for arguments in runs()]
    (cases.FOLDER / f"{name}.txt").write_text("".join(parts), encoding="utf-8")
    print(f"{name}: {len(parts)} runs")
