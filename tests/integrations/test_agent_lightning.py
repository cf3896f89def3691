"""Agent Lightning: its own gateway, controller and rollout manager, with a scripted model in place of vLLM."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import mab_gym
from mab_gym.errors import UsageError
from mab_gym.runs import EpisodeRecord
from tests.conftest import ROOT
from tests.evaluation.scripted import dead_url
from tests.integrations import scripts
from tests.integrations.scripts import FORMS, PLAYED

pytest.importorskip("httpx")

from mab_gym.integrations.agent_lightning import Rollout, main

KEY = "agl-key"
MODEL = "tests/model"
Says = Mapping[str, Sequence[str | int]]
"""By the opening message, what the model answers one after another; a number is an HTTP status in its place."""


def rows_of(family: str, count: int) -> list[dict[str, Any]]:
    return list(mab_gym.task_rows(family=family, limit=count))


@contextmanager
def vllm(says: Says, form: str = "text") -> Iterator[str]:
    """A model server that tells tokens as vLLM does: here one for each message of a prompt and each character said."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert (asked["model"], asked["return_token_ids"], asked["max_tokens"]) == (MODEL, True, 2000)
            chat = asked["messages"]
            opening = next(message["content"] for message in chat if message["role"] == "user")
            said = says[opening][sum(message["role"] == "assistant" for message in chat)]
            status = 200
            body: dict[str, Any] = {}
            if isinstance(said, int):
                status, body = said, {"error": {"message": "no"}}
            else:
                body = {
                    "prompt_token_ids": [len(message["content"] or "") for message in chat],
                    "choices": [
                        {
                            "index": 0,
                            "finish_reason": "stop",
                            "message": scripts.says(said, form),
                            "token_ids": [ord(letter) for letter in said],
                        }
                    ],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
                }
            sent = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def gateway() -> Iterator[str]:
    """Agent Lightning's gateway and its controller for processes, in threads of this process."""
    pytest.importorskip("agentlightning", reason="Agent Lightning is not installed")
    import uvicorn
    from agentlightning.client import AgentLightningAsyncClient
    from agentlightning.controller.local_reconciler import LocalReconciler
    from agentlightning.server.app import create_app
    from omegaconf import OmegaConf

    from mab_gym.serve import listen

    proxy = {"model_name": MODEL, "train": {"temperature": 1}, "val": {"temperature": 0.7}}
    with listen("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(create_app({"key": KEY, "default_proxy": proxy}), log_level="error"))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        serving.start()
        config = OmegaConf.create(
            {
                "runner_type": "local",
                "agl_server": {"url": url, "key": KEY},
                "local_runner": {"maximum_size": 4, "poll_interval": 0.1},
            }
        )
        stopping: list[Any] = []

        async def control() -> None:
            async with AgentLightningAsyncClient(base_url=url, key=KEY) as api:
                reconciler = LocalReconciler(api=api, config=config)
                loop = asyncio.get_running_loop()
                stopping.append(lambda: loop.call_soon_threadsafe(reconciler.stop))
                await reconciler.run()

        controlling = threading.Thread(target=lambda: asyncio.run(control()), daemon=True)
        controlling.start()
        yield url
        stopping[0]()
        controlling.join(60)
        server.should_exit = True
        serving.join(60)


def trained_on(gateway: str, rows: Sequence[Mapping[str, Any]], says: Says, form: str = "text") -> list[Any]:
    """The rollouts of rows, as the trainer gets them from its rollout manager."""
    pytest.importorskip("numpy")
    from agentlightning.verl.agl_rollout_manager import AglRolloutManager
    from omegaconf import OmegaConf

    page = (ROOT / "docs/runners.md").read_text(encoding="utf-8")
    told = OmegaConf.create(page.split("```yaml\n")[1].split("```")[0]).agentlightning.local
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    with vllm(says, form) as model:
        manager = AglRolloutManager(
            agl_base_url=gateway,
            agl_key=KEY,
            model=MODEL,
            step=1,
            poll_interval_seconds=0.1,
            local_agent_class=told.agent_class,
            local_env_map=dict(told.env_map),
        )
        manager.register_model([model])
        found = list(manager.enqueue_and_wait_until_completed(columns, is_train=True))
        manager.delete_model()  # the gateway's models are those of its process, and the next test has another one
        manager.client.close()
    return found


@pytest.mark.filterwarnings("ignore")  # Agent Lightning's own
@pytest.mark.parametrize("form", FORMS)
def test_stays_and_casework_come_to_the_same(
    form: str, gateway: str, living: Mapping[str, Mapping[str, EpisodeRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MAB_GYM_FORM", form)
    rows = [next(mab_gym.task_rows(env_id, family=case.partition("/")[0], limit=1)) for env_id, case in PLAYED]
    says = {row["prompt"][0]["content"]: living["text"][row["case"]].actions for row in rows}
    found = trained_on(gateway, rows, says, form)
    assert len(found) == len(PLAYED)
    for each in found:
        record = living[form][each.input["case"]]
        assert (record.verdict["success"], record.verdict["credit"]) == (True, 1.0)
        assert each.final_reward == record.reward == 1.0
        written = ["".join(map(chr, triplet.response["token_ids"])) for triplet in each.triplets]
        assert written == list(record.actions)
        (told,) = (event["data"] for event in each.events if event["event_type"] == "reward")
        assert told["message"] == "solved"


@pytest.mark.filterwarnings("ignore")  # Agent Lightning's own
def test_each_rollout_has_its_reward_and_one_that_does_not_count_has_nothing(
    gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentlightning.schemas import RolloutState

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    rows = rows_of("latest_magnesium", 3)
    openings = [row["prompt"][0]["content"] for row in rows]
    gold = [list(mab_gym.play(case=row, agent="oracle").actions) for row in rows]
    assert len(gold[0]) == len(gold[2]) == 2
    says: Says = {openings[0]: gold[0], openings[1]: ["FINISH([-1])"], openings[2]: [gold[2][0], 401]}
    found = trained_on(gateway, rows, says)
    solved, wrong, lost = sorted(found, key=lambda each: openings.index(each.input["prompt"][0]["content"]))
    assert [each.rollout_state for each in (solved, wrong, lost)] == [
        RolloutState.SUCCEEDED,
        RolloutState.SUCCEEDED,
        RolloutState.FAILED,
    ]
    assert [each.final_reward for each in (solved, wrong, lost)] == [1.0, 0.0, None]
    written = ["".join(map(chr, triplet.response["token_ids"])) for triplet in solved.triplets]
    assert written == gold[0]
    assert (solved.triplets[-1].reward, len(wrong.triplets)) == (1.0, 1)
    assert lost.triplets == [], "what the model wrote would be trained on with a made-up reward"
    told = [event["data"] for event in wrong.events if event["event_type"] == "reward"]
    assert [each["message"] for each in told] == ["misread_chart"]


def test_a_job_of_kubernetes_gets_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("agentlightning", reason="Agent Lightning is not installed")
    from agentlightning.controller.k8s_reconciler import build_job_spec
    from agentlightning.schemas import Rollout as Given
    from agentlightning.schemas import RolloutConfig, RolloutK8sConfig, RolloutLifecycleStatus
    from omegaconf import OmegaConf

    filled = re.search(r"`(\{\{ input .*? \}\})`", (ROOT / "docs/runners.md").read_text(encoding="utf-8"))
    assert filled is not None
    template = f"""
        kind: Job
        spec:
          template:
            spec:
              containers:
              - command: [python, -m, mab_gym.integrations.agent_lightning]
                env:
                - name: MAB_GYM_ROW
                  value: {filled[1]}
    """
    row = {**rows_of("latest_magnesium", 1)[0], "note": "<'\"&\n"}
    now = RolloutLifecycleStatus(created_at=0, updated_at=0)
    config = RolloutConfig(k8s=RolloutK8sConfig(job_template=template))
    server = {
        "agl_server": {"url": "http://gateway", "key": KEY},
        "k8s_runner": {"namespace": "n", "ttl_after_finished": 1},
    }
    spec = build_job_spec(Given(rollout_id="r", input=row, config=config, status=now), OmegaConf.create(server))
    (container,) = spec["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert Rollout(variables)._row == row
    assert Rollout(variables)._events == "http://gateway/api/rollouts/r/attempt/0/events"


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    there = {"AGL_OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "AGL_EVENT_URL": "http://127.0.0.1:1/events"}
    with pytest.raises(UsageError, match="has no AGL_EVENT_URL, AGL_OPENAI_BASE_URL, MAB_GYM_ROW in its environment"):
        Rollout({})
    with pytest.raises(UsageError, match="MAB_GYM_ROW is not a JSON object: 'latest"):
        Rollout({**there, "MAB_GYM_ROW": "latest_magnesium/01"})
    with pytest.raises(UsageError, match="MAB_GYM_SETTINGS is not a JSON object"):
        Rollout({**there, "MAB_GYM_ROW": "{}", "MAB_GYM_SETTINGS": "[1]"})
    with pytest.raises(UsageError, match="a model's form is text or tools"):
        Rollout({**there, "MAB_GYM_ROW": "{}", "MAB_GYM_FORM": "json"})
    for name in there:
        monkeypatch.delenv(name, raising=False)
    assert main() == 1
    assert "mab_gym: Agent Lightning's agent has no" in capsys.readouterr().err


def test_a_gateway_that_is_gone_is_a_rollout_that_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    there = dead_url().removesuffix("/v1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("mab_gym.integrations.agent_lightning._TRIES", 1)
    monkeypatch.setenv("AGL_OPENAI_BASE_URL", f"{there}/v1")
    monkeypatch.setenv("AGL_EVENT_URL", f"{there}/api/rollouts/a/attempt/0/events")
    monkeypatch.setenv("MAB_GYM_ROW", json.dumps(rows_of("latest_magnesium", 1)[0]))
    assert main() == 1
    assert capsys.readouterr().err.startswith("mab_gym: ")
