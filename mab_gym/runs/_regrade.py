"""Judges stored episodes again: their actions are played against the embedded record system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym.actions import OutOfContext, no_action_from
from mab_gym.backends._kinds import EMBEDDED
from mab_gym.envs._make import make
from mab_gym.episode import check_counts
from mab_gym.errors import UsageError
from mab_gym.runs._driver import Driver, unwrapped
from mab_gym.runs._records import EpisodeRecord, read_about, read_records, record_from
from mab_gym.runs._rollout import draws_cases, reset_options

_RULES = ("max_steps", "max_obs_chars", "minutes_per_action", "knowledge")
"""The rules of a run that its environment's file need not say."""
_JUDGED = ("success", "failure", "unsafe", "credit")


@dataclass(frozen=True, slots=True)
class Regraded:
    """A stored episode with its old and its new verdict.

    Attributes:
        record: The stored record.
        verdict: The new verdict on the same actions.
        replied_alike: True if the record system answered each action with the same HTTP status as in the record.
    """

    record: EpisodeRecord
    verdict: Mapping[str, Any]
    replied_alike: bool

    @property
    def changed(self) -> bool:
        """True if the verdicts differ in outcome or reason codes, not only in their wording."""
        return judgement(self.record.verdict) != judgement(self.verdict)

    @property
    def change(self) -> str:
        """The old and the new verdict, in one line."""
        return f"{_said(self.record.verdict)} -> {_said(self.verdict)}"


def _codes(verdict: Mapping[str, Any]) -> list[str]:
    return [reason["code"] for reason in verdict.get("reasons", ())]


def judgement(verdict: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns the outcome and the reason codes of a verdict, without its words."""
    return (*(verdict.get(name) for name in _JUDGED), _codes(verdict))


def _said(verdict: Mapping[str, Any]) -> str:
    unsafe = ", unsafe" if verdict.get("unsafe") else ""
    credit = f", credit {verdict['credit']:g}" if verdict.get("credit") not in (None, 0.0, 1.0) else ""
    return f"{'solved' if verdict['success'] else 'not solved'} ({', '.join(_codes(verdict))}{unsafe}{credit})"


def reopened(folder: Path, about: Mapping[str, Any]) -> tuple[gymnasium.Env[Any, str], dict[str, str | None]]:
    """Opens the environment of a run, with the embedded record system.

    Args:
        folder: The run's folder, for messages.
        about: The content of its ``run.json``.

    Returns:
        The environment, and the further options for ``reset``.

    Raises:
        UsageError: ``run.json`` names no environment, or the archive has changed.
    """
    name = about.get("file") or about.get("env")
    if not isinstance(name, str):
        raise UsageError(f"{folder} does not say which environment was played")
    rules = {rule: about[rule] for rule in _RULES if isinstance(about.get(rule), int | str)}
    env = make(name, backend=EMBEDDED, **rules)
    scenario = unwrapped(env).scenario
    then, now = str(about.get("archive")), scenario.backend.digest
    if then != now:
        raise UsageError(
            f"{folder} was played on other records (digest {then[:12]}…, here {now[:12]}…): "
            "a verdict would mean nothing"
        )
    return env, reset_options(env, **{name: about.get(name) for name in ("family", "difficulty", "variant")})


def regrade(folder: str | Path) -> Iterator[Regraded]:
    """Plays the stored actions of each episode of a run again and judges them by the present verifiers.

    Args:
        folder: The folder of a run of `evaluate`.

    Yields:
        One result for each stored episode that counts (`EpisodeRecord.counts`), in the order of the file.

    Raises:
        UsageError: The folder holds no run, or the run was played on another archive; raised by the call itself.
        InfrastructureError: The record system or a verifier fails now, so that there is no verdict.
    """
    folder = Path(folder)
    about = read_about(folder)
    if about is None:
        raise UsageError(f"{folder} holds no run (there is no run.json in it)")
    env, options = reopened(folder, about)
    return regrade_records(env, map(record_from, read_records(folder)), options)


def regrade_records(
    env: gymnasium.Env[Any, str], records: Iterable[EpisodeRecord], options: Mapping[str, str | None]
) -> Iterator[Regraded]:
    """Plays the stored actions of whole records again and judges them.

    Args:
        env: The environment of the records, with the embedded record system.
        records: The records; those that do not count are left out.
        options: Further options for ``env.reset``.

    Raises:
        InfrastructureError: The record system or a verifier fails now, so that there is no verdict.
    """
    driver = Driver(env)
    drawn = draws_cases(env)
    for record in records:
        if not record.counts:
            continue
        replay(driver, record, options, drawn)
        check_counts(driver.info)
        now = [message["status"] for message in driver.messages if message.get("status")]
        yield Regraded(record, driver.info["verdict"], _statuses(record) in ([], now))


def replay(driver: Driver, record: EpisodeRecord, options: Mapping[str, str | None], drawn: bool) -> None:
    """Plays the stored actions of one record again, to the episode's end.

    Args:
        driver: Drives the episode, in the record's environment.
        record: The record.
        options: Further options for ``env.reset``.
        drawn: True if the seed chooses the case.
    """
    driver.begin(record.seed, {**options, "case": None if drawn else record.case})
    for place, action in enumerate(record.actions, 1):
        slip = no_action_from(action)
        # A text that ended its episode is no slip that was told, even if its agent wrote it in this form.
        if slip is not None and not slip.ends and record.terminated and place == len(record.actions):
            slip = None
        driver.act(slip or action)
        if driver.over:
            break
    if not driver.over:
        driver.act(OutOfContext(record.context_limit or "the stored actions end here"))


def _statuses(record: EpisodeRecord) -> list[int]:
    return [message["status"] for message in record.messages if message.get("status")]
