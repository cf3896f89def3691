"""The pages of the casework's families: each has its row of the audit, and the audit knows each rule."""

from __future__ import annotations

import json
from typing import Any

from tests.casework.playing import FAMILIES, family
from tests.conftest import ROOT

AUDIT: dict[str, Any] = json.loads((ROOT / "docs" / "figures" / "casework_audit.json").read_text(encoding="utf-8"))


def test_each_family_was_audited() -> None:
    for part in ("blind", "graded", "rules", "policies"):
        assert sorted(row["family"] for row in AUDIT[part]) == sorted(FAMILIES), part


def test_the_audit_broke_each_rule() -> None:
    broken = {row["family"]: set(row["lost_by_breaking"]) for row in AUDIT["rules"]}
    assert {name: set(family(name).rules) - broken[name] - set(family(name).excused) for name in FAMILIES} == {
        name: set() for name in FAMILIES
    }
