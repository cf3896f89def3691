"""Measures the start-up: importing the package, and the command's first page."""

from __future__ import annotations

import time

from _bench import median, process, row

RUNS = 15
PROGRAMS = {
    "python -c pass": ("–", ("-c", "pass")),
    "import gymnasium": ("–", ("-c", "import gymnasium")),
    "import mab_gym": ("≤ 200", ("-c", "import mab_gym")),
    "mab-gym --help": ("≤ 400", ("-m", "mab_gym.cli", "--help")),
    "mab-gym data --help": ("–", ("-m", "mab_gym.cli", "data", "--help")),
}
"""The programs, each with its limit in milliseconds including the interpreter, or without a limit."""


def loop() -> float:
    """Returns the milliseconds of a loop over a million numbers, to compare machines."""
    begun = time.perf_counter()
    for _ in range(1_000_000):
        pass
    return (time.perf_counter() - begun) * 1e3


def main() -> None:
    """Prints a line for each program."""
    row("a loop over a million whole numbers", "ms", "–", median(loop, RUNS))
    for name, (wanted, command) in PROGRAMS.items():
        process(*command)  # compiles the byte code, which happens once
        row(name, "ms", wanted, median(lambda command=command: process(*command) * 1e3, RUNS))


if __name__ == "__main__":
    main()
