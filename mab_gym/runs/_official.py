"""Plays the official MedAgentBench tasks with reference agents, and keeps their trajectories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mab_gym.envs._make import make
from mab_gym.episode import Ruleset
from mab_gym.errors import UsageError
from mab_gym.official._locate import OfficialFiles
from mab_gym.official._regrade import trajectory_line
from mab_gym.official._rules import OfficialRules
from mab_gym.official._synthetic_chart import stand_in, write_chart
from mab_gym.official._tasks import read_tasks
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, assignments, play
from mab_gym.runs._scores import OFFICIAL_AGENTS

ENV: Final = "mab_gym/MedAgentBench-Official-v0"
CHART: Final = "chart.ndjson.gz"
"""The file of the stand-in chart beside the trajectories that were played on it."""

Counting = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Shows the progress of one agent: takes a title and a number of episodes, and gives a function to call at each."""


@dataclass(frozen=True, slots=True)
class OfficialPlay:
    """The official tasks, played by one or more agents.

    Attributes:
        records: The records of each agent, by its name.
        chart: The chart that was played on; None for a server or the stand-in chart.
        server: The base URL of the FHIR server that was played on; None for a chart.
    """

    records: Mapping[str, Sequence[EpisodeRecord]]
    chart: Path | None
    server: str | None


def play_official(
    tasks: Path,
    functions: Path,
    agents: Iterable[str] = tuple(OFFICIAL_AGENTS),
    *,
    chart: Path | None = None,
    server: str | None = None,
    out: Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    counting: Counting = lambda title, total: nullcontext(lambda: None),
) -> OfficialPlay:
    """Plays the official tasks with reference agents.

    Args:
        tasks: The official task file.
        functions: The official function list.
        agents: The names of the agents, in `OFFICIAL_AGENTS`.
        chart: A chart to play on: FHIR resources, one a line, or an archive.
        server: The base URL of a FHIR server with the official records. Without chart and server, the variables of
            `OfficialFiles` name one, or else the stand-in chart is used.
        out: A folder for the trajectories, one file per agent; None to keep none.
        limit: The greatest number of tasks, the categories by turns; None for all.
        seed: The seed of the stand-in chart.
        counting: Shows the progress.

    Raises:
        UsageError: There is no such agent, or ``out`` holds one of the files already; nothing was played.
    """
    names = list(agents)
    for name in names:
        if name not in OFFICIAL_AGENTS:
            raise UsageError(f"there is no agent {name!r} here; there are: {', '.join(OFFICIAL_AGENTS)}")
    named = OfficialFiles(chart=chart, server=server)
    server = None if chart is not None and server is None else named.address
    chart = None if server is not None and chart is None else named.chart_path
    env = make(ENV, tasks=tasks, functions=functions, chart=chart, chart_seed=seed, server=server)
    todo = in_turn(assignments(unwrapped(env)), limit)
    if out is not None:
        _prepare(out, names, None if chart is not None or server is not None else (tasks, seed))
    played: dict[str, Sequence[EpisodeRecord]] = {}
    for name in names:
        agent = OFFICIAL_AGENTS[name](env, todo)
        records = []
        with counting(f"{agent.name} plays {len(todo)} official tasks", len(todo)) as advance:
            for assignment in todo:
                records.append(play(env, agent, assignment))
                if out is not None:
                    _keep(out / f"{name}.jsonl", unwrapped(env).episode.rules, records[-1])
                advance()
        played[agent.name] = records
    return OfficialPlay(played, chart, server)


def in_turn(todo: Sequence[Assignment], limit: int | None) -> Sequence[Assignment]:
    """Returns the first assignments of all categories by turns, in their old order; all of them without a limit.

    Args:
        todo: The assignments.
        limit: The greatest number, from 1.

    Raises:
        UsageError: The limit is below 1.
    """
    if limit is None:
        return todo
    if limit < 1:
        raise UsageError(f"a limit is a whole number from 1, not {limit}")
    places: dict[str, int] = {}
    turns = []
    for assignment in todo:
        category = str(assignment.case).partition("_")[0]
        places[category] = places.get(category, 0) + 1
        turns.append(places[category])
    chosen = sorted(range(len(todo)), key=lambda number: (turns[number], number))[:limit]
    return [todo[number] for number in sorted(chosen)]


def _prepare(out: Path, names: Sequence[str], standing_in: tuple[Path, int] | None) -> None:
    """Makes the folder, and checks before the first episode that no file in it would be overwritten."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; name a folder")
    for name in (*(f"{name}.jsonl" for name in names), *([CHART] if standing_in else [])):
        if (out / name).exists():
            raise UsageError(f"{out} holds {name} already; name another folder (nothing was changed)")
    out.mkdir(parents=True, exist_ok=True)
    if standing_in is not None:
        tasks, seed = standing_in
        write_chart(stand_in(read_tasks(tasks).values(), seed), out / CHART)


def _keep(path: Path, rules: Ruleset, record: EpisodeRecord) -> None:
    """Adds an episode to its file."""
    assert isinstance(rules, OfficialRules)
    line = trajectory_line(record.case, rules.conversation, bool(record.verdict["success"]))
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(line + "\n")
