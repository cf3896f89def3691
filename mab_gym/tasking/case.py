"""`Case`: one task of a family, with the parameters that make it different from the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Case"]


@dataclass(frozen=True, slots=True)
class Case:
    """One task of a family.

    Attributes:
        family: The family's name.
        number: Its number within its set, from 1; together with the family it makes the `id`.
        branch: The family's clinical situation that this case shows. Agents never see it.
        params: Strings and numbers that fill the prompt and that the verifier needs.
        steps: The number of steps of its gold solution (see `mab_gym.tasking._difficulty`); None if nobody counted.
            Agents never see it, because it depends on the branch.
    """

    family: str
    number: int
    branch: str
    params: Mapping[str, Any]
    steps: int | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """Family and number, as in ``latest_magnesium/07``."""
        return f"{self.family}/{self.number:02d}"

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    def to_json(self) -> str:
        """Returns the case as one line of a ``cases.jsonl``."""
        data = {"number": self.number, "branch": self.branch, "steps": self.steps, "params": dict(self.params)}
        return json.dumps({name: value for name, value in data.items() if value is not None}, ensure_ascii=False)

    @classmethod
    def from_json(cls, family: str, line: str) -> Case:
        """Reads one line of a ``cases.jsonl``.

        Raises:
            ValueError: The line does not have the form that `to_json` writes.
        """
        data = json.loads(line)
        if not isinstance(data, dict) or set(data) - {"steps"} != {"number", "branch", "params"}:
            raise ValueError("a case has exactly the fields number, branch and params, and steps if they were counted")
        if (
            not isinstance(data["number"], int)
            or not isinstance(data["branch"], str)
            or not isinstance(data["params"], dict)
        ):
            raise ValueError("number is a whole number, branch a text and params an object")
        steps = data.get("steps")
        if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or steps < 1):
            raise ValueError(f"steps is a whole number from 1, not {steps!r}")
        return cls(family, data["number"], data["branch"], data["params"], steps)
