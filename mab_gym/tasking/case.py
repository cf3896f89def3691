"""One task: which family it belongs to, and what makes it this case and no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """One task of a family.

    Attributes:
        family: The family's name.
        number: 1 and up within its set; with the family it makes the `id`.
        branch: Which of the family's clinical situations this is. Agents never see it.
        params: What the prompt is filled with and the verifier needs: strings and numbers.
        steps: How many steps its gold solution takes (see `mab_gym.tasking._difficulty`); None where nobody counted.
            Agents never see it: it depends on the branch.
    """

    family: str
    number: int
    branch: str
    params: Mapping[str, Any]
    steps: int | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """As in ``latest_magnesium/07``."""
        return f"{self.family}/{self.number:02d}"

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    def to_json(self) -> str:
        """One line of a ``cases.jsonl``."""
        data = {"number": self.number, "branch": self.branch, "steps": self.steps, "params": dict(self.params)}
        return json.dumps({name: value for name, value in data.items() if value is not None}, ensure_ascii=False)

    @classmethod
    def from_json(cls, family: str, line: str) -> Case:
        """Reads one line of a ``cases.jsonl``.

        Raises:
            ValueError: The line is not as `to_json` writes it.
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
