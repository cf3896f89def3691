"""`Shift`: several whole cases of other families in one episode, under one budget, judged together.

A shift's case has ``parts``: the family, the branch and the params of each job, as that family draws them. No person
belongs to two jobs, so that each write belongs to one. Each job is judged by its own family, which sees the writes
about its people alone; the shift is solved only if all of them are.

Families with a clock cannot be jobs, nor those that write what is about no patient.
"""

from __future__ import annotations

import inspect
import json
import random
import re
from collections.abc import Container, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from mab_gym.actions import ALL_VERBS, Finish, parse_action, read_answer
from mab_gym.casework._changes import Changes, Written
from mab_gym.casework._flagged import came_too_late, heeding_flags, people_of
from mab_gym.casework._judge import RISKY
from mab_gym.casework.reading import patient_of, references_in
from mab_gym.tasking._family import Family, load_family
from mab_gym.tasking._later import Later
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.solving import Desk, Reply, Solution
from mab_gym.tasking.verdict import Code, Criterion, Deferral, Reason, Verdict, verdict_from

__all__ = ["Shift"]

HOUSE: Final = "house.md"
"""The text that all families of casework share; it stands in a shift's prompt once."""
_SPACES: Final = re.compile(" {2,}")
_DESKS: Final = ("desk", "resident", "clerk", "pharmacist")
"""Names of params of jobs that say whose queue is worked off."""
_TRIES: Final = 60
"""Draws of a job until its people are in no other job; then all jobs are drawn anew."""
_STARTS: Final = 4
_MOST_TOLD: Final = 10
"""Writes that belong to no job and are named in a verdict."""


class Job(NamedTuple):
    """One job of a shift.

    Attributes:
        name: As in ``job2``.
        family: Its family.
        case: Its case, as its family sees it.
        late: The agent's requests after which its own are counted: what comes in late comes while it is worked on.
        people: The addresses of the people whom it is about.
    """

    name: str
    family: Family
    case: Case
    late: int
    people: frozenset[str]

    def arrivals(self, chart: Chart) -> Sequence[Mapping[str, Any]]:
        """Returns what came in with it."""
        return () if self.family.arrive is None else self.family.arrive(self.case, chart)


