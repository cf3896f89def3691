"""What curricula share: records of how arms have done, the choice by weight, and how all that is kept."""

from __future__ import annotations

import bisect
import itertools
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mab_gym.curriculum._strata import Arm, Record
from mab_gym.errors import UsageError

_SHORTEST_MEMORY = 0.01


class Chance(Protocol):
    """The part of a random generator that is needed here (numpy's ``Generator`` has it)."""

    def random(self) -> float:
        """A number from 0, below 1."""
        ...


class CaseSampler(ABC):
    """What curricula share: arms, their records, and how they are kept.

    Args:
        arms: What to choose between; `arms_of` gives an environment's.
        decay: What an earlier episode of an arm weighs after one more of it, from 0.01 to 1.
        outcome: What is recorded of an episode: its verdict's ``success``, or its partial ``credit``.

    Raises:
        UsageError: An argument is not as it should be.
    """

    def __init__(self, arms: Iterable[Arm], decay: float, outcome: str) -> None:
        self.arms = tuple(dict.fromkeys(arms))
        if not self.arms:
            raise UsageError("a curriculum needs at least one arm to choose")
        if outcome not in ("success", "credit"):
            raise UsageError(f"the outcome of an episode is success or credit, not {outcome!r}")
        self._decay = within("decay", decay, least=_SHORTEST_MEMORY)
        self._outcome = outcome
        self.records = {arm: Record() for arm in self.arms}

    @abstractmethod
    def weights(self) -> Sequence[float]:
        """How likely each of `arms` is to be chosen now, in proportion."""

    def next_options(self, chance: Chance) -> dict[str, str]:
        """Options for the next episode's ``reset``: a family and a branch.

        Args:
            chance: The source of chance, such as a numpy ``Generator``.
        """
        bounds = list(itertools.accumulate(self.weights()))
        place = bisect.bisect_right(bounds, chance.random() * bounds[-1], hi=len(bounds) - 1)
        arm = self.arms[place]
        return {"family": arm.family, "branch": arm.branch}

    def record(self, info: Mapping[str, Any]) -> None:
        """Notes how an episode ended. Episodes that the record system spoiled and those of no arm here are passed over.

        Args:
            info: The episode's last.

        Raises:
            UsageError: It is not the last one.
        """
        scored = self.scored(info)
        if scored is not None:
            arm, score = scored
            self.records[arm].add(score, self._decay)

    def scored(self, info: Mapping[str, Any]) -> tuple[Arm, float] | None:
        """An episode's arm and what is recorded of it; None where it does not count here, see `record`."""
        if "verdict" not in info:
            raise UsageError("a curriculum records the last info of an episode, the one with a verdict")
        arm = Arm(info["difficulty"], info["family"], info.get("branch", ""))
        if arm not in self.records or "infrastructure_error" in info:
            return None
        return arm, float(info["verdict"][self._outcome])

    def state_dict(self) -> dict[str, Any]:
        """All that was recorded, as JSON has it."""
        return {
            "curriculum": type(self).__name__,
            "records": {str(arm): record.to_list() for arm, record in self.records.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state_dict` gave; arms that it does not know begin anew.

        Raises:
            UsageError: It is of another kind of curriculum, of other arms, or damaged.
        """
        if not isinstance(state, Mapping) or state.get("curriculum") != type(self).__name__:
            raise UsageError(f"this is no state of a {type(self).__name__}")
        names = {str(arm): arm for arm in self.arms}
        records = state.get("records")
        unknown = sorted(set(records) - set(names)) if isinstance(records, Mapping) else ["no records"]
        if not isinstance(records, Mapping) or unknown:
            raise UsageError(f"the state does not fit this curriculum's arms: {', '.join(unknown)}")
        try:
            read = {names[name]: Record.from_list(data) for name, data in records.items()}
        except (TypeError, ValueError) as error:
            raise UsageError(f"the state is damaged: {error}") from None
        self.records = {arm: read.get(arm, Record()) for arm in self.arms}

    def save(self, path: Path | str) -> None:
        """Writes `state_dict` to a file; whoever reads it meanwhile sees the one before."""
        target = Path(path)
        beside = target.with_name(f"{target.name}.new")
        beside.write_text(json.dumps(self.state_dict(), indent=1), encoding="utf-8")
        beside.replace(target)

    def load(self, path: Path | str) -> None:
        """Goes on from what `save` wrote.

        Raises:
            UsageError: The file cannot be read, or see `load_state_dict`.
        """
        try:
            state = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} holds no state of a curriculum: {error}") from None
        self.load_state_dict(state)


def within(name: str, value: object, *, least: float = 0.0, most: float = 1.0, inside: bool = False) -> float:
    """A finite number between two limits.

    Args:
        name: What it is, for the error.
        value: The number.
        least: The lower limit.
        most: The upper one.
        inside: Whether the limits themselves are ruled out.

    Raises:
        UsageError: It is none.
    """
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
    if not math.isfinite(number) or not least <= number <= most or (inside and number in (least, most)):
        limits = f"between {least:g} and {most:g}" if inside else f"from {least:g}"
        raise UsageError(f"{name} is a number {limits}{'' if inside or most > 1 else f' to {most:g}'}, not {value!r}")
    return number
