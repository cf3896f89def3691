"""Somebody who plays the menu well by features and masks alone; that there can be one is what several tests rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mab_gym.menu import CHOICES, FEATURES, MenuEnv

PLACE = {choice.name: place for place, choice in enumerate(CHOICES)}
WORDS = [place for place, name in enumerate(FEATURES) if name.startswith("prompt.")]


def families(env: MenuEnv) -> dict[bytes, str]:
    """The family by the prompt's hashed words, as one case of each shows them."""
    catalogue = env.unwrapped.scenario.tasks.catalogue  # type: ignore[attr-defined]
    found = {}
    for name, family in catalogue.items():
        features, _ = env.reset(seed=0, options={"case": family.cases[0].id})
        found[features[WORDS].tobytes()] = name
    return found


class Expert:
    """A policy that reads features by their names.

    Args:
        families: From `families`.
    """

    def __init__(self, families: Mapping[bytes, str]) -> None:
        self._families = families

    def __call__(self, features: Any, mask: Any) -> int:
        """The first of what the family asks for that was not done yet."""
        sees = dict(zip(FEATURES, features.tolist(), strict=True))
        for name in getattr(self, f"_{self._families[features[WORDS].tobytes()]}")(sees):
            assert mask[PLACE[name]], name
            return PLACE[name]
        raise AssertionError("nothing is left to do")

    def _patient_lookup(self, sees: Mapping[str, float]) -> Iterator[str]:
        if not sees["course.searched people"]:
            yield "search: patients by name"
        named = [n for n in range(1, 7) if sees[f"chart.patient {n} has the name"]]
        for place in named:
            if sees[f"chart.patient {place} has the birth date"]:
                yield f"answer: MRN of patient {place}"
        yield f"answer: the prompt's phrase and the birth date of patient {named[0]}"

    def _patient_age(self, sees: Mapping[str, float]) -> Iterator[str]:
        if not sees["course.searched people"]:
            yield "search: patients by MRN"
        yield "answer: age of patient 1"

    def _record_blood_pressure(self, sees: Mapping[str, float]) -> Iterator[str]:
        if not sees["course.stored order 1"]:
            yield "order 1"
        yield "answer: nothing"

    _refer_orthopaedics = _record_blood_pressure

    def _latest_glucose(self, sees: Mapping[str, float]) -> Iterator[str]:
        yield from self._searched(sees)
        yield self._newest(sees)

    def _latest_magnesium(self, sees: Mapping[str, float]) -> Iterator[str]:
        yield from self._searched(sees)
        yield self._newest(sees, "" if sees["chart.newest in window"] else "-1 and ")

    def _mean_glucose(self, sees: Mapping[str, float]) -> Iterator[str]:
        yield from self._searched(sees)
        if sees["chart.recent"]:
            yield "answer: mean and count within the window"
        yield self._newest(sees, "-1 and ")

    def _replace_magnesium(self, sees: Mapping[str, float]) -> Iterator[str]:
        yield from self._searched(sees)
        if not sees["chart.newest in window"]:
            yield self._newest(sees, "-1 and ")
        severe, mild, normal = (
            sees["chart.newest below threshold 1"],
            not sees["chart.newest below threshold 2"],
            sees["chart.newest above threshold 3"],
        )
        if not normal and not sees["course.stored order 1"]:
            yield from self._filled(sees, 1, f"dose {3 if severe else 1 if mild else 2}")
        yield self._newest(sees)

    def _replace_potassium(self, sees: Mapping[str, float]) -> Iterator[str]:
        yield from self._searched(sees)
        for steps in range(1, 17):
            if sees[f"chart.newest is {steps} steps below"] and not sees["course.stored order 1"]:
                yield from self._filled(sees, 1, f"{steps} times the dose of a step")
        if sees["chart.newest below threshold 1"] and not sees["course.stored order 2"]:
            yield from self._filled(sees, 2, "time 3")
        yield self._newest(sees)

    def _check_a1c(self, sees: Mapping[str, float]) -> Iterator[str]:
        yield from self._searched(sees)
        if not sees["chart.newest within a year"] and not sees["course.stored order 1"]:
            if sees["course.last search is code 1"]:
                yield "order 1"
        elif sees["course.last search is code 1"] and not sees["chart.newest is there"]:
            yield "search: results of code 2, newest first"
        yield self._newest(sees, "-1 and " if sees["course.last search is code 2"] else "")

    @staticmethod
    def _filled(sees: Mapping[str, float], order: int, what: str) -> Iterator[str]:
        yield f"fill in: {what}" if sees[f"course.opened order {order}"] else f"order {order}"

    @staticmethod
    def _searched(sees: Mapping[str, float]) -> Iterator[str]:
        if not sees["course.searched code 1"]:
            yield "search: results of code 1, newest first"

    @staticmethod
    def _newest(sees: Mapping[str, float], before: str = "") -> str:
        place = next(
            n for n in range(1, 5) if sees[f"chart.result {n} is there"] and not sees[f"chart.result {n} in error"]
        )
        return f"answer: {before}result {place}"


def wins(env: MenuEnv, policy: Any, case: str, **options: Any) -> bool:
    """Tells if a policy solves a case through the menu."""
    features, info = env.reset(seed=5, options={"case": case, **options})
    ended = False
    while not ended:
        features, _, terminated, truncated, info = env.step(int(policy(features, env.action_masks())))
        ended = terminated or truncated
    return bool(info["verdict"]["success"])


def solved(env: MenuEnv, policy: Any, cases: Any, **options: Any) -> float:
    """The share of cases that a policy solves."""
    return float(np.mean([wins(env, policy, case, **options) for case in cases]))


def course(menu: MenuEnv, policy: Any, case: str) -> Iterator[int]:
    """The choices of a policy in a case."""
    features, _ = menu.reset(seed=0, options={"case": case})
    ended = False
    while not ended:
        choice = int(policy(features, menu.action_masks()))
        yield choice
        features, _, terminated, truncated, _ = menu.step(choice)
        ended = terminated or truncated
