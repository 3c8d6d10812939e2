#!/usr/bin/env python3
"""Writes tests/golden/outputs: what the command prints for the runs of tests/output_cases.py.

    cmake --preset release && cmake --build build/release && tools/make_output_golden.py

Only when outputs are meant to change; the difference then says what changed for people, and goes into the CHANGELOG."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
import output_cases as cases  # noqa: E402

for name, runs in cases.CASES.items():
    parts = [f"{cases.title(arguments)}\n{cases.output(arguments)}\n" for arguments in runs()]
    (cases.FOLDER / f"{name}.txt").write_text("".join(parts), encoding="utf-8")
    print(f"{name}: {len(parts)} runs")
