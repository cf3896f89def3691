"""A curriculum in stages: easy, medium, hard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mab_gym.curriculum._sampler import CaseSampler, within
from mab_gym.curriculum._strata import Arm, Record
from mab_gym.errors import UsageError
from mab_gym.tasking._difficulty import DIFFICULTIES, UNRATED


class StagedCurriculum(CaseSampler):
    """Easy cases first, then medium, then hard ones: each stage as soon as the one before is solved often enough.

    Within a stage all families are equally likely, and all branches of a family.

    Args:
        arms: See `CaseSampler`.
        threshold: The recent success rate over a stage's episodes at which the next one begins, from 0 to 1.
        least: How many episodes of a stage must have been played before.
        replay: The share of episodes from earlier stages.
        decay: See `CaseSampler`; here it forgets episodes of the stage.
        outcome: See `CaseSampler`.

    Attributes:
        stage: The difficulty that is trained now.

    Raises:
        UsageError: An argument is not as it should be.
    """

    def __init__(
        self,
        arms: Iterable[Arm],
        *,
        threshold: float = 0.8,
        least: int = 50,
        replay: float = 0.2,
        decay: float = 0.98,
        outcome: str = "success",
    ) -> None:
        super().__init__(arms, decay, outcome)
        self._threshold = within("threshold", threshold)
        self._replay = within("replay", replay)
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise UsageError(f"least is a whole number from 1, not {least!r}")
        self._least = least
        there = {arm.difficulty for arm in self.arms}
        self._stages = [each for each in (*DIFFICULTIES, UNRATED) if each in there]
        self._reached, self._here = 0, Record()

    @property
    def stage(self) -> str:
        """See the class."""
        return self._stages[self._reached]

    def weights(self) -> list[float]:
        """See the class."""
        before = [arm for arm in self.arms if arm.difficulty in self._stages[: self._reached]]
        now = [arm for arm in self.arms if arm.difficulty == self.stage]
        again = self._replay if before else 0.0
        return [again * _share(arm, before) + (1 - again) * _share(arm, now) for arm in self.arms]

    def record(self, info: Mapping[str, Any]) -> None:
        """Notes how an episode ended, and goes on to the next stage where that was enough."""
        super().record(info)
        scored = self.scored(info)
        if scored is None or scored[0].difficulty != self.stage:
            return
        self._here.add(scored[1], self._decay)
        enough = self._here.episodes >= self._least and self._here.rate(0.0, 0.0) >= self._threshold
        if enough and self._reached + 1 < len(self._stages):
            self._reached, self._here = self._reached + 1, Record()

    def state_dict(self) -> dict[str, Any]:
        """All that was recorded, and the stage, as JSON has it."""
        return {**super().state_dict(), "stage": self.stage, "here": self._here.to_list()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `CaseSampler`."""
        super().load_state_dict(state)
        if state.get("stage") not in self._stages:
            raise UsageError(f"there is no stage {state.get('stage')!r} here; there are: {', '.join(self._stages)}")
        try:
            self._here = Record.from_list(state["here"])
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"the state is damaged: {error}") from None
        self._reached = self._stages.index(state["stage"])


def _share(arm: Arm, among: Sequence[Arm]) -> float:
    """An arm's part where families are equally likely, and so are the branches of each."""
    if arm not in among:
        return 0.0
    branches = sum(each.family == arm.family for each in among)
    return 1 / (len({each.family for each in among}) * branches)
