"""The environments behind MCP, played by the official client: everything is as with the same actions as text."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import gymnasium
import pytest

from mab_gym.actions import ALL_VERBS, Delete, Finish, Get, Patch, Post, Put, parse_action
from mab_gym.backends.embedded._backend import EmbeddedBackend
from mab_gym.cli.app import COMMANDS
from mab_gym.errors import StorageError, UsageError
from mab_gym.runs._causes import cause_of
from mab_gym.runs._driver import Driver
from mab_gym.runs._records import EpisodeRecord, RunFolder, read_records, record_from
from mab_gym.runs._regrade import regrade
from tests.integrations.scripts import BASE, LIVING, check_solved, judged, script_of, told_of
from tests.processes import first_line, started, until

pytest.importorskip("mcp")

import anyio
import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server

from mab_gym.envs._make import make
from mab_gym.integrations.mcp import _server
from mab_gym.integrations.mcp._episodes import Episodes, SessionEpisode
from mab_gym.integrations.mcp._http import HttpSession, HttpSessions

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

COMMAND = (sys.executable, "-m", "mab_gym.cli", "mcp")
CASE = "record_blood_pressure/04"
OUTCOME = "mab-gym/outcome"
Call = tuple[str, dict[str, Any]]


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server over HTTP in its own process, and its address."""
    with started([*COMMAND, "--http", "--port", "0", *options], stdout=subprocess.PIPE) as server:
        yield server, first_line(server).split(" at ")[1].strip()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving("--show-verdict") as (_, address):
        yield address


def stdio(*options: str) -> StdioServerParameters:
    return StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], *options])


def call_of(action: str) -> Call:
    """The tool call that stands for an action."""
    match parse_action(action, ALL_VERBS):
        case Get(url):
            path, _, query = url.removeprefix(f"{BASE}/").partition("?")
            if not url.startswith(f"{BASE}/") or ".." in url:
                return "search", {"link": url}
            if "/" in path:
                kind, _, name = path.partition("/")
                return "read", {"type": kind, "id": unquote(name)}
            params: dict[str, list[str]] = {}
            for name, value in parse_qsl(query, keep_blank_values=True):
                params.setdefault(name, []).append(value)
            return "search", {"type": path, "params": params}
        case Post(url, body):
            try:
                resource = json.loads(body)
            except ValueError:
                resource = body
            return "create", {"type": url.removeprefix(f"{BASE}/"), "resource": resource}
        case Put(url, body):
            return "update", {**place_of(url), "resource": json.loads(body)}
        case Patch(url, body):
            return "patch", {**place_of(url), "operations": json.loads(body)}
        case Delete(url):
            return "delete", place_of(url)
        case Finish(answer):
            return "finish", {"answer": json.loads(answer)}
    raise AssertionError(action)


def place_of(url: str) -> dict[str, str]:
    """Type and id in the address of a resource."""
    kind, _, name = url.removeprefix(f"{BASE}/").partition("/")
    return {"type": kind, "id": unquote(name)}


def plainly(record: EpisodeRecord) -> EpisodeRecord:
    """A record whose addresses have no escapes."""
    return replace(record, actions=[unquote(action) for action in record.actions])


async def played(client: Client, calls: list[Call]) -> list[Any]:
    return [await client.call_tool(name, arguments) for name, arguments in calls]


def text(result: Any) -> str:
    (content,) = result.content
    return str(content.text)


async def read(client: Client, uri: str) -> str:
    """The text of a resource."""
    (content,) = (await client.read_resource(uri)).contents
    return str(getattr(content, "text", None))


def outcome(result: Any) -> dict[str, Any]:
    found: dict[str, Any] = result.meta[OUTCOME]
    return found


def kept(folder: Path) -> list[EpisodeRecord]:
    """The records of a run's folder."""
    return [record_from(data) for data in read_records(folder)] if (folder / "run.json").exists() else []


def reason(error: BaseException) -> str:
    """The words of the protocol's error inside the groups of a client's tasks."""
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, MCPError)
    return str(error.error.message)


def by_text(env: gymnasium.Env[Any, str], case: str, actions: list[str]) -> EpisodeRecord:
    """The project's own record of the same actions as texts."""
    driver = Driver(env)
    driver.begin(0, {"case": case})
    for action in actions:
        if not driver.over:
            driver.act(action)
    return driver.record("text")


