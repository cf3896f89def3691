"""The episodes behind an MCP server: one for each session, begun when it is first needed."""

from __future__ import annotations

import itertools
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
import gymnasium
import numpy as np

from mab_gym import __version__
from mab_gym.actions import NoAction
from mab_gym.agents import Reading
from mab_gym.envs._env import check_seed
from mab_gym.errors import InfrastructureError, StorageError, UsageError
from mab_gym.fhir.http._exchange import Request
from mab_gym.integrations._async_sessions import AsyncSession, AsyncSessions, waiting_for
from mab_gym.integrations.mcp._tools import guide, reading_of
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord, RunFolder
from mab_gym.runs._rollout import assignments, draws_cases, reset_options

CHOICES = ("case", "seed", "family", "difficulty")
"""The names by which a session can choose its case."""
AGENT = "mcp"
"""The agent's name in records, unless another is given."""
_LEFT = Reading(NoAction("the session ended before finish was called"), cause="no_action")
_ENDED = "The task has ended."


class Answer(NamedTuple):
    """The result of a tool call.

    Attributes:
        text: The text that the agent is shown.
        wrong: True if the call did not do what it was meant to.
        outcome: The episode's outcome if it has ended and the outcome may be shown; else None.
    """

    text: str
    wrong: bool
    outcome: Mapping[str, Any] | None = None


