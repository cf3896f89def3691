"""The pages of the casework in the documentation: one for each family, made of its folder, its audit and a gold run."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlencode

from mab_gym.envs._scenario import Scenario
from mab_gym.report import read_run, write_report
from mab_gym.runs._evaluation import Plan, play_run
from mab_gym.runs._fine_tuning import gold_run
from mab_gym.runs._records import EpisodeRecord, read_records, record_from
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._family import Family

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tasks" / "casework"
AUDIT = ROOT / "docs" / "figures" / "casework_audit.json"
"""The audit's findings, as `mab-gym tasks audit --env Casework-v0 --json` prints them."""
ENV = "mab_gym/Casework-v0"
LABEL = "gold"
TRAJECTORIES = "casework/trajectories.html"


@cache
def families() -> tuple[Family, ...]:
    """Returns the families in order."""
    return tuple(load_catalogue(FOLDER).values())


@cache
def services() -> Mapping[str, Mapping[str, Any]]:
    """Returns what each service's file says of it, in the order of its families."""
    names = dict.fromkeys(family.service for family in families())
    return {name: tomllib.loads((FOLDER / name / "service.toml").read_text(encoding="utf-8")) for name in names}


class Gold(NamedTuple):
    """The gold run of the first case of each family.

    Attributes:
        page: A report's page with all of them.
        records: By family.
        criteria: The names of what the verdict has looked at, by family.
    """

    page: bytes
    records: Mapping[str, EpisodeRecord]
    criteria: Mapping[str, Sequence[str]]


@cache
def trajectories() -> Gold:
    """Plays the first case of each family by its gold solution."""
    run = gold_run(Plan(env=ENV), thoughts=True)
    first = {f"{family.name}/01" for family in families()}
    run = replace(run, todo=[each for each in run.todo if each.case in first])
    with TemporaryDirectory() as folder:
        played = Path(folder) / LABEL
        play_run(run, played)
        page = Path(folder) / "page.html"
        write_report([read_run(played, LABEL)], page, title="Casework: a gold solution of each family")
        records = {record.family: record for record in map(record_from, read_records(played))}
        criteria = {name: _criteria(run.scenario, record) for name, record in records.items()}
        return Gold(page.read_bytes(), records, criteria)


def _criteria(scenario: Scenario, record: EpisodeRecord) -> list[str]:
    """Returns the criteria of a verdict, which a record does not keep."""
    episode = scenario.new_episode()
    case = scenario.tasks.case(record.case)
    episode.reset(scenario.tasks.catalogue[case.family], case)
    for action in record.actions:
        step = episode.step(action)
    return list(step.info["criteria"])


def pages() -> Iterator[tuple[str, str | bytes]]:
    """Yields the pages by their paths in the site."""
    yield "casework/families.md", "\n".join(_overview())
    yield TRAJECTORIES, trajectories().page
    for family in families():
        yield f"casework/{family.name}.md", "\n".join(_page(family))


def navigation() -> list[dict[str, Any]]:
    """Returns the entries of the navigation: the families of each service."""
    found: list[dict[str, Any]] = [{"All families": "casework/families.md"}]
    for name, about in services().items():
        entries = [{_title(each): f"casework/{each.name}.md"} for each in families() if each.service == name]
        found.append({about["title"]: entries})
    return found


def _title(family: Family) -> str:
    return family.name.replace("_", " ").capitalize()


def _overview() -> Iterator[str]:
    yield "# The families of the casework\n"
    yield "[The casework](../casework.md) says how they are played. Actions are steps of the gold solution (median of "
    yield "the frozen cases), checkpoints those of the first case.\n"
    for name, about in services().items():
        yield f"\n## {about['title']}\n\n{about['summary'][:1].upper()}{about['summary'][1:]}.\n"
        yield "| family | is about | actions | checkpoints | clock | protocol |\n|---|---|---|---|---|---|"
        for each in families():
            if each.service == name:
                link, clock = f"[{_title(each)}]({each.name}.md)", "yes" if each.course else ""
                row = (link, each.summary, _actions(each), _checkpoints(each), clock, ", ".join(each.pages))
                yield f"| {' | '.join(map(str, row))} |"