async def refused(address: str, **more: Any) -> str:
    """The reason for which a server refuses a client."""
    with pytest.raises((ExceptionGroup, MCPError)) as raised:
        async with Client(address, **more) as client:
            await client.list_tools()
    return reason(raised.value)


def test_whole_episodes_have_the_same_verdicts_many_sessions_at_once(
    golds: Mapping[str, EpisodeRecord], env: Any, tmp_path: Path
) -> None:
    unsaid = ("no action", "nothing", "an answer that is no list")  # no tool stands for them
    scripts = {case: list(each) for case, each in told_of(golds).items() if script_of(case) not in unsaid}

    async def play(address: str) -> dict[str, Any]:
        async with AsyncExitStack() as clients:
            open_now = {
                case: await clients.enter_async_context(Client(f"{address}?case={case}&seed=0")) for case in scripts
            }
            seen = await asyncio.gather(
                *(played(client, [call_of(each) for each in scripts[case]]) for case, client in open_now.items())
            )
            return dict(zip(scripts, seen, strict=True))

    with serving("--show-verdict", "--out", str(tmp_path / "run")) as (_, address):
        seen = asyncio.run(play(address))
        records = {record.case: record for record in kept(tmp_path / "run")}
    assert len(records) == len(scripts) == 80
    for case, actions in scripts.items():
        own, theirs, last = by_text(env, case, actions), records[case], seen[case][-1]
        assert judged(theirs.verdict) == judged(own.verdict), case
        assert (theirs.reward, theirs.steps, theirs.terminated, theirs.truncated) == (
            own.reward,
            own.steps,
            own.terminated,
            own.truncated,
        )
        told = next(each for each in seen[case] if each.meta)
        assert judged(outcome(told)["verdict"]) == judged(own.verdict)
        assert outcome(last)["reward"] == own.reward
        statuses = [[each.get("status") for each in record.messages if "status" in each] for record in (own, theirs)]
        assert statuses[0] == statuses[1]
    assert {record.verdict["success"] for record in records.values()} == {True, False}
    assert [each.change for each in regrade(tmp_path / "run") if each.changed or not each.replied_alike] == []


