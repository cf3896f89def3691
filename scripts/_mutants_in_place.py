"""A pytest plugin for `scripts/mutants` that tries changes of functions without loading modules again.

pytest collects the tests once. For each change it forks; the fork puts the changed code into the existing function, or
binds the changed table again wherever it was imported, and runs the tests until one fails. That takes a fraction of the
time of a new process. Changes that cannot be made in this way (enumerations, defaults of fields), or that no test
notices, are tried in a new process.
"""

from __future__ import annotations
import __future__

import ast
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest


class InPlace:
    """Runs the collected tests on one change after another.

    Args:
        path: The module's file.
        codes: The code of the changed modules.
        noticed: The file for the indices of noticed changes, one a line.
    """

    def __init__(self, path: Path, codes: Sequence[str], noticed: Path) -> None:
        self._path, self._codes, self._noticed = path, codes, noticed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Replaces pytest's own loop."""
        begun = time.monotonic()
        if session.testsfailed or not _pass(session):
            return True  # nothing is reported, so each change gets a new process
        limit = 10 + 10 * (time.monotonic() - begun)
        modules = [m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == str(self._path)]
        old = ast.parse(self._path.read_text(encoding="utf-8")).body
        gc.collect()
        gc.freeze()  # otherwise each fork copies the pages that the collector touches
        with self._noticed.open("w", encoding="utf-8") as told:
            for place, code in enumerate(self._codes):
                child = os.fork()
                if not child:
                    _try(session, modules, old, ast.parse(code).body)
                if ended_badly(child, limit):
                    print(place, file=told, flush=True)
        return True


def ended_badly(child: int, limit: float) -> bool:
    """Waits for a process that runs tests; returns True if it failed, or took too long and was killed."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status != 0
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)  # a hang counts as noticed
    os.waitpid(child, 0)
    return True


def _pass(session: pytest.Session) -> bool:
    """Runs the tests until one fails; returns True if none does."""
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return False
    return True


def _try(session: pytest.Session, modules: Sequence[ModuleType], old: list[ast.stmt], new: list[ast.stmt]) -> None:
    """Runs in the fork and does not return; if the change cannot be made in place, it reports nothing noticed."""
    done, passed = False, False
    gc.disable()
    try:
        done = bool(modules) and all(_put(vars(module), old, new, module) for module in modules)
        passed = done and _pass(session)
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(1 if done and not passed else 0)


def _put(there: Mapping[str, Any], old: list[ast.stmt], new: list[ast.stmt], module: ModuleType) -> bool:
    """Puts the changed function's code in place; returns False if the change is of another kind."""
    changed = list(_differing(old, new))
    if len(old) != len(new) or len(changed) != 1:
        return False
    before, after = changed[0]
    if isinstance(before, ast.ClassDef) and isinstance(after, ast.ClassDef):
        return _put(vars(there[before.name]), before.body, after.body, module)
    scratch = dict(vars(module))
    flags = __future__.annotations.compiler_flag
    exec(compile(ast.Module([after], []), str(module.__file__), "exec", flags, dont_inherit=True), scratch)
    match after:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return there is vars(module) and _bind(name, there[name], scratch[name])
        case ast.FunctionDef(name=name, decorator_list=[]):
            return _replace(there.get(name), scratch[name])
    return False


def _bind(name: str, old: Any, new: Any) -> bool:
    """Binds a name to a new value in its module and in all modules that imported it."""
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(name) is old:
            setattr(module, name, new)
    return True


def _replace(function: Any, changed_function: FunctionType) -> bool:
    """Gives a function the code of another."""
    if not isinstance(function, FunctionType) or function.__code__.co_freevars != changed_function.__code__.co_freevars:
        return False
    function.__code__ = changed_function.__code__
    function.__defaults__, function.__kwdefaults__ = changed_function.__defaults__, changed_function.__kwdefaults__
    return True


def _differing(old: list[ast.stmt], new: list[ast.stmt]) -> Iterator[tuple[ast.stmt, ast.stmt]]:
    for before, after in zip(old, new, strict=False):
        if ast.dump(before) != ast.dump(after):
            yield before, after