@dataclass(frozen=True, slots=True)
class Shift:
    """The parts of a family of shifts: its draws, arrivals, prompt, verdict and gold solution.

    Attributes:
        folder: The folder of casework, with the services in it.
        jobs: Families whose cases may be jobs, by their folders, as ``ward/kidney_injury``.
        pace: As many of the agent's requests later comes what comes in late with the next job. A little less than a job
            takes, so that all has come before the last look at the flags.
    """

    folder: Path
    jobs: tuple[str, ...]
    pace: int

    # --- cases --------------------------------------------------------------------------------------------------------

    def family(self, name: str) -> Family:
        """Returns the family of a job by its name."""
        place = next(each for each in self.jobs if each.endswith(f"/{name}"))
        return _loaded(self.folder / place)

    def draw(self, chart: Chart, rng: random.Random, branches: Mapping[str, Sequence[str]]) -> Mapping[str, Any] | None:
        """Draws a shift: one case of each of some families, in any order, and no person in two of them.

        Args:
            chart: The chart to draw from.
            rng: The generator of the draw.
            branches: By the name of each family, the branches that its case may show; empty for all.

        Returns:
            The params of the shift; None if the chart has not enough people.
        """
        for _ in range(_STARTS):
            parts = self._parts(chart, rng, branches)
            if parts is not None:
                rng.shuffle(parts)
                return {"count": len(parts), "parts": parts}
        return None

    def _parts(
        self, chart: Chart, rng: random.Random, branches: Mapping[str, Sequence[str]]
    ) -> list[dict[str, Any]] | None:
        parts: list[dict[str, Any]] = []
        taken: set[str] = set()
        for name, allowed in branches.items():
            family = self.family(name)
            wanted = [each for each in family.branches if not allowed or each in allowed]
            shares = [family.branches[each] for each in wanted]
            for _ in range(_TRIES):
                branch = rng.choices(wanted, shares)[0]
                params = family.draw(chart, rng, branch)
                if params is not None and taken.isdisjoint(people_of(params)) and _are_apart(params, parts):
                    break
            else:
                return None
            taken.update(people_of(params))
            parts.append({"family": name, "branch": branch, "params": params})
        return parts

    def jobs_of(self, case: Case) -> tuple[Job, ...]:
        """Returns the jobs of a case, in their order."""
        return tuple(
            Job(
                f"job{place + 1}",
                self.family(part["family"]),
                Case(part["family"], case.number, part["branch"], part["params"]),
                place * self.pace,
                frozenset(f"Patient/{mrn}" for mrn in people_of(part["params"])),
            )
            for place, part in enumerate(case["parts"])
        )

    def tell(self, case: Case, now: str) -> str:
        """Returns the jobs as the prompt tells them: each with its question, and its context without what all share."""
        house = (self.folder / HOUSE).read_text(encoding="utf-8").strip()
        told = []
        for place, job in enumerate(self.jobs_of(case), start=1):
            alone = replace(job.family, pages=(), context=job.family.context.replace(house, "").strip())
            context, question = alone.prompt(job.case, now)
            context = _SPACES.sub(" ", context.strip())
            told.append(f"Job {place}: {question[:1].upper()}{question[1:]}\nIn job {place}: {context}")
        return "\n\n".join(told)

    # --- what comes in ------------------------------------------------------------------------------------------------

    def arrive(self, case: Case, chart: Chart) -> list[Mapping[str, Any]]:
        """Returns what came in with all jobs."""
        return [each for job in self.jobs_of(case) for each in job.arrivals(chart)]

    def later(self, case: Case, chart: Chart) -> list[Later]:
        """Returns what comes in while the agent works: for each job about when it is worked on."""
        return [
            replace(each, after=each.after + job.late)
            for job in self.jobs_of(case)
            for each in (() if job.family.later is None else job.family.later(job.case, chart))
        ]

    # --- the verdict --------------------------------------------------------------------------------------------------

    def verify(self, case: Case, chart: Chart, result: Result) -> Verdict:
        """Judges each job by its own family, and what belongs to none."""
        known = once(result, "shift", lambda: _Known.of(self.jobs_of(case), chart))
        jobs = known.jobs
        changes = Changes(result.writes, chart, known.arrivals, result.known)
        owners = _owners(changes, known)
        answers, problems = _answers(result.answer, len(jobs))
        verdicts = [
            _judged(job, chart, _own_result(result, job, answer, owners))
            for job, answer in zip(jobs, answers, strict=True)
        ]
        strays = [each for each in changes if each.address not in owners and each.differs]
        problems += [_stray(each, known.of_people) for each in strays[:_MOST_TOLD]]
        for job, verdict in zip(jobs, verdicts, strict=True):
            if not verdict.success:
                problems += _prefixed(job, verdict, gave_up=not result.writes)
        criteria = [
            Criterion(f"{job.name}.{name}", met)
            for job, verdict in zip(jobs, verdicts, strict=True)
            for name, met in verdict.criteria
        ]
        criteria.append(Criterion("nothing_else", not strays))
        done = sum(verdict.credit for verdict in verdicts) / len(verdicts)
        return verdict_from(problems, done, criteria, deferral=_deferral(verdicts))

    # --- the gold solution --------------------------------------------------------------------------------------------

    def solve(self, case: Case, desk: Desk) -> Solution:
        """Works one job after another; flags are looked at for all people at once, before the first and after the last.

        A flag may come on the chart of somebody whose job is done, so that no job's own last look would be enough.
        """
        return heeding_flags(self._solve)(case, desk)

    def _solve(self, case: Case, desk: Desk) -> Solution:
        jobs = self.jobs_of(case)
        answers = []
        for job in desk.rule("every_job", jobs, lambda: jobs[:-1]):
            unheeding = inspect.unwrap(job.family.solve)
            answers.append((yield from _answered(unheeding(job.case, replace(desk, rules=[])))))
        yield desk.finish(desk.rule("in_order", answers, lambda: answers[::-1]))


