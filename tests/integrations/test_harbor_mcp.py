"""The tools of a Harbor task's server, by the official client: the same episode as over HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mab_gym.integrations.harbor._evidence import Start, read_evidence
from mab_gym.integrations.harbor._judge import judge
from mab_gym.runs._records import EpisodeRecord, read_records, record_from
from tests.integrations.scripts import PLAYED, check_solved
from tests.processes import first_line, started

pytest.importorskip("mcp")

import anyio
import httpx
from mcp import Client

from mab_gym.integrations.harbor._mcp import WithMcp
from tests.integrations.test_mcp import call_of, plainly

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
START = Start("MedAgentBench-v0", 0, {"case": "latest_magnesium/07"})


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "actions.jsonl"


@contextmanager
def serving(start: Start, kept: Path) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "mab_gym.integrations.harbor", "serve", start.text, "--kept", str(kept)]
    with started([*command, "--port", "0"], stdout=subprocess.PIPE) as process:
        yield first_line(process).strip().removesuffix("/fhir")


@pytest.fixture
def server(kept: Path) -> Iterator[str]:
    with serving(START, kept) as address:
        yield address


def told(result: Any) -> str:
    (content,) = result.content
    return str(content.text)


def test_tools_and_http_play_one_episode(server: str, kept: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with Client(f"{server}/mcp") as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["search", "read", "create", "finish"]
            (task,) = (await client.read_resource("mab-gym://task")).contents
            assert "Task: What is the most recent magnesium level" in task.text
            (metadata,) = (await client.read_resource("mab-gym://metadata")).contents
            assert json.loads(metadata.text)["resourceType"] == "CapabilityStatement"
            broken = await client.call_tool("search", {"kind": "Observation"})
            assert broken.is_error
            assert told(broken).startswith("Nothing was done: ")
            found = await client.call_tool(
                "search", {"type": "Observation", "params": {"patient": "S3732812", "code": "MG"}}
            )
            assert not found.is_error
        assert httpx.get(f"{server}/fhir/Patient/S3732812", trust_env=False).status_code == 200
        async with Client(f"{server}/mcp") as again:  # goes on where the first one was
            last = await again.call_tool("finish", {"answer": [1.1, "2023-11-13T07:56:00+00:00"]})
            assert (told(last), last.is_error) == ("The task has ended.", False)
            assert "verdict" not in str(last.meta)
            late = await again.call_tool("finish", {"answer": [0]})
            assert (told(late), late.is_error) == ("Nothing was done. The task has ended.", True)
        assert httpx.get(f"{server}/fhir/Patient/S3732812", trust_env=False).status_code == 410

    asyncio.run(play())
    assert [action.split(" ")[0] for action in read_evidence(kept)[1]] == ["GET", "GET", "FINISH([1.1,"]
    assert judge(kept, tmp_path) == {"reward": 1.0, "steps": 3.0, "unsafe": 0.0}


@pytest.mark.parametrize(("env_id", "case"), PLAYED)
def test_stays_and_casework_come_to_the_same_by_tools(
    env_id: str, case: str, living: Mapping[str, Mapping[str, EpisodeRecord]], kept: Path, tmp_path: Path
) -> None:
    record = living["text"][case]

    async def play(server: str) -> None:
        async with Client(f"{server}/mcp") as client:
            for action in record.actions:
                answer = await client.call_tool(*call_of(action))
                assert not answer.is_error, told(answer)
            assert told(answer) == "The task has ended."

    with serving(Start(env_id, 0, {"case": case}), kept) as server:
        asyncio.run(play(server))
    reward = judge(kept, tmp_path)["reward"]
    (found,) = map(record_from, read_records(tmp_path / "run"))
    check_solved(plainly(record), found.verdict, reward, plainly(found).actions)


def test_no_stream_stays_open_and_pages_of_others_are_refused(server: str, kept: Path) -> None:
    assert httpx.get(f"{server}/mcp", trust_env=False).status_code == 404
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "finish", "arguments": {"answer": []}},
    }
    headers = {"host": "evil.test", "accept": "application/json", "content-type": "application/json"}
    assert httpx.post(f"{server}/mcp", json=call, headers=headers, trust_env=False).status_code in (403, 421)
    assert read_evidence(kept)[1] == []


def test_requests_are_answered_where_the_server_of_tools_cannot_be_opened() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})
        await anyio.sleep_forever()

    class Broken(WithMcp):
        def _new_manager(self) -> Any:
            waits.wait(30)
            raise ImportError("mcp is of another version")

    waits = threading.Event()
    asked: Any = {"type": "http", "path": "/mcp", "method": "POST"}
    broken = Broken(application, Any)  # type: ignore[arg-type]

    async def answer() -> tuple[int, str]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await broken(asked, Any, send)  # type: ignore[arg-type]
        return sent[0]["status"], json.loads(sent[1]["body"])["error"]["message"]

    async def main() -> None:
        async def send(message: Any) -> None:
            pass

        lives = asyncio.create_task(broken({"type": "lifespan"}, Any, send))  # type: ignore[arg-type]
        early = asyncio.create_task(answer())
        await asyncio.sleep(0)
        waits.set()
        for status, words in (await asyncio.wait_for(early, 30), await asyncio.wait_for(answer(), 30)):
            assert (status, "mcp is of another version" in words) == (500, True)
        assert not lives.done(), "the episode goes on over HTTP"
        lives.cancel()

    asyncio.run(main())