def _actions(family: Family) -> int:
    """Returns the median of the steps that freezing has counted: requests and decisions."""
    return round(median(case.steps or 0 for case in family.cases))


def _checkpoints(family: Family) -> int:
    names = trajectories().criteria[family.name]
    return sum(not name.startswith(("kept.", "answer.")) for name in names)


@cache
def _audit() -> Mapping[str, Mapping[str, Any]]:
    """Returns the audit's findings by family; none where nobody has written them."""
    if not AUDIT.is_file():
        return {}
    told = json.loads(AUDIT.read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = {}
    for part in ("blind", "graded", "rules", "policies"):
        for each in told[part]:
            found.setdefault(each["family"], {})[part] = each
    return found


def _page(family: Family) -> Iterator[str]:
    record = trajectories().records[family.name]
    yield f"# {_title(family)}\n\n{family.summary[:1].upper()}{family.summary[1:]}.\n"
    clock = "on the clock" if family.course else "without a clock"
    pages = f"protocol: {', '.join(family.pages)} of the handbook" if family.pages else "no protocol of the handbook"
    yield f"`{family.name}`, of the service {services()[family.service]['title'].lower()}; {clock}; {pages}; at most "
    yield f"{family.max_steps} actions, {_actions(family)} steps in the gold solution (median).\n"
    yield "## What is asked\n"
    context, question = family.prompt(family.cases[0], "the time of the case")
    house = (FOLDER / "house.md").read_text(encoding="utf-8").strip()
    shared = (house, (FOLDER / "clock.md").read_text(encoding="utf-8").strip())
    for text in shared:
        context = context.replace(text.format_map({"now": "the time of the case"}), "").strip()
    yield f"> {question}\n\nThe context of the first case, without the texts that all families share:\n"
    yield "\n".join(f"> {line}" for line in context.splitlines()) + "\n"
    yield "## Branches\n\n| branch | of 20 frozen cases |\n|---|---|"
    for branch, count in Counter(case.branch for case in family.cases).most_common():
        yield f"| {branch.replace('_', ' ')} | {count} |"
    yield "\n## Rules\n\n| rule | says | lost without it |\n|---|---|---|"
    lost = _audit().get(family.name, {}).get("rules", {}).get("lost_by_breaking", {})
    for name, sentence in family.rules.items():
        share = f"{lost[name]} of {len(family.cases)}" if name in lost else "–"
        yield f"| {name} | {sentence} | {share} |"
    if family.traps:
        yield "\n## Traps\n\n| trap | |\n|---|---|"
        yield from (f"| {name} | {sentence} |" for name, sentence in family.traps.items())
    yield "\n## Checkpoints\n\nOf the first case; `kept` names what had to be left alone.\n"
    yield "\n".join(f"- `{name}`" for name in trajectories().criteria[family.name])
    yield "\n## Audit\n"
    yield from _audited(family)
    yield "\n## A gold solution\n"
    wanted = {"run": LABEL, "case": record.case, "seed": str(record.seed), "try": str(record.repeat + 1)}
    yield f'<a href="trajectories.html#{urlencode(wanted)}">The first case in the viewer</a>, with what it decided.\n'
    if family.sources:
        yield "## Sources\n"
        yield "\n".join(f"- {source}" for source in family.sources)


def _audited(family: Family) -> Iterator[str]:
    found = _audit().get(family.name)
    if found is None:
        yield "Not audited yet.\n"
        return
    graded, policies = found["graded"], found["policies"]["partial_credit"]
    yield "| without a GET | groups that tell at skill 0.3 | credit at skill 0.1, 0.5, 0.9 | credit of parts |"
    yield "|---|---|---|---|"
    credit = graded.get("credit") or graded["success"]
    skills = ", ".join(f"{credit[skill]:.2f}" for skill in ("0.1", "0.5", "0.9"))
    parts = "; ".join(f"{name} {share:.2f}" for name, share in policies.items())
    telling = graded["telling_groups"]["partial"].get("0.3")
    told = "–" if telling is None else f"{telling:.0%}"
    yield f"| {found['blind']['solved']} of {found['blind']['played']} | {told} | {skills} | {parts} |"