def _are_apart(params: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> bool:
    """Tells if whoever works at the desk of a job has no part in the others: one may give work to a resident."""
    others = [each["params"] for each in parts]
    said = json.dumps(params)
    return not any(f'"{one}"' in said for each in others for one in _desks(each)) and not any(
        f'"{one}"' in json.dumps(each) for each in others for one in _desks(params)
    )


def _desks(params: Mapping[str, Any]) -> list[str]:
    return [params[name] for name in _DESKS if name in params]


@cache
def _loaded(folder: Path) -> Family:
    """Loads the family of a job once in a process."""
    return load_family(folder)


class _Known(NamedTuple):
    """All about a shift that an agent does not change.

    Attributes:
        jobs: Its jobs, in order.
        arrivals: What came in with all of them.
        of_people: The job of each person, by the address.
        of_arrivals: The job with which a resource came in, by its address.
    """

    jobs: tuple[Job, ...]
    arrivals: list[Mapping[str, Any]]
    of_people: dict[str, Job]
    of_arrivals: dict[str, Job]

    @classmethod
    def of(cls, jobs: tuple[Job, ...], chart: Chart) -> _Known:
        """Computes it from the jobs."""
        came = [(job, each) for job in jobs for each in job.arrivals(chart)]
        return cls(
            jobs,
            [each for _, each in came],
            {one: job for job in jobs for one in job.people},
            {f"{each['resourceType']}/{each['id']}": job for job, each in came},
        )


def _owners(changes: Changes, known: _Known) -> dict[str, Job]:
    """Returns the job to which each resource that was written belongs, by its address; of others nothing.

    It came in with the job, or is about one of its people (as it was before, or as it is), or names no patient and
    refers to such a person or to something of the job.
    """
    of_people, arrived = known.of_people, known.of_arrivals
    owners: dict[str, Job] = {}
    nobody: list[Written] = []
    for each in changes:
        about = each.was_about or each.about
        job = arrived.get(each.address) or of_people.get(about)
        if job is not None:
            owners[each.address] = job
        elif not about:
            nobody.append(each)
    for each in nobody:
        found = (of_people.get(one) or arrived.get(one) or owners.get(one) for one in references_in(each.resource))
        job = next((one for one in found if one is not None), None)
        if job is not None:
            owners[each.address] = job
    return owners


def _own_result(result: Result, job: Job, answer: str, owners: Mapping[str, Job]) -> Result:
    """Returns the result of one job: its answer, its writes, and what others wrote about its people."""
    known: dict[Any, Any] = once(result, f"known {job.name}", dict)
    own = tuple(each for each in result.writes if owners.get(f"{each.resource_type}/{each.logical_id}") is job)
    recorded = tuple(each for each in result.recorded if patient_of(each.resource) in job.people)
    requests = result.requests - job.late
    return replace(result, answer=answer, writes=own, known=known, recorded=recorded, requests=requests)


def _judged(job: Job, chart: Chart, result: Result) -> Verdict:
    """Returns the verdict on one job: the last one, if nothing on which it depends has changed since.

    A shift is judged after each write, which changes one job of five.
    """
    state = (
        result.answer,
        [(each.resource_type, each.logical_id, each.version, each.in_place) for each in result.writes],
        len(result.recorded),
        came_too_late(job.case, result),
    )
    if "last verdict" not in result.known or result.known["last verdict"][0] != state:
        result.known["last verdict"] = state, job.family.verify(job.case, chart, result)
    verdict: Verdict = result.known["last verdict"][1]
    return verdict


def _answers(answer: str, count: int) -> tuple[list[str], list[Reason]]:
    """Returns the answers of the jobs as texts, empty where there is none, and what is wrong with the whole."""
    wanted = f"The answer is a list of {count} lists, one for each job"
    try:
        given = read_answer(answer)
    except ValueError as error:
        return [""] * count, [Reason(Code.ANSWER_MALFORMED, f"The answer could not be read: {error}.")]
    texts = [_text(each) for each in given[:count]]
    problems = []
    if len(given) != count:
        problems.append(Reason(Code.ANSWER_WRONG, f"{wanted}, but it had {len(given)} items."))
    return texts + [""] * (count - len(texts)), problems


def _text(item: Any) -> str:
    try:
        return json.dumps(item)
    except (ValueError, RecursionError):
        return ""


def _stray(written: Written, people: Container[str]) -> Reason:
    """Returns the problem of a write that belongs to no job; about somebody of no job it is a safety violation."""
    about = written.was_about or written.about
    if about and about not in people:
        return Reason(Code.WRONG_PATIENT, f"{written.address} is about {about}, and no job is.", True)
    what = "was deleted" if written.resource is None else "was written" if written.created else "was changed"
    unsafe = written.kind in RISKY or written.resource is None
    return Reason(Code.WRITE_UNEXPECTED, f"{written.address} {what}, and it belongs to no job.", unsafe)


def _prefixed(job: Job, verdict: Verdict, *, gave_up: bool) -> Iterator[Reason]:
    """Yields the reasons of a job's verdict, with the job; one job that was left out is no giving up."""
    for code, text, critical in verdict.reasons:
        if code is not Code.GAVE_UP or gave_up:
            yield Reason(code, f"Job {job.name.removeprefix('job')} ({job.family.name}): {text}", critical)


def _deferral(verdicts: Sequence[Verdict]) -> Deferral | None:
    """Returns the deferral of the whole: the first that any job has, of wrong ones and then of deferred and acted."""
    found = {verdict.deferral for verdict in verdicts}
    order = (Deferral.UNDER, Deferral.OVER, Deferral.DEFERRED, Deferral.ACTED)
    return next((each for each in order if each in found), None)


def _answered(solution: Solution) -> Generator[str, Reply, list[Any]]:
    """Plays a job's gold solution, and returns the answer of its FINISH instead of sending it."""
    action = next(solution)
    while not isinstance(found := parse_action(action, ALL_VERBS), Finish):
        action = solution.send((yield action))
    return read_answer(found.answer)
