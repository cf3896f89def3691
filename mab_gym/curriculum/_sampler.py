"""The base of curricula: records of each stratum, the choice by weight, saving and loading."""

from __future__ import annotations

import bisect
import itertools
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mab_gym.curriculum._strata import Record, Stratum
from mab_gym.errors import UsageError

_SHORTEST_MEMORY = 0.01


class RandomSource(Protocol):
    """A source of random numbers, such as numpy's ``Generator``."""

    def random(self) -> float:
        """Returns a number from 0, below 1."""
        ...


class CaseSampler(ABC):
    """The base of curricula; a subclass defines `weights`.

    Args:
        strata: The strata to choose from, as from `strata`.
        decay: The weight of an earlier episode of a stratum after each further one, from 0.01 to 1.
        outcome: The recorded outcome of an episode: its verdict's ``success``, or its partial ``credit``.

    Raises:
        UsageError: An argument is out of its range.
    """

    def __init__(self, strata: Iterable[Stratum], decay: float, outcome: str) -> None:
        self.strata = tuple(dict.fromkeys(strata))
        if not self.strata:
            raise UsageError("a curriculum needs at least one stratum to choose")
        if outcome not in ("success", "credit"):
            raise UsageError(f"the outcome of an episode is success or credit, not {outcome!r}")
        self._decay = within("decay", decay, least=_SHORTEST_MEMORY)
        self._outcome = outcome
        self.records = {stratum: Record() for stratum in self.strata}

    @abstractmethod
    def weights(self) -> Sequence[float]:
        """Returns the weight of each of `strata`; the chance of a choice is proportional to it."""

    def next_options(self, chance: RandomSource) -> dict[str, str]:
        """Returns options for the next episode's ``reset``: a family and a branch.

        Args:
            chance: A source of random numbers, such as a numpy ``Generator``.
        """
        bounds = list(itertools.accumulate(self.weights()))
        place = bisect.bisect_right(bounds, chance.random() * bounds[-1], hi=len(bounds) - 1)
        stratum = self.strata[place]
        return {"family": stratum.family, "branch": stratum.branch}

    def record(self, info: Mapping[str, Any]) -> None:
        """Notes the outcome of an episode.

        Episodes that ended by a fault of the record system, and episodes of other strata, are ignored.

        Args:
            info: The last info of the episode.

        Raises:
            UsageError: It is not the last info.
        """
        scored = self.scored(info)
        if scored is not None:
            stratum, score = scored
            self.records[stratum].add(score, self._decay)

    def scored(self, info: Mapping[str, Any]) -> tuple[Stratum, float] | None:
        """Returns an episode's stratum and outcome; None if `record` ignores it."""
        if "verdict" not in info:
            raise UsageError("a curriculum records the last info of an episode, the one with a verdict")
        stratum = Stratum(info["difficulty"], info["family"], info.get("branch", ""))
        if stratum not in self.records or "infrastructure_error" in info:
            return None
        return stratum, float(info["verdict"][self._outcome])

    def state_dict(self) -> dict[str, Any]:
        """Returns the records as plain JSON data."""
        return {
            "curriculum": type(self).__name__,
            "records": {str(stratum): record.to_list() for stratum, record in self.records.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the records from `state_dict`; strata without a record begin anew.

        Raises:
            UsageError: The state is from another kind of curriculum, has other strata, or is damaged.
        """
        if not isinstance(state, Mapping) or state.get("curriculum") != type(self).__name__:
            raise UsageError(f"this state was not saved by a {type(self).__name__}")
        names = {str(stratum): stratum for stratum in self.strata}
        records = state.get("records")
        unknown = sorted(set(records) - set(names)) if isinstance(records, Mapping) else ["no records"]
        if not isinstance(records, Mapping) or unknown:
            raise UsageError(f"the state does not fit this curriculum's strata: {', '.join(unknown)}")
        try:
            read = {names[name]: Record.from_list(data) for name, data in records.items()}
        except (TypeError, ValueError) as error:
            raise UsageError(f"the state is damaged: {error}") from None
        self.records = {stratum: read.get(stratum, Record()) for stratum in self.strata}

    def save(self, path: Path | str) -> None:
        """Writes `state_dict` to a file, which is replaced as a whole."""
        target = Path(path)
        beside = target.with_name(f"{target.name}.new")
        beside.write_text(json.dumps(self.state_dict(), indent=1), encoding="utf-8")
        beside.replace(target)

    def load(self, path: Path | str) -> None:
        """Restores the records from a file of `save`.

        Raises:
            UsageError: The file cannot be read, or holds a state that does not fit.
        """
        try:
            state = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read as the state of a curriculum: {error}") from None
        self.load_state_dict(state)


def within(name: str, value: object, *, least: float = 0.0, most: float = 1.0, inside: bool = False) -> float:
    """Returns a finite number between two limits.

    Args:
        name: The name of the number, for the error.
        value: The number.
        least: The lower limit.
        most: The upper limit.
        inside: True if the limits themselves are not allowed.

    Raises:
        UsageError: It is not such a number.
    """
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
    if not math.isfinite(number) or not least <= number <= most or (inside and number in (least, most)):
        limits = f"between {least:g} and {most:g}" if inside else f"from {least:g}"
        raise UsageError(f"{name} is a number {limits}{'' if inside or most > 1 else f' to {most:g}'}, not {value!r}")
    return number