@pytest.mark.parametrize("env_id", LIVING)
def test_stays_and_casework_come_to_the_same(
    env_id: str, living: Mapping[str, Mapping[str, EpisodeRecord]], tmp_path: Path
) -> None:
    own = {case: living["text"][case] for case in LIVING[env_id]}

    async def play(address: str) -> None:
        async with AsyncExitStack() as clients:
            for case, record in own.items():
                client = await clients.enter_async_context(Client(f"{address}?case={case}&seed=0"))
                names = [tool.name for tool in (await client.list_tools()).tools]
                assert names == ["search", "read", "create", "finish", "update", "patch", "delete"]
                assert "in the place of PATCH call patch" in await read(client, "mab-gym://task")
                *_, last = await played(client, [call_of(each) for each in record.actions])
                assert outcome(last)["verdict"]["success"]

    with serving("--env", env_id, "--show-verdict", "--out", str(tmp_path / "run")) as (_, address):
        asyncio.run(play(address))
    records = {record.case: record for record in kept(tmp_path / "run")}
    assert records.keys() == own.keys()
    for case, record in own.items():
        found = records[case]
        # The tools leave more of an address as it is than the solutions do: commas and slashes.
        check_solved(plainly(record), found.verdict, found.reward, plainly(found).actions)
        theirs = [each["content"] for each in found.messages if "status" in each]
        assert theirs == [each["content"] for each in record.messages if "status" in each]
    assert [each.change for each in regrade(tmp_path / "run") if each.changed or not each.replied_alike] == []


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_process_over_stdio_is_one_episode_and_hides_its_verdict(
    golds: Mapping[str, EpisodeRecord], tmp_path: Path, mode: str
) -> None:
    async def play() -> None:
        async with Client(stdio("--case", CASE, "--out", str(tmp_path / "run")), mode=mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["search", "read", "create", "finish"]
            assert {str(each.uri) for each in (await client.list_resources()).resources} == {
                "mab-gym://task",
                "mab-gym://metadata",
            }
            task = await read(client, "mab-gym://task")
            assert "in the place of POST call create" in task and task.endswith(golds[CASE].messages[0]["content"])
            (message,) = (await client.get_prompt("task")).messages
            assert (message.role, getattr(message.content, "text", None)) == ("user", task)
            short = json.loads(await read(client, "mab-gym://metadata"))
            assert short["fhirVersion"] == "4.0.1" and {"type": "Observation"} in short["rest"][0]["resource"]
            kind = json.loads(await read(client, "mab-gym://metadata/Observation"))
            assert "code" in {each["name"] for each in kind["searchParam"]}
            for wrong in ("mab-gym://metadata/Nonsense", "mab-gym://answer", "file:///etc/passwd"):
                with pytest.raises(MCPError, match="there is no resource"):
                    await client.read_resource(wrong)
            *others, last = await played(client, [call_of(each) for each in golds[CASE].actions])
            assert [each.is_error for each in others] == [False] * len(others)
            assert (text(last), last.is_error, (last.meta or {}).get(OUTCOME)) == ("The task has ended.", False, None)
            assert "Blood" not in str(last)
            # The record is there before the answer is.
            (record,) = kept(tmp_path / "run")
            assert record.verdict["success"] and record.actions[-1] == golds[CASE].actions[-1]
            assert (record.agent, record.seed, record.repeat) == ("mcp", 0, 0)
            late = await client.call_tool("read", {"type": "Patient", "id": "x"})
            assert (text(late), late.is_error) == ("Nothing was done. The task has ended.", True)
            assert await read(client, "mab-gym://task") == task

    asyncio.run(play())
    assert len(kept(tmp_path / "run")) == 1


def test_calls_that_are_wrong_are_told_and_count_until_no_step_is_left(address: str) -> None:
    wrong: list[Call] = [
        ("update", {"type": "Patient", "id": "S1"}),
        ("read", {"type": ["Patient"], "id": {"a": 1}}),
        ("create", {"type": "Observation", "resource": {"resourceType": "Observation", "note": "x" * 1_200_000}}),
        ("create", {"type": "Observation", "resource": '{"resourceType": "Observation", "status": "\\ud800"}'}),
        ("search", {"link": "http://elsewhere/fhir/Patient"}),
        ("search", {"type": "Observation", "params": {"nonsense": "\x00\n", "date": "never"}}),
        ("read", {"type": "Patient", "id": "nobody"}),
        ("finish", {"answer": "all is well"}),
    ]

    async def play() -> list[Any]:
        async with Client(f"{address}?case={CASE}") as client:
            return await played(client, [*wrong, ("finish", {"answer": []}), ("nonsense", {})])

    *seen, after, later = asyncio.run(play())
    assert all(each.is_error for each in (*seen, after, later))
    told = [text(each) for each in seen]
    assert told[0] == "Not sent: there is no tool 'update'; there are search, read, create, finish."
    assert told[1] == "Not sent: type is a text that is not empty, not a list."
    assert "more than the 1,048,576 allowed" in told[2]
    assert "outside the FHIR base" in told[4]
    assert told[5].startswith("HTTP 400") and told[6].startswith("HTTP 404")
    assert "The task has ended." in told[7] and "The task has ended." not in told[6]
    assert (outcome(seen[-1])["steps"], outcome(seen[-1])["verdict"]["reasons"][0]["code"]) == (8, "step_limit")
    assert text(after).startswith("Nothing was done. The task has ended.")
    assert (outcome(seen[-1])["calls_after_end"], outcome(later)["calls_after_end"]) == (0, 2)


def test_sessions_do_not_see_each_others_writes_and_give_the_records_back(
    golds: Mapping[str, EpisodeRecord], tmp_path: Path
) -> None:
    post, _ = map(call_of, golds[CASE].actions)
    mrn = post[1]["resource"]["subject"]["reference"].partition("/")[2]
    look: Call = (
        "search",
        {"type": "Observation", "params": {"patient": mrn, "date": "ge2023-11-13", "_total": "accurate"}},
    )

    async def counted(client: Client) -> int:
        return int(json.loads(text(await client.call_tool(*look)).partition("\n")[2])["total"])

    async def play(address: str) -> None:
        async with Client(f"{address}?case={CASE}") as one, Client(f"{address}?case={CASE}") as other:
            before = await counted(one)
            await played(one, [post, post])
            assert (await counted(one), await counted(other)) == (before + 2, before)
        assert len(kept(tmp_path / "run")) == 2
        for _ in range(2):  # the environments of the sessions that have ended are used again
            async with Client(f"{address}?case={CASE}") as client:
                assert await counted(client) == before

    with serving("--out", str(tmp_path / "run")) as (_, address):
        asyncio.run(play(address))
    records = kept(tmp_path / "run")
    assert sorted(record.seed for record in records) == [0, 1, 2, 3]
    assert {record.actions[-1] for record in records} == {
        "[no action, ended: the session ended before finish was called]"
    }
    assert {cause_of(record) for record in records} == {"no_action"}
    assert all(record.counts and not record.verdict["success"] for record in records)
    assert {record.verdict["unsafe"] for record in records} == {True, False}, "written twice is unsafe"


def test_sessions_choose_their_cases(address: str, env: Any, tmp_path: Path) -> None:
    async def case(address: str, **headers: str) -> str:
        transport = streamable_http_client(address, http_client=httpx2.AsyncClient(headers=headers))
        async with Client(transport) as client:
            return str(outcome(await client.call_tool("finish", {"answer": []}))["case"])

    def chosen(seed: int, **options: str) -> str:
        env.reset(seed=seed, options=options)
        return str(env.episode.case.id)

    async def play(address: str, second: str) -> None:
        assert await case(f"{address}?case=check_a1c/03") == "check_a1c/03"
        assert await case(address, **{"X-MAB-Case": "check_a1c/03"}) == "check_a1c/03"
        assert await case(f"{address}?case=check_a1c/02", **{"X-MAB-Case": "check_a1c/03"}) == "check_a1c/02"
        for seed in (3, 4, 5):
            assert await case(f"{address}?seed={seed}") == chosen(seed)
            assert await case(f"{address}?seed={seed}&family=mean_glucose") == chosen(seed, family="mean_glucose")
        assert await case(f"{address}?seed=3&difficulty=hard") == chosen(3, difficulty="hard")
        ids = [each.id for each in env.scenario.tasks.cases]
        assert [await case(second) for _ in range(3)] == ids[:3]
        assert await refused(f"{address}?case=nonsense/01") == await refused(f"{address}?family=nonsense")
        assert "there is no task family 'nonsense'" in await refused(f"{address}?family=nonsense")
        assert await refused(f"{address}?seed=-1") == "a seed is a whole number from 0, not '-1'"
        assert "a session chooses case, seed, family, difficulty, not env" in await refused(f"{address}?env=x.toml")

    options = ("--show-verdict", "--out", str(tmp_path / "run"))
    with serving(*options) as (_, second):
        asyncio.run(play(address, second))
    with serving(*options) as (_, again):  # the same command goes on
        assert asyncio.run(case(again)) == env.scenario.tasks.cases[3].id
    assert [record.seed for record in kept(tmp_path / "run")] == [0, 1, 2, 3]


def test_equal_choices_are_repeats_and_drawn_cases_follow_the_seed(tmp_path: Path) -> None:
    async def finish(address: str) -> str:
        async with Client(address) as client:
            return str(outcome(await client.call_tool("finish", {"answer": []}))["case"])

    async def play(address: str) -> list[str]:
        assert "draws its cases" in await refused(f"{address}?case=check_a1c/03")
        return [await finish(f"{address}?seed=7"), await finish(f"{address}?seed=7"), await finish(address)]

    with serving("--env", "MedAgentBench-Train-v0", "--show-verdict", "--out", str(tmp_path / "run")) as (_, address):
        asyncio.run(play(address))
    assert [(record.seed, record.repeat) for record in kept(tmp_path / "run")] == [(7, 0), (7, 1), (2, 0)]
    assert not any(each.changed for each in regrade(tmp_path / "run"))


@asynccontextmanager
async def bare() -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(headers=headers) as client:
        yield client


OPENING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
READ = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "read", "arguments": {}}}


