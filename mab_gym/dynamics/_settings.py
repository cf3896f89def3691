"""The settings of a stay; `mab_gym.dynamics.course` makes a course of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from mab_gym.dynamics._body import Body
from mab_gym.errors import ContentError
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import Message, StayRecord

MEALS: Final = ((8 * 60, 60.0), (12 * 60, 60.0), (18 * 60, 60.0))
"""Breakfast, lunch and dinner: minute of the local day, and carbohydrate in g. A tray for people with diabetes has 45
to 75 g (our choice: the middle)."""
_LONGEST: Final = 14 * 1440
"""The longest stay, in minutes."""


class Answer(NamedTuple):
    """A person's answer to a message of the agent, or a consultant's to a request.

    Attributes:
        text: The words.
        minutes: Minutes until it is sent.
        sender: A reference; empty for the one who was asked.
    """

    text: str
    minutes: int = 20
    sender: str = ""


Replies = Callable[[Message, StayRecord], Answer | None]
"""Answers a message of the agent; None if nobody answers it."""

Studies = Callable[[str, StayRecord], str]
"""Says what an examination finds as it is done: called with its key, as in ``chest_xray``; empty for nothing acute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the stay of one patient; `mab_gym.dynamics.course.Course` names them."""

    patient: str
    body: Body
    horizon: int
    chart: Chart
    encounter: str = ""
    attending: str = ""
    nurse: str = ""
    laboratory: str = ""
    pharmacist: str = ""
    weight_kg: float | None = None
    zone: tzinfo = ZoneInfo("America/New_York")  # noqa: RUF009  (frozen)
    standing: Sequence[Mapping[str, Any]] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    haemolysed: Mapping[str, Collection[int]] = field(default_factory=dict)
    haemolysis: float = 0.02
    rejects_haemolysed: bool = False
    vitals_every: int | None = 240
    meals: Sequence[tuple[int, float]] = MEALS
    meter: bool = False
    nil_by_mouth: bool = False
    holds: bool = True
    replies: Replies | None = None
    consults: Replies | None = None
    studies: Studies | None = None

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ContentError: One is not as it should be.
        """
        if not 0 < self.horizon <= _LONGEST:
            raise ContentError(f"a course's horizon is 1 to {_LONGEST} minutes, not {self.horizon}")
        if self.vitals_every is not None and self.vitals_every < 15:
            raise ContentError(f"vitals_every is 15 minutes or more, not {self.vitals_every}")
