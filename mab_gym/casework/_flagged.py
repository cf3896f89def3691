"""Decorators by which a family's cases have flags on their people's charts, and its gold solution heeds them."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from mab_gym.actions import ALL_VERBS, Finish, Patch, Post, Put, parse_action
from mab_gym.casework._arrivals import arrival_id, entered
from mab_gym.casework._flags import FLAG_KINDS, Flag, FlagKind, active_flags, flags_on_chart, kind_of
from mab_gym.casework.reading import patient_of
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking._later import Later
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.solving import Desk, Reply, Solution

__all__ = ["flagged", "flags_alone", "flags_asked_for", "heeding_flags", "late_flags", "with_flags"]

_FIRST: Final = 900
"""The place of the first flag among the ids of what came in."""
_ON_CHART, _ACTIVE = 0.8, 0.8
"""Shares of the people who have a flag of a kind, where there is one person alone, and of flags that are active."""
_COMES, _ENDS = 0.6, 0.1
"""Shares of the active flags that come on the chart, or end, while the agent works."""
_REQUESTS, _MINUTES = (12, 20), (45, 240)
"""After so many of its requests, or minutes of a stay: the least and the most."""
_LAST_REQUESTS: Final = 8
"""Requests before the end in which a flag comes too late to ask for anything."""
_PEOPLE: Final = ("mrn", "whose")
"""Names of params that are an MRN, or empty."""
Draw = Callable[[Chart, random.Random, str], Mapping[str, Any] | None]
Arrive = Callable[[Case, Chart], Sequence[Mapping[str, Any]]]
Solve = Callable[[Case, Desk], Solution]


def flagged(*kinds: str, stay: bool = False, after: tuple[int, int] = _REQUESTS) -> Callable[[Draw], Draw]:
    """Decorates ``draw``: some of a case's people have a flag of these kinds, active or not, now or later.

    Args:
        kinds: Names of `FLAG_KINDS` whose duties the family's work may call for.
        stay: True for families on the clock. What is drawn or done there cannot be put right hours later, so that only
            flags come late whose authors are told at the end.
        after: The least and the most of the agent's requests after which a flag comes or ends, without a clock; sooner
            where the work is short.
    """
    late = _MINUTES if stay else after

    def decorate(draw: Draw) -> Draw:
        @functools.wraps(draw)
        def drawn(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
            params = draw(chart, rng, branch)
            if params is None:
                return None
            may_change = [kind for kind in kinds if FLAG_KINDS[kind].is_told or not stay]
            planted = list(_plant(chart, params, kinds, may_change, late))
            return {**params, "flag_kinds": list(kinds), "flags_late": bool(may_change), "flags": planted}

        return drawn

    return decorate


def _plant(
    chart: Chart, params: Mapping[str, Any], kinds: Sequence[str], may_change: Sequence[str], late: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """Draws flags by a generator of their own, so that the rest of a case does not depend on them."""
    known = json.dumps(params, sort_keys=True, default=str)
    rng = random.Random(f"flags/{known}")
    people = people_of(params)
    nurses = [each for each in clinicians(chart, role="Nurse") if f'"{each}"' not in known]
    for kind in kinds:
        if len(people) == 1:
            chosen = [each for each in people if rng.random() < _ON_CHART]
        else:
            chosen = rng.sample(people, (len(people) + 1) // 2)
        for mrn in chosen:
            found = {"mrn": mrn, "kind": kind, "author": rng.choice(nurses), "days": rng.randrange(20, 400)}
            found |= _state(rng, late if kind in may_change else None)
            if all(kind_of(each) != kind for each in flags_on_chart(chart, f"Patient/{mrn}")):
                yield found


def _state(rng: random.Random, late: tuple[int, int] | None) -> dict[str, int]:
    """Draws if a flag ended days ago, comes or ends while the agent works, or is there all the time."""
    ended, later = rng.randrange(3, 16), rng.randint(*(late or _REQUESTS))
    if rng.random() >= _ACTIVE:
        return {"ended": ended}
    turn = rng.random()
    if late and turn < _COMES:
        return {"comes": later}
    return {"ends": later} if late and turn < _COMES + _ENDS else {}


def people_of(params: Mapping[str, Any]) -> list[str]:
    """Returns the MRNs in a case's params, in order, each once."""
    return list(dict.fromkeys(_numbers(params)))