def test_what_is_no_request_of_a_session_is_refused_and_the_server_lives_on(address: str) -> None:
    async def ask() -> None:
        async with bare() as client:
            assert (await client.get(address)).status_code == 405
            assert (await client.get(address.replace("/mcp", "/health"))).text == "ok"
            assert (await client.post(address, json=READ)).json()["error"]["message"] == (
                "there is no mcp-session-id: begin with initialize"
            )
            unknown = {"mcp-session-id": "f" * 32}
            assert (await client.post(address, json=READ, headers=unknown)).status_code == 404
            assert (await client.delete(address, headers=unknown)).status_code == 404
            assert (await client.post(address, json=OPENING, headers={"host": "evil.example"})).status_code == 421
            assert (
                await client.post(address, json=OPENING, headers={"origin": "http://evil.example"})
            ).status_code == 403
            assert (await client.post(address, content=b"x" * 5_000_000)).status_code == 413
            name = (await client.post(address, json=OPENING)).headers["mcp-session-id"]
            mine = {"mcp-session-id": name, "mcp-protocol-version": "2025-11-25"}
            for broken in (b"{", b"[]", b"\xff", b'{"jsonrpc": "2.0"}', b'"\\ud800"', b"[" * 100_000):
                answer = await client.post(
                    address, content=broken, headers={**mine, "content-type": "application/json"}
                )
                assert answer.status_code == 400, broken[:20]
            for params in ({}, {"name": 7}, {"name": "read", "arguments": [1]}, {"name": "read", "arguments": "x"}):
                answer = await client.post(address, json={**READ, "params": params}, headers=mine)
                assert answer.json()["error"]["code"] == -32602
            assert text_of(await client.post(address, json=READ, headers=mine)).startswith("Not sent: type is a text")
            assert (await client.delete(address, headers=mine)).status_code == 200
            assert (await client.post(address, json=READ, headers=mine)).status_code == 404

    def text_of(response: httpx2.Response) -> str:
        return str(response.json()["result"]["content"][0]["text"])

    asyncio.run(ask())
    assert "this version of the protocol has none" in asyncio.run(refused(address, mode="2026-07-28"))


