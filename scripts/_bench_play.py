"""Measures `mab_gym.play` against an endpoint in another process: episodes in a second of the client's CPU time.

The endpoint's own time is left out so: it runs in a process of its own, and only this process's CPU time counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mab_gym

sys.path.insert(0, str(Path(__file__).parent))
from _bench import median, row

RUNS = 5
WANTED = "≥ 300"
THREADS, TASKS = 8, 32


class Endpoint(asyncio.Protocol):
    """One connection: answers each chat with what the gold solution writes next."""

    replies: dict[str, list[str]] = {}  # noqa: RUF012

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.read = transport, b""

    def data_received(self, data: bytes) -> None:
        self.read += data
        while (end := self.read.find(b"\r\n\r\n")) >= 0:
            lines = self.read[:end].lower().split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
            if len(self.read) < end + 4 + length:
                return
            chat = json.loads(self.read[end + 4 : end + 4 + length])["messages"]
            self.read = self.read[end + 4 + length :]
            said = self.replies[chat[0]["content"]][sum(message["role"] == "assistant" for message in chat)]
            message = {"role": "assistant", "content": said}
            usage = {"prompt_tokens": 1, "completion_tokens": 1}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            body = json.dumps({"choices": [choice], "usage": usage}).encode()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.transport.write(head + body)


async def serve(replies: str) -> None:
    """Listens at a free port, which is printed, and answers until the process ends."""
    Endpoint.replies = json.loads(Path(replies).read_text(encoding="utf-8"))
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def measure(port: int, rows: list[dict[str, object]]) -> None:
    """Plays all rows in three ways."""
    model = mab_gym.ChatModel("m", f"http://127.0.0.1:{port}/v1", api_key="k")

    def alone(row: dict[str, object]) -> None:
        if not mab_gym.play(case=row, agent=model).verdict["success"]:
            raise SystemExit(f"{row['id']} was not solved")

    def one() -> None:
        for each in rows:
            alone(each)

    def threads() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(alone, rows))

    async def tasks() -> None:
        places = asyncio.Semaphore(TASKS)

        async def play(row: dict[str, object]) -> None:
            async with places:
                if not (await mab_gym.play_async(case=row, agent=model)).verdict["success"]:
                    raise SystemExit(f"{row['id']} was not solved")

        await asyncio.gather(*map(play, rows))

    def rate(work: Callable[[], object], clock: Callable[[], float]) -> float:
        begun = clock()
        work()
        return len(rows) / (clock() - begun)

    ways: dict[str, Callable[[], object]] = {
        "play": one,
        f"play, {THREADS} threads": threads,
        f"play_async, {TASKS} tasks": lambda: asyncio.run(tasks()),
    }
    for name, work in ways.items():
        work()  # fills what is remembered of the record system, and opens the connections
        row(
            f"{name}: episodes a second of CPU time",
            "",
            WANTED,
            median(lambda w=work: rate(w, time.process_time), RUNS),
        )
    row("play: episodes a second of wall time", "", "–", median(lambda: rate(one, time.perf_counter), RUNS))


def main() -> None:
    os.environ["NO_PROXY"] = "127.0.0.1"
    rows = list(mab_gym.task_rows())
    replies = {row["prompt"][0]["content"]: list(mab_gym.play(case=row, agent="oracle").actions) for row in rows}
    steps = sum(map(len, replies.values()))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "replies.json"
        file.write_text(json.dumps(replies), encoding="utf-8")
        server = subprocess.Popen([sys.executable, __file__, str(file)], stdout=subprocess.PIPE, text=True)
        try:
            print(f"median of {RUNS} runs (least – greatest) of {len(rows)} cases, {steps} messages of the model\n")
            measure(int((server.stdout or sys.stdin).readline()), rows)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1])) if len(sys.argv) > 1 else main()
