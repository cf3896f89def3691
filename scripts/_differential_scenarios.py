"""`scripts/differential BASE_URL --scenarios N`: random scenarios of several steps, as agents and tools send them.

A scenario is what the recordings in ``tests/fhir/recordings/agents`` hold: a group and steps that go on from what
earlier steps were told. The modules of `TOPICS` make them: each has ``scenarios(rng, resources)``, which yields them
without end. Both servers hold the same records and keep what the scenarios write.
"""

from __future__ import annotations

import difflib
import importlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from _differential_fixtures import Resource

from mab_gym.fhir.http._server import FhirSession
from tests.fhir.comparing import LEVELS, Answer, equal_levels, lines
from tests.fhir.scenarios import Told, in_process, over_http

TOPICS = ("agents", "operations", "patch", "validate", "web")
MOST_LINES = 14
"""The most lines of a difference that are shown."""
Scenario = Mapping[str, Any]


@dataclass(slots=True)
class ScenarioReport:
    """The findings.

    Attributes:
        asked: The number of steps.
        agreed: The number of steps that agree at each level.
        own: The steps that the embedded server refuses with 501 in its own words, by these.
        classes: The number of differences, by class.
        examples: The first difference of each class, in lines.
    """

    asked: int = 0
    agreed: list[int] = field(default_factory=lambda: [0, 0, 0])
    own: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Returns the report in words."""
        compared = self.asked - self.own.total()
        shares = [f"{name} {100 * n / max(1, compared):.2f} %" for name, n in zip(LEVELS, self.agreed, strict=True)]
        told = [f"{self.asked} steps, {compared} compared; they agree: {', '.join(shares)}", ""]
        told += [f"{count:6}  501 {text}" for text, count in self.own.most_common()]
        for name, count in self.classes.most_common():
            told += ["", f"{count:6}  {name}", *(f"        {line[:300]}" for line in self.examples[name])]
        return told


def fixture() -> list[Resource]:
    """Returns the records of the recordings."""
    return [json.loads(line) for line in lines("agents", "fixture.ndjson.xz")]


def compare_scenarios(
    base_url: str,
    session: FhirSession,
    resources: Sequence[Resource],
    seed: int,
    count: int,
    topics: Sequence[str],
    tell: Callable[[str], None],
) -> ScenarioReport:
    """Plays scenarios on a real server and on the embedded one.

    Args:
        base_url: The FHIR base of both.
        session: A session of the embedded server, whose next id is the real one's.
        resources: The records that both hold.
        seed: Equal seeds give equal scenarios.
        count: The number of scenarios.
        topics: The topics that take turns.
        tell: Called with the progress.
    """
    theirs, ours, ask = Told(base_url), Told(base_url), in_process(session)
    report = ScenarioReport()
    makers = cycle([_made(topic, seed, resources) for topic in topics])
    for number in range(count):
        scenario = next(next(makers))
        ours.names, theirs.names = {}, {}
        for place, step in enumerate(scenario["steps"]):
            said, answered = over_http(theirs, step), ask(ours, step)
            theirs.learn(number, place, step["method"], said)
            ours.learn(number, place, step["method"], answered)
            _note(report, f"{scenario['group']} {step['method']}", step, (theirs, said), (ours, answered))
        if number % 100 == 99:
            tell(f"{number + 1} scenarios, {report.classes.total()} steps differ in {len(report.classes)} classes")
    return report


def _made(topic: str, seed: int, resources: Sequence[Resource]) -> Iterator[Scenario]:
    module = importlib.import_module(f"_differential_{topic}")
    made: Iterator[Scenario] = module.scenarios(random.Random(f"{seed} {topic}"), resources)
    return made


def _note(
    report: ScenarioReport, kind: str, step: Mapping[str, Any], theirs: tuple[Told, Answer], ours: tuple[Told, Answer]
) -> None:
    """Counts a step, and keeps the first example of its difference."""
    report.asked += 1
    (told, said), (known, answered) = theirs, ours
    if answered["status"] == 501 and said["status"] != 501:
        report.own[f"{kind}: {_diagnostics(answered)[:80]}"] += 1
        return
    seen, had = told.view(said), known.view(answered)
    level = next((n for n, equal in enumerate(equal_levels(seen, had)) if not equal), len(LEVELS))
    for each in range(level):
        report.agreed[each] += 1
    if level == len(LEVELS):
        return
    codes = f"{said['status']} {_code(said)}".strip(), f"{answered['status']} {_code(answered)}".strip()
    name = f"{kind} | {LEVELS[level]} | {codes[0]} | {codes[1]}"
    report.classes[name] += 1
    if name not in report.examples:
        report.examples[name] = [
            f"{step['method']} {step['target']} {json.dumps(step['headers'])}",
            str(step["body"])[:600],
            *_difference(seen[1:], had[1:]),
        ]


def _difference(theirs: Any, ours: Any) -> list[str]:
    """Returns the first lines in which two answers differ: headers that count, then text."""
    heads = [f"- {theirs[1:]}", f"+ {ours[1:]}"] if theirs[1:] != ours[1:] else []
    changes = difflib.unified_diff(theirs[0].splitlines(), ours[0].splitlines(), n=0, lineterm="")
    return [*heads, *(line for line in changes if line[:2] not in ("--", "++", "@@"))][:MOST_LINES]


def _diagnostics(answer: Answer) -> str:
    try:
        return str(json.loads(answer["body"])["issue"][0]["diagnostics"])
    except (ValueError, LookupError, TypeError):
        return ""


def _code(answer: Answer) -> str:
    """Returns HAPI's code for a refusal, or nothing."""
    return next((word.rstrip(":") for word in _diagnostics(answer).split() if word.startswith("HAPI-")), "")
