"""A curriculum in stages: by difficulty, by the length of gold solutions, or by service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mab_gym.curriculum._sampler import CaseSampler, within
from mab_gym.curriculum._strata import Record, Stratum
from mab_gym.errors import UsageError
from mab_gym.tasking._difficulty import DIFFICULTIES, UNRATED


class StagedCurriculum(CaseSampler):
    """Chooses cases stage by stage, easy ones first; each stage begins once the one before is solved well.

    Within a stage all families are equally likely, and all branches of a family.

    Args:
        strata: The strata to choose from, as from `strata`.
        threshold: The recent success rate in a stage at which the next stage begins, from 0 to 1.
        least: The least number of episodes of a stage before the next begins.
        replay: The share of episodes from earlier stages.
        decay: The weight of an earlier episode of a stratum, and of the stage, after each further one, from 0.01 to 1.
        outcome: The recorded outcome of an episode: its verdict's ``success``, or its partial ``credit``.
        by: The meaning of a stage: ``difficulty``; ``horizon`` for the steps of gold solutions, up to 20, up to 35, and
            longer; or ``service``, in order of the shortest gold solutions.

    Attributes:
        stage: The current stage.

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
        by: str = "difficulty",
    ) -> None:
        super().__init__(strata, decay, outcome)
        if by not in _STAGES:
            raise UsageError(f"stages are by {', '.join(_STAGES)}, not by {by!r}")
        self._stage_of = _STAGES[by]
        self._threshold = within("threshold", threshold)
        self._replay = within("replay", replay)
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise UsageError(f"least is a whole number from 1, not {least!r}")
        self._least = least
        self._stages = _ordered(self.strata, by)
        self._reached, self._here = 0, Record()

    @property
    def stage(self) -> str:
        """The current stage."""
        return self._stages[self._reached]

    def weights(self) -> list[float]:
        """Returns the weight of each stratum; see the class."""
        before = [stratum for stratum in self.strata if self._stage_of(stratum) in self._stages[: self._reached]]
        now = [stratum for stratum in self.strata if self._stage_of(stratum) == self.stage]
        again = self._replay if before else 0.0
        return [again * _share(stratum, before) + (1 - again) * _share(stratum, now) for stratum in self.strata]

    def record(self, info: Mapping[str, Any]) -> None:
        """Notes the outcome of an episode, and begins the next stage if the current one is solved well enough."""
        super().record(info)
        scored = self.scored(info)
        if scored is None or self._stage_of(self._known(scored[0])) != self.stage:
            return
        self._here.add(scored[1], self._decay)
        enough = self._here.episodes >= self._least and self._here.rate(0.0, 0.0) >= self._threshold
        if enough and self._reached + 1 < len(self._stages):
            self._reached, self._here = self._reached + 1, Record()

    def _known(self, stratum: Stratum) -> Stratum:
        """Returns the same stratum with its service and horizon, which an info does not tell."""
        return next((each for each in self.strata if each == stratum), stratum)

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


_BANDS = ((20, "up to 20 steps"), (35, "up to 35 steps"))


def _band(stratum: Stratum) -> str:
    return next((name for bound, name in _BANDS if stratum.horizon <= bound), "longer")


_STAGES: Mapping[str, Callable[[Stratum], str]] = {
    "difficulty": lambda stratum: stratum.difficulty,
    "horizon": _band,
    "service": lambda stratum: stratum.service,
}


def _ordered(strata: Sequence[Stratum], by: str) -> list[str]:
    """Returns the stages that there are, in order."""
    there = dict.fromkeys(_STAGES[by](stratum) for stratum in sorted(strata, key=lambda each: each.horizon))
    if by == "difficulty":
        return [each for each in (*DIFFICULTIES, UNRATED) if each in there]
    return list(there)


def _share(stratum: Stratum, among: Sequence[Stratum]) -> float:
    """Returns a stratum's share if families are equally likely, and the branches of a family too."""
    if stratum not in among:
        return 0.0
    branches = sum(each.family == stratum.family for each in among)
    return 1 / (len({each.family for each in among}) * branches)
