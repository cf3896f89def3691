"""Makes a plan that shows a fault smaller: fewer episodes, fewer and shorter actions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from _fuzz_plans import Lane, Plan
from _grammar_actions import FINISH, WORDS, Action

MOST_TRIES = 150
MOST_SECONDS = 20.0


def shrunk(plan: Plan, shows: Callable[[Plan], bool]) -> Plan:
    """Returns a smaller plan that shows the same fault, after some tries.

    Args:
        plan: A plan that shows the fault.
        shows: Tells if another plan shows it.
    """
    ends = time.process_time() + MOST_SECONDS
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(plan):
            tries += 1
            if tries > MOST_TRIES or time.process_time() > ends:
                return plan
            if shows(candidate):
                plan, smaller = candidate, True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Yields plans that are one step smaller, the greatest steps first."""
    if len(plan.lanes) > 1:  # a plan has either one episode or as many as the vector environment
        for lane in plan.lanes:
            yield replace(plan, lanes=(lane,))
    for place, lane in enumerate(plan.lanes):
        for less in _smaller_lanes(lane):
            yield replace(plan, lanes=(*plan.lanes[:place], less, *plan.lanes[place + 1 :]))


def _smaller_lanes(lane: Lane) -> Iterator[Lane]:
    if lane.variant:
        yield replace(lane, variant="")
    for fewer in _smaller_lists(lane.actions):
        yield replace(lane, actions=tuple(fewer))
    for place, action in enumerate(lane.actions):
        for less in _smaller_actions(action):
            yield replace(lane, actions=(*lane.actions[:place], less, *lane.actions[place + 1 :]))


def _smaller_actions(action: Action) -> Iterator[Action]:
    for pairs in _smaller_lists(action.pairs):
        yield replace(action, pairs=tuple(pairs))
    for place, (name, value) in enumerate(action.pairs):
        for less in _smaller_texts(value):
            yield replace(action, pairs=(*action.pairs[:place], (name, less), *action.pairs[place + 1 :]))
    if action.verb not in (FINISH, WORDS) or isinstance(action.body, str):
        for body in _smaller_values(action.body):
            yield replace(action, body=body)


def _smaller_lists(items: Any) -> Iterator[list[Any]]:
    """Yields halves first, then all items but one."""
    size = len(items) // 2
    while size:
        for start in range(0, len(items), size):
            yield [*items[:start], *items[start + size :]]
        size //= 2
    if len(items) == 1:
        yield []


def _smaller_texts(text: str) -> Iterator[str]:
    if len(text) > 8:
        yield text[: len(text) // 2]
        yield text[len(text) // 2 :]


def _smaller_values(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        yield from _smaller_texts(value)
    elif isinstance(value, list):
        yield from _smaller_lists(value)
        for place, item in enumerate(value[:20]):
            for less in _smaller_values(item):
                yield [*value[:place], less, *value[place + 1 :]]
    elif isinstance(value, dict):
        for name in value:
            if name != "resourceType":
                yield {other: item for other, item in value.items() if other != name}
        for name, item in value.items():
            for less in _smaller_values(item):
                yield {**value, name: less}
