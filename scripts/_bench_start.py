"""How long it takes until something happens: importing the package, and the command's first page."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 15
PROGRAMS = {
    "python -c pass": ["-c", "pass"],
    "import gymnasium": ["-c", "import gymnasium"],
    "import mab_gym": ["-c", "import mab_gym"],
    "mab-gym --help": ["-m", "mab_gym.cli", "--help"],
    "mab-gym data --help": ["-m", "mab_gym.cli", "data", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """The median time of a program in a process of its own."""
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def loop() -> float:
    """The median time of a loop over a million whole numbers, by which machines can be compared."""
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        for _ in range(1_000_000):
            pass
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main() -> None:
    """Prints a line for each program."""
    print(f"a loop over a million whole numbers takes {loop() * 1e3:.0f} ms here")
    for name, arguments in PROGRAMS.items():
        seconds(arguments)  # what is compiled once
        print(f"{name:22} {seconds(arguments) * 1e3:6.0f} ms, interpreter included")


if __name__ == "__main__":
    main()
