"""An agent of graded skill: each step of the gold solution is right with some probability, else a mistake."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mab_gym.agents._reference import Oracle
from mab_gym.envs._scenario import Scenario
from mab_gym.errors import UsageError
from mab_gym.tasking.case import Case

LOST = "FINISH([-1])"
"""The answer after a mistake that leaves the gold solution without a next step."""


class Fallible:
    """Follows the gold solution and makes mistakes: a stand-in for a stochastic policy, for studies of rewards.

    Args:
        skill: The probability that a step is right, from 0 to 1.

    Raises:
        UsageError: The skill is not between 0 and 1.
    """

    def __init__(self, skill: float = 0.5) -> None:
        if isinstance(skill, bool) or not isinstance(skill, int | float) or not 0 <= skill <= 1:
            raise UsageError(f"a skill is a number from 0 to 1, not {skill!r}")
        self.name = f"fallible {skill:g}"
        self._skill = skill
        self._oracle = Oracle()
        self._slips = WeakPlayer(skill, random.Random(0))

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Opens the case's gold solution."""
        self._oracle.brief(scenario, case)

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Seeds the random choices."""
        self._slips = WeakPlayer(self._skill, random.Random(f"fallible/{self._skill}/{seed}"))

    def act(self, observation: Mapping[str, Any]) -> str:
        """Returns the solution's next action, or a mistake in its place."""
        try:
            action = self._oracle.act(observation)
        except Exception:  # after a mistake the reply may not be the one that the solution expects
            action = LOST
        return self._slips.instead_of(action)


class WeakPlayer:
    """Replaces actions by typical mistakes of a weak agent.

    Args:
        skill: The probability that a step is right.
        rng: The random generator.
    """

    def __init__(self, skill: float, rng: random.Random) -> None:
        self._skill = skill
        self._rng = rng

    def instead_of(self, action: str) -> str:
        """Returns the action, or a mistake in its place."""
        if self._rng.random() < self._skill:
            return action
        kind = next((kind for kind in _SLIPS if action.startswith(kind)), "FINISH")
        slips = self._rng.sample(_SLIPS[kind], len(_SLIPS[kind]))
        return next((wrong for slip in slips if (wrong := slip(action, self._rng)) != action), action)

    def breaks(self, rule: str) -> bool:
        """Tells if a rule is broken this time."""
        return self._rng.random() >= self._skill


def _unsorted(action: str, rng: random.Random) -> str:
    """Reads the first page, without sorting."""
    return re.sub(r"&?_(?:sort|count)=[^&]*", "", action)


def _of_another_code(action: str, rng: random.Random) -> str:
    others = ("NA", "CREA", "HGB", "K", "MG")
    return re.sub(r"code=[^&]*", f"code={rng.choice(others)}", action)


def _of_another_patient(action: str, rng: random.Random) -> str:
    return re.sub(r"[SH]\d{7}", lambda found: f"{found.group()[0]}{(int(found.group()[1:]) + 1) % 10**7:07d}", action)


def _by_another_parameter(action: str, rng: random.Random) -> str:
    return action.replace("family=", "given=")


def _of_another_amount(action: str, rng: random.Random) -> str:
    factor = rng.choice((0.5, 2, 10))
    return re.sub(r'("value": )([0-9.]+)', lambda found: f"{found[1]}{float(found[2]) * factor:g}", action)


def _without_a_field(action: str, rng: random.Random) -> str:
    line, _, body = action.partition("\n")
    resource = json.loads(body)
    del resource[rng.choice([name for name in resource if name != "resourceType"])]
    return f"{line}\n{json.dumps(resource)}"


def _left_out(action: str, rng: random.Random) -> str:
    """Searches instead of writing."""
    address = action.partition("\n")[0].partition(" ")[2]
    return f"GET {address}" + ("?_count=1" if action.startswith("POST ") else "")


def _another_number(action: str, rng: random.Random) -> str:
    return re.sub(
        r"-?\d+(?:\.\d+)?", lambda found: f"{float(found.group()) + rng.choice((-1, 0.5, 1)):g}", action, count=1
    )


def _as_a_sentence(action: str, rng: random.Random) -> str:
    return action.replace("FINISH([", 'FINISH(["The answer is ').replace("])", '"])')


def _shortened(action: str, rng: random.Random) -> str:
    return re.sub(r",[^,]*\]\)$", "])", action) if "," in action else "FINISH([])"


_SLIPS: Mapping[str, Sequence[Callable[[str, random.Random], str]]] = {
    "GET": (_unsorted, _of_another_code, _of_another_patient, _by_another_parameter),
    "POST": (_of_another_amount, _without_a_field, _left_out),
    "PUT": (_of_another_amount, _left_out),
    "PATCH": (_left_out,),
    "DELETE": (_left_out,),
    "FINISH": (_another_number, _as_a_sentence, _shortened),
}
