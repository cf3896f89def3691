"""The expected actions of an episode: the oracle plays the same case for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium

from mab_gym.agents import Agent
from mab_gym.agents._official import OfficialGold
from mab_gym.agents._reference import Oracle
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.report._runs import ReportedRun
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._regrade import reopened
from mab_gym.runs._rollout import Assignment, play_until_judged

Expected = Mapping[tuple[int, str], Sequence[str]]
"""The actions of the gold solution, by seed and case."""


def expected_of(run: ReportedRun) -> Expected:
    """Plays the gold solutions of a run's cases.

    Raises:
        MabGymError: They cannot be played here; the text says why.
    """
    about = {**run.about, "env": run.about.get("env") or run.env}
    env, options = reopened(run.folder, about)
    return expected_actions(env, run.episodes, options)


def expected_actions(
    env: gymnasium.Env[Any, str], records: Sequence[EpisodeRecord], options: Mapping[str, str | None]
) -> dict[tuple[int, str], Sequence[str]]:
    """Plays the gold solution of each case of some episodes once.

    Args:
        env: The environment of the episodes, with the embedded record system.
        records: The episodes.
        options: The further options that ``env.reset`` was given for them.

    Returns:
        Gold actions by seed and case. Cases that the environment does not draw again by their seed, and cases that the
        oracle does not solve, are left out: nothing is better than something that may be wrong.
    """
    scenario = unwrapped(env).scenario
    drawn = not scenario.tasks.cases
    agent: Agent = OfficialGold() if scenario.environment.protocol == OFFICIAL else Oracle()
    found: dict[tuple[int, str], Sequence[str]] = {}
    for record in records:
        key = (record.seed, record.case)
        if key in found:
            continue
        gold = play_until_judged(env, agent, Assignment(record.seed, None if drawn else record.case), options)
        if gold.case == record.case and gold.branch == record.branch and gold.verdict["success"]:
            found[key] = gold.actions
    return found
