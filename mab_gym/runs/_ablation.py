"""Ablations: the parameters that can be varied, and the figures of each setting.

Sources: the interval of a success rate is Wilson's, as elsewhere; that of a difference over the same cases is the
bootstrap's over cases; that of a difference between different cases is Newcombe's of 1998 (two Wilson intervals, his
method 10). `paired` explains the interval where every case changed by the same amount.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mab_gym.envs._scenario import OFFICIAL, Scenario
from mab_gym.errors import UsageError
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import GROUPS, tries, violations
from mab_gym.runs._statistics import Estimate, pass_at_1
from mab_gym.runs._statistics import paired as over_the_same
from mab_gym.tasking._difficulty import DIFFICULTIES
from mab_gym.tasking._kinds import KNOWLEDGE
from mab_gym.tasking._protocols import PROTOCOLS
from mab_gym.tasking.case import Case

SERIES: Final = ("overall", "query", "action")
"""The groups of `GROUPS` that tables and plots show."""
UNLIMITED: Final = "none"
"""The name of the setting without a limit."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A parameter that can be varied.

    Attributes:
        name: The name on the command line.
        field: The environment's field that is varied; None if one run is split instead.
        default: The settings if the user names none; empty if the user must name some.
        example: Example settings, for messages.
        read: Turns the text of a setting into the field's value.
        axis: The label of a plot's axis.
        paired: True if each setting plays the same cases.
        of: Where one run is split, the value of a case: a name of a setting, or a number, which belongs to the least
            setting that it does not exceed. None where a field is varied.
    """

    name: str
    field: str | None
    default: str
    example: str
    read: Callable[[str], int | str | None]
    axis: str
    paired: bool
    of: Callable[[Scenario, Case], int | str | None] | None = None

    def is_without_limit(self, name: str) -> bool:
        """Tells if a setting is the one without a limit."""
        return name == UNLIMITED and self.field != "knowledge"

    def setting_of(self, value: int | str | None, settings: Mapping[str, int | str | None]) -> str | None:
        """Returns the setting that the value of a case belongs to; None if it belongs to none.

        Args:
            value: What `of` returns.
            settings: What `settings` returns.
        """
        if not isinstance(value, int):
            return None if value is None else next((name for name in settings if name == value), None)
        bounds = [(math.inf if bound is None else float(bound), name) for name, bound in settings.items()]
        return min(((bound, name) for bound, name in bounds if value <= bound), default=(0.0, None))[1]

    def settings(self, text: str | None) -> dict[str, int | str | None]:
        """Reads a list of settings into values by name, in the order of the list.

        Args:
            text: The settings, separated by commas; None for the default ones.

        Raises:
            UsageError: A setting cannot be read, is there twice, or there are fewer than two.
        """
        named = self.default if text is None else text
        like = f"as in: mab-gym ablate {self.name} {self.example}"
        if not named.strip():
            raise UsageError(f"{self.name} needs settings, separated by commas, {like}")
        found: dict[str, int | str | None] = {}
        for part in named.split(","):
            if not part.strip():
                raise UsageError(f"there is an empty setting in {named!r}; settings are separated by commas, {like}")
            value = self.read(part.strip())
            name = UNLIMITED if value is None else str(value)
            if name in found:
                raise UsageError(f"the setting {name} is there twice in {named!r}")
            found[name] = value
        if len(found) < 2:
            raise UsageError(f"an ablation compares two settings or more, and {named!r} is one; {like}")
        return found


def _whole(what: str, least: int = 1) -> Callable[[str], int]:
    def read(text: str) -> int:
        # Nine digits are enough for any limit, and int() accepts more than digits.
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
            raise UsageError(f"{what} is a whole number from {least}, not {text!r}")
        return int(text)

    return read


def _bound(what: str) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        return None if text == UNLIMITED else _whole(f"{what} is {UNLIMITED!r} or")(text)

    return read


def _one_of(what: str, known: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise UsageError(f"there is no {what} {text!r}; there are: {', '.join(known)}")
        return text

    return read


def notes_of(scenario: Scenario, case: Case) -> int | None:
    """Returns how many notes the chart of a case's patient holds; None if the case names no patient."""
    mrn = case.params.get("mrn")
    if mrn is None:
        return None
    chart = scenario.chart

    def count() -> int:
        return sum(1 for _ in chart.search("DocumentReference", patient=str(mrn), _count="500"))

    return chart.remember(("number of notes", mrn), count)


