"""Runs tests on a changed module for `scripts/mutants`, in a copy of the checkout and a new process each time.

The process is forked from one that has imported what all tests need, but nothing of the project, to save time.
"""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from _mutants_in_place import InPlace, ended_badly

COPIED = ("mab_gym", "tasks", "envs", "tests", "docs", "pyproject.toml", "README.md", "CONTRIBUTING.md")
IMPORTED = (
    "gymnasium",
    "numpy",
    "pytest",
    "hypothesis",
    "httpx",
    "typer",
    "rich.table",
    "rich.progress",
    "platformdirs",
)
ARGUMENTS = (
    "-x", "-q", "--tb=native", "--assert=plain", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # for modules imported before pytest starts
)  # fmt: skip
MEMORY = 8 << 30
"""Bytes that a changed program may take."""
BROKEN = "raise RuntimeError('this module is broken on purpose')\n"


class Copy:
    """A copy of the checkout in which a module can be changed.

    Args:
        root: The checkout.
        folder: An empty folder for the copy.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._folder = folder
        for name in COPIED:
            source, target = root / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        sys.path[:0] = [str(folder)]
        for each in IMPORTED:
            importlib.import_module(each)

    def prepare(self, module: str, tests: Sequence[str]) -> None:
        """Chooses a module and its tests.

        They must pass without a change, and fail if the module cannot be loaded, which proves that they run it.
        """
        self._path, self._tests = self._folder / module, tests
        self._code = self._path.read_text(encoding="utf-8")
        self._seconds, begun = 600.0, time.monotonic()
        if not self._passes(bytecode=True):
            sys.exit(f"{module}: its tests fail as it is: pytest {' '.join(tests)}\n{self._output()}")
        self._seconds = 10 + 10 * (time.monotonic() - begun)
        for stale in self._path.parent.glob(f"__pycache__/{self._path.stem}.*"):
            stale.unlink()  # otherwise two changes of equal length within a second would share it
        if not self.notices(BROKEN):
            sys.exit(f"{module}: its tests do not load it: pytest {' '.join(tests)}")
        self.restore()

    def noticed_in_place(self, codes: Sequence[str]) -> set[int]:
        """Returns the indices of changes that the tests notice without a new process; it may miss some."""
        told = self._folder / "noticed"
        told.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            self._test([InPlace(self._path, codes, told)])
        os.waitpid(child, 0)
        return {int(line) for line in told.read_text(encoding="utf-8").split()} if told.exists() else set()

    def notices(self, code: str) -> bool:
        """Runs the tests with this code in the module; returns True if they fail."""
        self._path.write_text(code, encoding="utf-8")
        return not self._passes()

    def restore(self) -> None:
        """Restores the module."""
        self._path.write_text(self._code, encoding="utf-8")

    def _output(self) -> str:
        return (self._folder / "output").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _passes(self, *, bytecode: bool = False) -> bool:
        child = os.fork()
        if not child:
            self._test(bytecode=bytecode)
        return not ended_badly(child, self._seconds)

    def _test(self, plugins: Sequence[object] = (), *, bytecode: bool = False) -> None:
        """Runs the tests in the child process; does not return."""
        code = 1
        try:
            output = os.open(self._folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.chdir(self._folder)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            sys.dont_write_bytecode = not bytecode
            pytest = importlib.import_module("pytest")
            code = int(pytest.main([*ARGUMENTS, *self._tests], plugins=list(plugins)))
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
