"""Due Tasks, which ask for something to be done about an order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from mab_gym.tasking.meaning._said import Facet, Order
from mab_gym.tasking.meaning._texts import Expectation
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due import Check, Due, compared, elsewhere
from mab_gym.tasking.verdict import Code

__all__ = ["TaskDue"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskDue(Due):
    """A Task that asks for something to be done about an order now (FHIR R4, Task, 12.18.5; code system task-code).

    Attributes:
        code: The requested action.
        focus: The order, as in ``MedicationRequest/1``.
    """

    resource_type: ClassVar[str] = "Task"

    code: Concept
    focus: str

    def checks(self, order: Order) -> Iterator[Check]:
        """Compares an order with this one."""
        yield self._plain(order, Facet.STATUS, "requested", Code.WRONG_STATUS)
        yield self._plain(order, Facet.INTENT, "order", Code.WRONG_INTENT)
        yield self._concept(order, self.code, "task.code", critical=True)
        problems = elsewhere(self.person, order.of(Facet.FOCUS), self.focus)
        if order.of(Facet.REPLACES):
            problems += elsewhere(self.person, order.of(Facet.REPLACES), self.focus)
        yield compared(self._name("focus"), problems, Code.WRONG_VALUE, f"The focus should be {self.focus}", True)
        yield self._patient(order)
        yield self._at(order, Facet.AUTHORED, "authoredOn", self.now)
        yield compared(self._name("period"), self._starts_now(order), Code.WRONG_TIME, "It should be done now", True)
        yield from self._understood(
            order, Expectation(now=self.now, names=self.code, stops=True, focus=self.focus.partition("/")[2])
        )
