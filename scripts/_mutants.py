"""Mutation testing of `scripts/mutants`: mutmut's changes, each made in a copy of the checkout and tested.

mutmut makes the changes. Its own runner cannot change tables at the top of modules, nor families, which are loaded by
path, so the tests are run here. tests/mutants.toml holds the nearest tests of each module, and the changes that may
survive with the reasons.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import libcst as cst
from _mutants_running import Copy
from libcst.metadata import MetadataWrapper
from mutmut.mutation.file_mutation import Mutation, MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

ROOT = Path(__file__).resolve().parent.parent
PLAN = ROOT / "tests" / "mutants.toml"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a module.

    Attributes:
        code: The whole changed module.
        line: The first changed line.
        was: The removed lines, without indentation.
        now: The new lines.
    """

    code: str
    line: int
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A change that may survive.

    Attributes:
        module: The file.
        was: The removed lines, as in `Change`.
        now: The new lines.
        why: The reason.
    """

    module: str
    was: str
    now: str
    why: str

    def fits(self, change: Change) -> bool:
        """Tells if it is about this change."""
        return (self.was, self.now) == (change.was, change.now)


@dataclass(slots=True)
class Plan:
    """The content of tests/mutants.toml.

    Attributes:
        tests: The arguments of pytest for the nearest tests, by module.
        explained: The changes that may survive.
    """

    tests: dict[str, list[str]]
    explained: list[Explained]

    @classmethod
    def read(cls) -> Plan:
        """Reads the file; ``*`` stands for every folder, ``{folder}`` for its name; later entries win."""
        data = tomllib.loads(PLAN.read_text(encoding="utf-8"))
        tests: dict[str, list[str]] = {}
        for pattern, arguments in data["modules"].items():
            for path in sorted(ROOT.glob(pattern)):
                name = path.relative_to(ROOT).as_posix()
                tests[name] = [each.format(folder=path.parent.name) for each in arguments]
        return cls(tests, [Explained(**entry) for entry in data.get("survivor", ())])


@dataclass(slots=True)
class Outcome:
    """The result for one module."""

    module: str
    changes: int = 0
    killed: int = 0
    explained: int = 0
    survived: list[Change] = field(default_factory=list)
    unused: list[Explained] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """The share of noticed changes, in percent."""
        return 100 * self.killed / self.changes if self.changes else 100.0


def changes_of(path: Path) -> Iterator[Change]:
    """Yields the changes of a module to try."""
    text = path.read_text(encoding="utf-8")
    visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
    module = MetadataWrapper(cst.parse_module(text)).visit(visitor)
    seen = {text}
    for mutation in filter(_tells, visitor.mutations):
        code = module.deep_replace(mutation.original_node, mutation.mutated_node).code
        if code not in seen:
            seen.add(code)
            yield _described(text, code)


def _tells(mutation: Mutation) -> bool:
    """Tells if a change is worth trying.

    Left out are changes of words in sentences for people, which tests do not fix; two of the three ways in which mutmut
    changes a text; and calls that lack an argument before others, since nearly all of them raise at once.
    """
    match mutation.original_node, mutation.mutated_node:
        case cst.SimpleString(value=old), cst.SimpleString(value=new):
            return " " not in old and "XX" in new
        case cst.Call(args=old), cst.Call(args=new) if len(new) < len(old):
            left_out = next(arg for place, arg in enumerate(old) if arg not in new[place : place + 1])
            return left_out.keyword is not None or left_out is old[-1]
    return True


def _described(text: str, code: str) -> Change:
    old, new = text.splitlines(), code.splitlines()
    first = next(place for place, lines in enumerate(zip_longest(old, new)) if lines[0] != lines[1])
    old, new = old[first:], new[first:]
    while old and new and old[-1] == new[-1]:
        old.pop()
        new.pop()
    return Change(code, first + 1, " ".join(" ".join(old).split()), " ".join(" ".join(new).split()))


def tried(copy: Copy, module: str, plan: Plan, sample: int | None) -> Outcome:
    """Makes the changes of a module one by one and runs its nearest tests on each."""
    begun, outcome = time.monotonic(), Outcome(module)
    explained = [each for each in plan.explained if each.module == module]
    used: set[int] = set()
    copy.prepare(module, plan.tests[module])
    changes = list(changes_of(ROOT / module))
    changes = changes[:: max(1, len(changes) // sample)] if sample else changes
    outcome.changes = len(changes)
    noticed = copy.noticed_in_place([change.code for change in changes])
    for number, change in enumerate(changes):
        if number in noticed or copy.notices(change.code):
            outcome.killed += 1
            continue
        fitting = [place for place, each in enumerate(explained) if each.fits(change)]
        used.update(fitting)
        if fitting:
            outcome.explained += 1
        else:
            outcome.survived.append(change)
            print(f"{module}:{change.line}\n  - {change.was}\n  + {change.now}", flush=True)
    copy.restore()
    if sample is None:
        outcome.unused = [each for place, each in enumerate(explained) if place not in used]
    outcome.seconds = time.monotonic() - begun
    return outcome


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yields the lines of the summary."""
    yield f"{'module':48} {'changes':>8} {'killed':>7} {'explained':>10} {'survived':>9} {'killed %':>9} {'s':>6}"
    for each in outcomes:
        yield (
            f"{each.module:48} {each.changes:8} {each.killed:7} {each.explained:10} {len(each.survived):9} "
            f"{each.share:9.1f} {each.seconds:6.0f}"
        )


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=str(__doc__).partition("\n")[0])
    parser.add_argument("module", nargs="*", help="files below the checkout; all that tests/mutants.toml names")
    parser.add_argument("--sample", type=int, help="no more than this many changes of each module, spread evenly")
    asked = parser.parse_args()
    plan = Plan.read()
    modules = asked.module or list(plan.tests)
    if unknown := [name for name in modules if name not in plan.tests]:
        parser.error(f"tests/mutants.toml names no tests for {', '.join(unknown)}; it has {', '.join(plan.tests)}")
    folder = Path(tempfile.mkdtemp(prefix="mab-gym-mutants-"))
    try:
        copy = Copy(ROOT, folder)
        outcomes = []
        for name in modules:
            outcomes.append(tried(copy, name, plan, asked.sample))
            print(*list(table(outcomes[-1:]))[1:], sep="\n", flush=True)
    finally:
        shutil.rmtree(folder)
    print("", *table(outcomes), sep="\n")
    for outcome in outcomes:
        for each in outcome.unused:
            print(f"explained, but killed or gone: {each.module}: {each.was} -> {each.now}")
    return 1 if any(outcome.survived or outcome.unused for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