class Episodes:
    """Everything that the sessions of one server share: environments, the choice of cases, and the run's folder.

    Without a case or a seed, sessions play the cases in the order of `mab_gym.evaluate`, one each.

    Args:
        open_env: Makes a new environment.
        file: The environment's file, if it has one of its own; for the description of the run.
        case: The case that every session plays.
        seed: The seed of the first episode; each further one has the next number. It chooses the case, too.
        family: Only this family.
        difficulty: Only this difficulty.
        variant: One or more variants, joined by ``+``.
        out: The folder for the records of episodes; None to keep none.
        agent: The agent's name in the records.
        show_verdict: True to show the verdict at the end of an episode.

    Attributes:
        known_metadata: The record system's CapabilityStatement once it was read; else None.
        stopping: True once the server stops; an episode that is under way then is not recorded.
        fault: The error of a record that could not be written; None if there was none.

    Raises:
        UsageError: A name does not exist, or the folder holds another run.
    """

    def __init__(
        self,
        open_env: Callable[[], gymnasium.Env[Any, str]],
        *,
        file: str | None = None,
        case: str | None = None,
        seed: int | None = None,
        family: str | None = None,
        difficulty: str | None = None,
        variant: str | None = None,
        out: Path | None = None,
        agent: str = AGENT,
        show_verdict: bool = False,
    ) -> None:
        check_seed(seed)
        first = open_env()
        self._first = first
        self._seed = seed
        self._given = {"case": case, "family": family, "difficulty": difficulty}
        self._variant = reset_options(first, family=None, difficulty=None, variant=variant)["variant"]
        self._agent = agent
        self.show_verdict = show_verdict
        self.stopping = False
        self.fault: StorageError | None = None
        self._drawn = draws_cases(first)
        self.known_metadata: dict[str, Any] | None = None
        unused = [first]
        self.sessions = AsyncSessions(lambda: unused.pop() if unused else open_env())
        self._writing: anyio.Lock | None = None
        self.choose({}, 0)
        self._folder = None if out is None else RunFolder(out, self._about(file))
        before = [] if self._folder is None else self._folder.before
        self._tries = Counter((record.case, record.variant, record.seed) for record in before)
        self._places = itertools.count(len(before))

    def _about(self, file: str | None) -> dict[str, Any]:
        scenario = unwrapped(self._first).scenario
        environment = scenario.environment
        return {
            "mab_gym": __version__,
            "env": environment.id,
            "file": file,
            "agent": self._agent,
            "form": "mcp",
            "mcp": version("mcp"),
            "protocol": environment.protocol,
            "max_steps": environment.max_steps,
            "max_obs_chars": environment.max_obs_chars,
            **self._given,
            "seed": self._seed,
            "variant": self._variant,
            "archive": scenario.backend.digest,
        }

    @property
    def name(self) -> str:
        """The environment's id."""
        return unwrapped(self._first).scenario.environment.id

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs that the environment allows."""
        return unwrapped(self._first).scenario.environment.actions

    @property
    def base_url(self) -> str:
        """The FHIR base that agents see."""
        return unwrapped(self._first).scenario.backend.base_url

    def choose(self, asked: Mapping[str, str], place: int | None = None) -> tuple[int, dict[str, str | None]]:
        """Returns the seed and the options of a session's episode.

        Args:
            asked: The session's own choices, by the names in `CHOICES`.
            place: The number of the episode; None for the next one.

        Raises:
            UsageError: A choice is unknown, or names what does not exist.
        """
        unknown = asked.keys() - set(CHOICES)
        if unknown:
            raise UsageError(f"a session chooses {', '.join(CHOICES)}, not {', '.join(sorted(unknown))}")
        place = next(self._places) if place is None else place
        seeded = self._seed is not None or "seed" in asked
        seed = _seed(asked["seed"]) if "seed" in asked else (self._seed or 0) + place
        case, family, difficulty = (asked.get(name, self._given[name]) for name in ("case", "family", "difficulty"))
        if self._drawn:
            if asked.keys() - {"seed"} or case is not None:
                raise UsageError(f"{self.name} draws its cases: a session chooses its seed, and nothing else")
            return seed, {"family": family, "difficulty": difficulty, "variant": self._variant}
        tasks = unwrapped(self._first).scenario.tasks
        if case is not None:
            case = tasks.case(case).id
        elif seeded:  # as the environment's own reset
            case = tasks.pick(np.random.default_rng(seed), family, difficulty).id
        else:
            todo = assignments(unwrapped(self._first), family=family, difficulty=difficulty)
            case = todo[place % len(todo)].case
        return seed, {"case": case, "variant": self._variant}

    async def keep(self, session: AsyncSession) -> None:
        """Writes the record of an episode that has ended."""
        driver = session.session
        case, variant = driver.info["case"], driver.info.get("variant", "")
        key = (case, variant, driver.seed)
        record = driver.record(self._agent, repeat=self._tries[key])
        self._tries[key] += 1
        if self._folder is not None:
            await self._write(self._folder, record)

    async def _write(self, folder: RunFolder, record: EpisodeRecord) -> None:
        self._writing = self._writing or anyio.Lock()
        async with self._writing:
            try:
                await anyio.to_thread.run_sync(folder.add, record)
            except StorageError as error:
                self.fault = self.fault or error
                logging.getLogger(__name__).error(str(error))

    async def metadata(self, session: AsyncSession) -> dict[str, Any]:
        """Reads the record system's CapabilityStatement.

        Raises:
            InfrastructureError: The record system failed.
        """
        env = session.session.env
        records = unwrapped(env).episode.session
        response = await waiting_for(env)(lambda: records.handle(Request("GET", "metadata", {}, "")))
        try:
            self.known_metadata = json.loads(response.body)
            self.known_metadata["rest"][0]["resource"][0]["type"]
        except (ValueError, LookupError, TypeError):
            self.known_metadata = None
            raise InfrastructureError("the record system gives no CapabilityStatement") from None
        return self.known_metadata

    def close(self) -> None:
        """Closes the run's folder.

        Raises:
            StorageError: A record could not be written.
        """
        if self._folder is not None:
            self._folder.close()
        if self.fault is not None:
            raise self.fault


class SessionEpisode:
    """The episode of one session.

    Args:
        episodes: The server's episodes.
        asked: The session's own choices, by the names in `CHOICES`.
    """

    def __init__(self, episodes: Episodes, asked: Mapping[str, str]) -> None:
        self._episodes, self._asked = episodes, asked
        self._lock = anyio.Lock()
        self._held = AsyncExitStack()
        self._session: AsyncSession | None = None
        self._task = ""
        self._outcome: dict[str, Any] | None = None

    async def task(self) -> str:
        """Returns the task, with the words that say what the tools stand for.

        Raises:
            UsageError: The session chooses a case that does not exist.
        """
        async with self._lock:
            session = await self._begun()
            return self._task if session is None else _task(session)

    async def metadata(self) -> dict[str, Any]:
        """Returns the record system's CapabilityStatement.

        Raises:
            InfrastructureError: The record system failed, or the episode has ended.
        """
        known = self._episodes.known_metadata
        if known is not None:
            return known
        async with self._lock:
            session = await self._begun()
            if session is None:
                raise InfrastructureError(_ENDED)
            return await self._episodes.metadata(session)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Takes the step that a tool call stands for; nothing that it holds raises.

        Args:
            name: The tool's name.
            arguments: The arguments.

        Raises:
            UsageError: The session chooses a case that does not exist.
        """
        async with self._lock:
            session = await self._begun()
            if session is None:
                return self._late()
            with anyio.CancelScope(shield=True):  # a step that is taken is recorded, even if nobody waits any more
                answer = await self._step(session, name, arguments)
        return answer

    async def leave(self) -> None:
        """Ends the episode when the session ends; without finish it is not solved."""
        async with self._lock:
            session = self._session
            if session is None:
                return
            if self._episodes.stopping:
                await session.leave()
                await self._given_back()
            else:
                with suppress(InfrastructureError):
                    await session.act(_LEFT)
                await self._ended(session)

    async def _begun(self) -> AsyncSession | None:
        """Begins the episode if it was not begun before; returns None if it has ended."""
        if self._session is None and self._outcome is None:
            seed, options = self._episodes.choose(self._asked)
            session = await self._held.enter_async_context(self._episodes.sessions.taken())
            try:
                await session.begin(seed, options)
            except BaseException:
                await self._given_back()
                raise
            session.session.messages.insert(0, {"role": "system", "content": guide(self._episodes.verbs)})
            self._session = session
        return self._session

    async def _step(self, session: AsyncSession, name: str, arguments: Mapping[str, Any]) -> Answer:
        driver = session.session
        reading = reading_of(name, arguments, self._episodes.base_url, self._episodes.verbs)
        with suppress(InfrastructureError):
            await session.act(reading)
        text, status = driver.observation["text"], int(driver.observation["status"])
        finished = not text and driver.info.get("infrastructure_error") is None
        wrong = not finished and not 0 < status < 400
        if not driver.over:
            return Answer(text, wrong)
        await self._ended(session)
        return Answer("\n\n".join(filter(None, (text, self._ending()))), wrong, self._shown())

    async def _ended(self, session: AsyncSession) -> None:
        driver = session.session
        self._task = _task(session)
        self._outcome = {"case": driver.info["case"], **driver.outcome, "calls_after_end": 0}
        await self._episodes.keep(session)
        await self._given_back()

    async def _given_back(self) -> None:
        self._session = None
        await self._held.aclose()

    def _late(self) -> Answer:
        assert self._outcome is not None
        self._outcome["calls_after_end"] += 1
        return Answer(f"Nothing was done. {self._ending()}", True, self._shown())

    def _shown(self) -> Mapping[str, Any] | None:
        return self._outcome if self._episodes.show_verdict else None

    def _ending(self) -> str:
        """Returns the words for the end: with the verdict only where it may be shown."""
        assert self._outcome is not None
        if self._outcome["infrastructure_error"] is not None:
            return f"{_ENDED} The record system has failed, so that it does not count."
        if not self._episodes.show_verdict:
            return _ENDED
        verdict = self._outcome["verdict"]
        reasons = " ".join(reason["text"] for reason in verdict["reasons"])
        return f"{_ENDED} {'Solved' if verdict['success'] else 'Not solved'}. {reasons}"


def _task(session: AsyncSession) -> str:
    return "\n\n".join(message["content"] for message in session.session.messages[:2])


def _seed(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 18:
        raise UsageError(f"a seed is a whole number from 0, not {text[:40]!r}")
    return int(text)