def test_sessions_are_bounded_and_idle_ones_end(tmp_path: Path) -> None:
    async def play(address: str) -> None:
        async with bare() as client:
            names = [(await client.post(address, json=OPENING)).headers["mcp-session-id"] for _ in range(2)]
            await client.post(address, json=READ, headers={"mcp-session-id": names[0]})
            answer = await client.post(address, json=OPENING)
            assert "mcp-session-id" not in answer.headers
            assert answer.json()["error"]["message"] == "2 sessions are open, and no more may be"

    def unused(address: str) -> bool:
        return (
            httpx2.post(address, json=OPENING, headers={"accept": "application/json"}).json().get("result") is not None
        )

    with serving("--sessions", "2", "--idle", "1", "--out", str(tmp_path / "run")) as (server, address):
        asyncio.run(play(address))
        until(lambda: kept(tmp_path / "run"), server)
        until(lambda: unused(address), server)
    (record,) = kept(tmp_path / "run")  # the other session has begun no episode
    assert (record.steps, cause_of(record)) == (2, "no_action")


def test_a_session_that_is_used_while_another_one_ends_goes_on() -> None:
    class Episode:
        def __init__(self, left: Callable[[], None]) -> None:
            self._left = left

        async def leave(self) -> None:
            await anyio.sleep(0)
            self._left()

    async def main() -> None:
        swept = anyio.Event()

        def used() -> None:
            sessions._live["second"].used = time.monotonic() + 1_000

        sessions = HttpSessions(Server("test"), Any, "127.0.0.1", 9, 0.01)  # type: ignore[arg-type]
        for name, left in (("first", used), ("second", lambda: None), ("third", swept.set)):
            session = sessions._live[name] = HttpSession(Episode(left))  # type: ignore[arg-type]
            session.used -= 1
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sessions._sweep)
            with anyio.fail_after(30):
                await swept.wait()
            tasks.cancel_scope.cancel()
        assert list(sessions._live) == ["second"]

    anyio.run(main)


def test_a_server_over_stdio_that_fails_gives_its_environment_back_and_records_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def pipes(*streams: Any) -> AsyncIterator[tuple[None, None]]:
        yield None, None

    class Fails:
        def __init__(self, title: str, episode_of: Callable[[Any], SessionEpisode], verbs: Sequence[str]) -> None:
            self._episode = episode_of(None)
            begun.append(self._episode)

        def create_initialization_options(self) -> None: ...

        async def run(self, *given: Any) -> None:
            assert "Task: " in await self._episode.task()
            raise ConnectionError("the pipe is broken")

    async def standard() -> tuple[None, None]:
        return None, None

    begun: list[SessionEpisode] = []
    monkeypatch.setattr(_server, "standard_pipes", standard)
    monkeypatch.setattr(_server, "stdio_server", pipes)
    monkeypatch.setattr(_server, "new_server", Fails)
    episodes = Episodes(lambda: make("MedAgentBench-v0"), out=tmp_path / "run")
    with pytest.raises(ConnectionError):
        anyio.run(_server.serve_stdio, episodes)
    episodes.close()
    assert begun[0]._session is None
    assert kept(tmp_path / "run") == []


