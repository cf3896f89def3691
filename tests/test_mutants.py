"""The plan of `scripts/mutants`: it names what is there, and explains changes of lines that are there."""

from __future__ import annotations

import tomllib

import pytest

from tests.conftest import ROOT

PLAN = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))


def modules() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for pattern in PLAN["modules"] for path in ROOT.glob(pattern)}


def test_every_module_that_decides_over_right_and_wrong_is_there() -> None:
    families = [path.parent for path in ROOT.glob("tasks/**/task.toml")]
    assert len(families) >= 47
    verifiers = {(family / "verifier.py").relative_to(ROOT).as_posix() for family in families}
    deciding = {
        "actions.py",
        "tasking/judging.py",
        "tasking/_matching.py",
        "tasking/verdict.py",
        "official/_grading.py",
    }
    meaning = (ROOT / "mab_gym/tasking/meaning").glob("*.py")
    deciding |= {f"tasking/meaning/{path.name}" for path in meaning if path.name != "__init__.py"}
    assert modules() >= verifiers | {f"mab_gym/{name}" for name in deciding}


@pytest.mark.parametrize("pattern", PLAN["modules"])
def test_the_tests_near_a_module_are_there(pattern: str) -> None:
    assert list(ROOT.glob(pattern))
    paths = [each for each in PLAN["modules"][pattern] if each.startswith("tests/")]
    assert paths
    assert all((ROOT / path).exists() for path in paths)


def test_what_may_survive_changes_lines_that_are_there_and_says_why() -> None:
    for survivor in PLAN["survivor"]:
        assert survivor["module"] in modules()
        text = " ".join((ROOT / survivor["module"]).read_text(encoding="utf-8").split())
        assert survivor["was"] in text, survivor
        assert len(survivor["why"]) > 20
        assert survivor["now"] != survivor["was"]