def _numbers(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name in _PEOPLE and isinstance(each, str):
                yield from [each] if each else []
            else:
                yield from _numbers(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _numbers(each)


def with_flags(arrive: Arrive) -> Callable[[Case, Chart], list[Any]]:
    """Decorates ``arrive``: flags are on the charts behind all else, and everything was entered when it was made."""

    @functools.wraps(arrive)
    def arrived(case: Case, chart: Chart) -> list[Any]:
        return [*(entered(each, chart.now) for each in arrive(case, chart)), *flags_alone(case, chart)]

    return arrived


def flags_alone(case: Case, chart: Chart) -> list[Any]:
    """Returns the case's flags, as ``arrive`` of families in which nothing else has come in."""
    return [entered(each, chart.now) for each in planted(case, chart)]


def planted(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns the Flag resources that are there from the beginning."""
    flags = enumerate(case.params.get("flags", ()))
    return [_flag(case, chart, place, one) for place, one in flags if "comes" not in one]


def late_flags(case: Case, chart: Chart) -> list[Later]:
    """Returns the flags that come or end while the agent works, as ``later`` of a family."""
    found = []
    for place, one in enumerate(case.params.get("flags", ())):
        if "comes" in one or "ends" in one:
            resource = _flag(case, chart, place, one, later=True)
            if "comes" in one:
                del resource["id"]
            found.append(Later(one["comes"] if "comes" in one else one["ends"], resource))
    return found


def _flag(case: Case, chart: Chart, place: int, one: Mapping[str, Any], *, later: bool = False) -> dict[str, Any]:
    kind, minute = FLAG_KINDS[one["kind"]], timedelta(minutes=37 * one["days"] % 480)
    begun = chart.now.replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=one["days"]) + minute
    end = begun + timedelta(days=one["days"] - one["ended"]) if "ended" in one else None
    if "comes" in one:
        begun = chart.now
    if later and "ends" in one:
        end = chart.now
    code, display = kind.category
    category = {"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": code, "display": display}
    return {
        "resourceType": "Flag",
        "id": arrival_id(case, _FIRST + place),
        "status": "active" if end is None else "inactive",
        "category": [{"coding": [category]}],
        "code": {"text": kind.text},
        "subject": {"reference": f"Patient/{one['mrn']}"},
        "period": {"start": begun.isoformat()} | ({} if end is None else {"end": end.isoformat()}),
        "author": {"reference": one["author"]},
    }


def flags_asked_for(case: Case, knowledge: str) -> tuple[str, ...]:
    """Returns the kinds of flags whose pages an agent can know.

    Args:
        case: The case.
        knowledge: The place of the protocol: with ``prompt`` the prompt holds the pages of the family's kinds alone,
            and with ``none`` there is no handbook to go by.
    """
    if knowledge == "none" or "flag_kinds" not in case.params:
        return ()
    return tuple(case["flag_kinds"]) if knowledge == "prompt" else tuple(FLAG_KINDS)


def came_too_late(case: Case, result: Result) -> set[tuple[str, str]]:
    """Returns patient and author of flags that came with an agent's last requests: who looked once more may not know.

    Args:
        case: The case.
        result: The agent's work.
    """
    stay = result.course
    found = set()
    for one in case.params.get("flags", ()):
        if "comes" in one:
            after = one["comes"]
            behind = result.requests - after if stay is None else sum(each.minute > after for each in stay.actions)
            if behind < _LAST_REQUESTS:
                found.add((f"Patient/{one['mrn']}", str(one["author"])))
    return found


def heeding_flags(solve: Solve) -> Solve:
    """Decorates ``solve``: flags are read first, each write bears what they ask for, and their authors are told."""

    @functools.wraps(solve)
    def solution(case: Case, desk: Desk) -> Solution:
        return _heed(case, desk, solve(case, desk))

    return solution


def _heed(case: Case, desk: Desk, inner: Solution) -> Solution:
    work = _Work(desk)
    yield from work.look(case)
    try:
        action = next(inner)
        while not isinstance(parse_action(action, ALL_VERBS), Finish):
            action, meant = work.marked(action)
            reply = yield action
            work.note(meant, reply)
            action = inner.send(reply)
    except StopIteration:
        return
    if case.params.get("flags_late", True) and desk.rule("flag_late", True, lambda: False):
        yield from work.look(case)
    yield from work.put_right()
    for message in work.messages():
        yield desk.post(message)
    yield action


class _Work:
    """The writes of a gold solution, and the flags that ask something of them.

    Args:
        desk: Its desk.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._flags: dict[str, list[Flag]] = {}
        self._read: dict[str, bool] = {}
        self._stored: dict[str, tuple[dict[str, Any], bool]] = {}

    def look(self, case: Case) -> Generator[str, Reply, None]:
        """Reads the flags of the people, and the pages on those that ask for something."""
        desk = self._desk
        reply = yield desk.get("Flag", patient=",".join(people_of(case.params)), _count="100")
        found: dict[str, list[Flag]] = {}
        for resource in reply.resources if reply.status == 200 else ():
            for flag in active_flags([resource]) if resource["resourceType"] == "Flag" else ():
                found.setdefault(patient_of(resource), []).append(flag)
        kinds = sorted({flag.kind for flags in found.values() for flag in flags})
        desk.decide("the active flags that ask for something", [FLAG_KINDS[kind].text for kind in kinds])
        for kind in kinds:
            if kind not in self._read:
                own = kind in case.params.get("flag_kinds", ())
                self._read[kind] = not own or desk.rule(f"flag_{kind}", True, lambda: False)
                if self._read[kind]:
                    yield desk.get("DocumentReference", **handbook_page(FLAG_KINDS[kind].page))
        self._flags = {whom: [flag for flag in flags if self._read[flag.kind]] for whom, flags in found.items()}

    def marked(self, action: str) -> tuple[str, bool | None]:
        """Returns an action with what flags ask for, and if it creates a resource; None if it writes none."""
        request = parse_action(action, ALL_VERBS)
        if not isinstance(request, Post):
            return action, False if isinstance(request, Patch | Put) else None
        resource = json.loads(request.body)
        if resource.get("resourceType") == "Parameters":
            return action, None
        changed = resource
        for kind, flag in self._lacking(resource, created=True):
            changed = kind.marked(changed, flag)
        return (self._desk.post(changed) if changed is not resource else action), True

    def note(self, created: bool | None, reply: Reply) -> None:
        """Notes what a write has stored."""
        if created is None or not 200 <= reply.status < 300:
            return
        stored = reply.resources[0]
        address = f"{stored['resourceType']}/{stored.get('id')}"
        known = self._stored.get(address)
        self._stored[address] = stored, created or (known is not None and known[1])

    def _lacking(self, resource: Mapping[str, Any], *, created: bool) -> Iterator[tuple[FlagKind, Flag]]:
        """Yields the kinds of flags that a write should name, and does not, each with one flag."""
        by_kind: dict[str, list[Flag]] = {}
        for flag in self._flags.get(patient_of(resource), ()):
            by_kind.setdefault(flag.kind, []).append(flag)
        for name, flags in by_kind.items():
            kind = FLAG_KINDS[name]
            if kind.is_told or not kind.counts(resource, None if created else resource):
                continue
            if not kind.is_met(resource, flags):
                yield kind, flags[0]

    def put_right(self) -> Iterator[str]:
        """Yields the changes of what was written before a flag came."""
        for address, (stored, created) in self._stored.items():
            for kind, flag in self._lacking(stored, created=created):
                yield self._desk.patch(address, kind.patch(stored, flag))

    def messages(self) -> Iterator[dict[str, Any]]:
        """Returns the messages to the authors of flags."""
        told: dict[tuple[str, str], list[str]] = {}
        for address, (stored, created) in self._stored.items():
            whom = patient_of(stored)
            for flag in self._flags.get(whom, ()):
                kind = FLAG_KINDS[flag.kind]
                if kind.is_told and kind.counts(stored, None if created else stored):
                    told.setdefault((flag.author, whom), []).append(address)
        for (author, whom), addresses in told.items():
            message: dict[str, Any] = {
                "resourceType": "Communication",
                "status": "completed",
                "subject": {"reference": whom},
                "recipient": [{"reference": author}],
                "about": [{"reference": each} for each in addresses],
                "payload": [{"contentString": "For your information: this was written today."}],
            }
            for kind, flag in self._lacking(message, created=True):
                message = kind.marked(message, flag)
            yield message