def test_an_episode_under_way_when_the_server_stops_is_not_recorded(tmp_path: Path) -> None:
    async def play(server: subprocess.Popen[str], address: str) -> None:
        async with bare() as client:
            name = (await client.post(address, json=OPENING)).headers["mcp-session-id"]
            await client.post(address, json=READ, headers={"mcp-session-id": name})
            server.terminate()
            await asyncio.to_thread(server.wait, 60)

    with serving("--out", str(tmp_path / "run")) as (server, address):
        asyncio.run(play(server, address))
    assert kept(tmp_path / "run") == []


def test_a_client_over_stdio_that_goes_away_leaves_its_episode_unsolved(tmp_path: Path) -> None:
    command = [*COMMAND, "--case", CASE, "--out", str(tmp_path / "run")]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdin is not None and server.stdout is not None and server.stderr is not None
        for line in (json.dumps(OPENING), "{broken", json.dumps({**READ, "id": 3}), "", "null"):
            server.stdin.write(f"{line}\n")
            server.stdin.flush()
        answers = [json.loads(first_line(server)) for _ in range(2)]
        assert sorted(each["id"] for each in answers) == [1, 3]
        server.stdin.close()
        assert server.wait(60) == 0
        assert "Traceback" not in server.stderr.read()
    (record,) = kept(tmp_path / "run")
    assert (record.steps, cause_of(record)) == (2, "no_action")


def test_a_record_system_that_fails_is_told_and_does_not_count(nobody_there: str, tmp_path: Path) -> None:
    async def play() -> None:
        episodes = Episodes(lambda: make(nobody_there), out=tmp_path / "run")
        episode = SessionEpisode(episodes, {})
        answer = await episode.call("read", {"type": "Patient", "id": "S1"})
        assert answer.wrong and answer.outcome is None
        assert answer.text == "The task has ended. The record system has failed, so that it does not count."
        assert (await episode.call("finish", {"answer": []})).wrong
        await episode.leave()
        episodes.close()

    asyncio.run(play())
    (record,) = kept(tmp_path / "run")
    assert record.infrastructure_error and not record.counts


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--case", "nonsense/01"), "there is no task family 'nonsense'"),
        (("--env", "Nonsense-v0"), "Nonsense-v0"),
        (("--variant", "nonsense"), "nonsense"),
        (("--http", "--host", "256.1.1.1"), "cannot listen at 256.1.1.1"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(options: tuple[str, ...], told: str) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    Episodes(make, case=CASE, out=tmp_path / "run").close()
    Episodes(make, case=CASE, out=tmp_path / "run").close()
    with pytest.raises(UsageError, match="holds another run"):
        Episodes(make, case="check_a1c/03", out=tmp_path / "run")


def test_the_command_listens_at_loopback_unless_told_otherwise() -> None:
    defaults = {each.name: each.default for each in COMMANDS["mcp"].load("mcp").params}
    assert (defaults["host"], defaults["port"], defaults["show_verdict"]) == ("127.0.0.1", 8000, False)


def test_a_session_waits_where_the_record_system_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedBackend, "capacity", 1)

    async def play() -> list[str]:
        episodes = Episodes(make, case=CASE)
        one, other = SessionEpisode(episodes, {}), SessionEpisode(episodes, {})
        await one.task()
        order: list[str] = []

        async def wait() -> None:
            await other.task()
            order.append("begun")

        waiting = asyncio.create_task(wait())
        for _ in range(20):
            await asyncio.sleep(0)
        order.append("left")
        await one.leave()
        await waiting
        await other.leave()
        return order

    assert asyncio.run(play()) == ["left", "begun"]


def test_a_record_that_cannot_be_written_hides_no_verdict_and_is_an_error_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: RunFolder, record: EpisodeRecord) -> None:
        raise StorageError("no space left on device")

    monkeypatch.setattr(RunFolder, "add", full)
    episodes = Episodes(make, case=CASE, out=tmp_path / "run", show_verdict=True)
    answer = asyncio.run(SessionEpisode(episodes, {}).call("finish", {"answer": []}))
    assert answer.outcome is not None and answer.outcome["reward"] == 0.0
    with pytest.raises(StorageError, match="no space left"):
        episodes.close()