_PROTOCOLS = (*PROTOCOLS, OFFICIAL)
DIMENSIONS: Mapping[str, Dimension] = {
    each.name: each
    for each in (
        Dimension("steps", "max_steps", "", "2,4,6,8,12", _whole("a step limit"), "Step limit (actions)", True),
        Dimension(
            "difficulty",
            None,
            ",".join(DIFFICULTIES),
            ",".join(DIFFICULTIES),
            _one_of("difficulty", DIFFICULTIES),
            "Difficulty (steps of the gold solution)",
            False,
            lambda scenario, case: scenario.tasks.catalogue[case.family].difficulty,
        ),
        Dimension(
            "horizon",
            None,
            "20,35,none",
            "20,35,none",
            _bound("the most steps of a gold solution"),
            "Steps of the gold solution, at most",
            False,
            lambda scenario, case: case.steps,
        ),
        Dimension(
            "notes",
            None,
            "40,60,none",
            "40,60,none",
            _bound("the most notes of a patient"),
            "Notes in the patient's chart, at most",
            False,
            notes_of,
        ),
        Dimension(
            "knowledge",
            "knowledge",
            ",".join(KNOWLEDGE),
            ",".join(KNOWLEDGE),
            _one_of("place of the protocol", KNOWLEDGE),
            "Place of the protocol",
            True,
        ),
        Dimension(
            "minutes-per-action",
            "minutes_per_action",
            "",
            "0,1,5,15",
            _whole("simulated minutes of an action", 0),
            "Simulated minutes of an action",
            True,
        ),
        Dimension(
            "observation-length",
            "max_obs_chars",
            "",
            "1000,2000,4000,8000,none",
            _bound("the longest observation, in characters,"),
            "Longest observation (characters, log scale)",
            True,
        ),
        Dimension(
            "protocol",
            "protocol",
            ",".join(_PROTOCOLS),
            ",".join(_PROTOCOLS),
            _one_of("protocol", _PROTOCOLS),
            "Protocol",
            False,
        ),
    )
}
"""The parameters that can be varied, by name. The two protocols have different tasks and different patients."""
_ALIASES: Mapping[str, str] = {"length": "observation-length", "clock": "minutes-per-action"}


def dimension(name: str) -> Dimension:
    """Returns the parameter of a name.

    Raises:
        UsageError: There is no such parameter.
    """
    plain = re.sub(r"[ _]", "-", name.strip().lower())
    plain = _ALIASES.get(plain, plain)
    if plain not in DIMENSIONS:
        raise UsageError(f"there is no ablation of {name!r}; there are: {', '.join(DIMENSIONS)}")
    return DIMENSIONS[plain]


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between a success rate and the reference's; all values from -1 to 1.

    Attributes:
        value: The difference.
        low: The lower end of its 95 % confidence interval.
        high: The upper end.
        cases: The number of cases; between different cases, those of the setting alone.
    """

    value: float
    low: float
    high: float
    cases: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one setting. Means are over the episodes that count.

    Attributes:
        setting: The setting's name.
        episodes: The number of episodes.
        counted: The number of episodes that count.
        rates: The success rate of each of `SERIES`; None if no episode of it counts.
        difference: The difference to the reference; None for the reference itself, or if nothing can be compared.
        steps: The mean number of actions in an episode; None if no episode counts.
        tokens_in: The mean number of tokens that the model read in an episode; None if any number is unknown.
        tokens_out: The mean number of tokens that the model wrote in an episode; None if any number is unknown.
        cost: The mean cost of an episode; None if any cost is unknown.
        unsafe: The share of unsafe episodes; None if the grading does not judge safety.
    """

    setting: str
    episodes: int
    counted: int
    rates: Mapping[str, Estimate | None]
    difference: Difference | None
    steps: float | None
    tokens_in: float | None
    tokens_out: float | None
    cost: float | None
    unsafe: float | None


def figures(records: Mapping[str, Sequence[EpisodeRecord]], reference: str, paired: bool, seed: int) -> list[Figures]:
    """Returns the figures of each setting.

    Args:
        records: The records of each setting, one per episode.
        reference: The setting with which the others are compared.
        paired: True if all settings play the same cases.
        seed: The seed of the bootstrap.
    """
    return [
        Figures(
            setting,
            len(here),
            len(counted := [record for record in here if record.counts]),
            {name: pass_at_1(tries(filter(GROUPS[name], here))) for name in SERIES},
            None if setting == reference else _difference(here, records[reference], paired, seed),
            _mean([record.steps for record in counted]),
            _mean([record.tokens_in for record in counted]),
            _mean([record.tokens_out for record in counted]),
            _mean([record.cost for record in counted]),
            violations(here).rate,
        )
        for setting, here in records.items()
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None


def _difference(
    ours: Sequence[EpisodeRecord], theirs: Sequence[EpisodeRecord], paired: bool, seed: int
) -> Difference | None:
    if not paired:
        here, there = pass_at_1(tries(ours)), pass_at_1(tries(theirs))
        return None if here is None or there is None else between(here, there)
    one, other = _shares(ours), _shares(theirs)
    common = [case for case in one if case in other]
    if not common:
        return None
    found = over_the_same([one[case] for case in common], [other[case] for case in common], seed)
    return Difference(found.difference, found.low, found.high, found.cases)


def _shares(records: Sequence[EpisodeRecord]) -> dict[tuple[str, int], float]:
    """Returns the share of solved tries, by case and seed; cases without a try that counts are left out."""
    outcomes: dict[tuple[str, int], list[bool]] = {}
    for record in records:
        if record.counts:
            outcomes.setdefault((record.case, record.seed), []).append(bool(record.verdict["success"]))
    return {case: sum(solved) / len(solved) for case, solved in outcomes.items()}


def between(ours: Estimate, theirs: Estimate) -> Difference:
    """Returns the difference of two success rates over different cases, with Newcombe's interval."""
    value = ours.value - theirs.value
    below = math.hypot(ours.value - ours.low, theirs.high - theirs.value)
    above = math.hypot(ours.high - ours.value, theirs.value - theirs.low)
    return Difference(value, max(-1.0, value - below), min(1.0, value + above), ours.cases)
