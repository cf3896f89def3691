"""A curriculum in stages: easy, medium, hard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mab_gym.curriculum._sampler import CaseSampler, within
from mab_gym.curriculum._strata import Record, Stratum
from mab_gym.errors import UsageError
from mab_gym.tasking._difficulty import DIFFICULTIES, UNRATED


class StagedCurriculum(CaseSampler):
    """Chooses easy cases first, then medium, then hard ones; each stage begins once the one before is solved well.

    Within a stage all families are equally likely, and all branches of a family.

    Args:
        strata: The strata to choose from, as from `strata`.
        threshold: The recent success rate in a stage at which the next stage begins, from 0 to 1.
        least: The least number of episodes of a stage before the next begins.
        replay: The share of episodes from earlier stages.
        decay: The weight of an earlier episode of a stratum, and of the stage, after each further one, from 0.01 to 1.
        outcome: The recorded outcome of an episode: its verdict's ``success``, or its partial ``credit``.

    Attributes:
        stage: The current difficulty.

    Raises:
        UsageError: An argument is out of its range.
    """

    def __init__(
        self,
        strata: Iterable[Stratum],
        *,
        threshold: float = 0.8,
        least: int = 50,
        replay: float = 0.2,
        decay: float = 0.98,
        outcome: str = "success",
    ) -> None:
        super().__init__(strata, decay, outcome)
        self._threshold = within("threshold", threshold)
        self._replay = within("replay", replay)
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise UsageError(f"least is a whole number from 1, not {least!r}")
        self._least = least
        there = {stratum.difficulty for stratum in self.strata}
        self._stages = [each for each in (*DIFFICULTIES, UNRATED) if each in there]
        self._reached, self._here = 0, Record()

    @property
    def stage(self) -> str:
        """The current difficulty."""
        return self._stages[self._reached]

    def weights(self) -> list[float]:
        """Returns the weight of each stratum; see the class."""
        before = [stratum for stratum in self.strata if stratum.difficulty in self._stages[: self._reached]]
        now = [stratum for stratum in self.strata if stratum.difficulty == self.stage]
        again = self._replay if before else 0.0
        return [again * _share(stratum, before) + (1 - again) * _share(stratum, now) for stratum in self.strata]

    def record(self, info: Mapping[str, Any]) -> None:
        """Notes the outcome of an episode, and begins the next stage if the current one is solved well enough."""
        super().record(info)
        scored = self.scored(info)
        if scored is None or scored[0].difficulty != self.stage:
            return
        self._here.add(scored[1], self._decay)
        enough = self._here.episodes >= self._least and self._here.rate(0.0, 0.0) >= self._threshold
        if enough and self._reached + 1 < len(self._stages):
            self._reached, self._here = self._reached + 1, Record()

    def state_dict(self) -> dict[str, Any]:
        """Returns the records and the stage as plain JSON data."""
        return {**super().state_dict(), "stage": self.stage, "here": self._here.to_list()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the records and the stage from `state_dict`.

        Raises:
            UsageError: The state is from another kind of curriculum, has other strata, or is damaged.
        """
        super().load_state_dict(state)
        if state.get("stage") not in self._stages:
            raise UsageError(f"there is no stage {state.get('stage')!r} here; there are: {', '.join(self._stages)}")
        try:
            self._here = Record.from_list(state["here"])
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"the state is damaged: {error}") from None
        self._reached = self._stages.index(state["stage"])


def _share(stratum: Stratum, among: Sequence[Stratum]) -> float:
    """Returns a stratum's share if families are equally likely, and the branches of a family too."""
    if stratum not in among:
        return 0.0
    branches = sum(each.family == stratum.family for each in among)
    return 1 / (len({each.family for each in among}) * branches)
