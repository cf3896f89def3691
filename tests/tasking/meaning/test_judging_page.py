"""docs/judging.md: every harmless element stands there with its reason, and every critical limit."""

from __future__ import annotations

from mab_gym.tasking.critical import LIMITS
from mab_gym.tasking.meaning._elements import HARMLESS
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "judging.md").read_text(encoding="utf-8")


def test_every_harmless_element_is_named_with_its_reason() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for kind, elements in HARMLESS.items():
        for element, reason in elements.items():
            assert any(f"`{kind}`" in row and f"`{element}`" in row and reason in row for row in rows), (kind, element)
    named = sum(row.count("`") // 2 - 1 for row in rows)
    assert named == sum(len(elements) for elements in HARMLESS.values())


def test_every_critical_limit_is_named() -> None:
    for limit in LIMITS.values():
        side = "below" if limit.below else "above"
        assert any(
            line.startswith(f"| {limit.name} |") and f"{limit.value:.1f}" in line and side in line
            for line in PAGE.splitlines()
        )
