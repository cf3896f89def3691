"""The environments in NeMo Gym: its own agent plays them over HTTP; verdicts are those of the project's own rollout."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from tests import replies
from tests.evaluation.scripted import Speaks, chat_of, response
from tests.integrations.scripts import (
    FORMS,
    LIVING,
    Actions,
    check_solved,
    judged,
    own_record,
    script_by_opening,
    speaks,
    told_of,
)
from tests.processes import PATIENCE

pytest.importorskip("nemo_gym")

import httpx
import uvicorn
from fastapi import FastAPI, Request
from nemo_gym import server_utils
from nemo_gym.config_types import BaseServerConfig
from nemo_gym.server_utils import GlobalAIOHTTPAsyncClientConfig, ServerClient, set_global_aiohttp_client
from omegaconf import OmegaConf
from responses_api_agents.gymnasium_agent.app import GymnasiumAgent, GymnasiumAgentConfig

from mab_gym.integrations.nemo_gym import MedicalRecordServer, MedicalRecordServerConfig, dataset

pytestmark = [pytest.mark.filterwarnings("ignore")]  # its many packages warn of one another
DOCUMENTATION = Path(__file__).parents[2] / "docs/integrations.md"
MODEL_CONFIGURATION = "responses_api_models/openai_model/configs/openai_model.yaml"
SERVERS = {
    "mab_gym": "resources_servers",
    "mab_gym_gymnasium_agent": "responses_api_agents",
    "policy_model": "responses_api_models",
}


def documented() -> Any:
    """The agent's settings in the documentation."""
    (configuration,) = re.findall(r"```yaml\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    return OmegaConf.create(configuration).mab_gym_gymnasium_agent.responses_api_agents.gymnasium_agent


def scripted(speak: Speaks) -> FastAPI:
    """A model server that says what a model says."""
    app = FastAPI()

    @app.post("/v1/responses")
    async def responses(request: Request) -> dict[str, Any]:
        body = await request.json()
        answer = response(speak(chat_of(body["input"])))
        for item in answer["output"]:
            for part in item.get("content", ()):
                part.setdefault("annotations", [])
        del answer["usage"]
        return {
            "id": "r", "created_at": 0.0, "model": "scripted", **answer,
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        }  # fmt: skip

    return app


def run(rows: Sequence[Mapping[str, Any]], model: FastAPI, **config: Any) -> list[httpx.Response]:
    """Plays rows with NeMo Gym's agent, all at once, and gives what its ``/run`` answers."""

    async def play() -> list[httpx.Response]:
        with ExitStack() as stack:
            listening = {
                name: stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512)) for name in SERVERS
            }
            ports = {name: each.getsockname()[1] for name, each in listening.items()}
            told = {name: {kind: {name: {"host": "127.0.0.1", "port": ports[name]}}} for name, kind in SERVERS.items()}
            client = ServerClient(
                head_server_config=BaseServerConfig(host="127.0.0.1", port=1), global_config_dict=OmegaConf.create(told)
            )
            common = {"host": "127.0.0.1", "entrypoint": "app.py"}
            server = MedicalRecordServer(
                config=MedicalRecordServerConfig(name="mab_gym", port=ports["mab_gym"], **common, **config),
                server_client=client,
            )
            agent = GymnasiumAgent(
                config=GymnasiumAgentConfig(
                    name="mab_gym_gymnasium_agent",
                    port=ports["mab_gym_gymnasium_agent"],
                    resources_server={"type": "resources_servers", "name": "mab_gym"},
                    model_server={"type": "responses_api_models", "name": "policy_model"},
                    max_steps=documented()["max_steps"],
                    **common,
                ),
                server_client=client,
            )
            set_global_aiohttp_client(GlobalAIOHTTPAsyncClientConfig())
            apps = {
                "mab_gym": server.setup_webserver(),
                "mab_gym_gymnasium_agent": agent.setup_webserver(),
                "policy_model": model,
            }
            running = {name: uvicorn.Server(uvicorn.Config(app, log_level="critical")) for name, app in apps.items()}
            tasks = [asyncio.create_task(each.serve(sockets=[listening[name]])) for name, each in running.items()]
            try:
                async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
                    url = f"http://127.0.0.1:{ports['mab_gym_gymnasium_agent']}/run"
                    return list(await asyncio.gather(*(http.post(url, json=row) for row in rows)))
            finally:
                assert not server.session_state, "a rollout that is over is forgotten"
                await server_utils.get_global_aiohttp_client().close()
                server_utils._GLOBAL_AIOHTTP_CLIENT = None
                for each in running.values():
                    each.should_exit = True
                await asyncio.gather(*tasks)

    return asyncio.run(play())


def actions_in(output: Sequence[Mapping[str, Any]]) -> list[str]:
    """The texts that the model wrote in a whole episode."""
    return [part["text"] for item in output if item.get("role") == "assistant" for part in item["content"]]


def canonical(form: str, cases: Sequence[str]) -> list[dict[str, Any]]:
    return [row for row in dataset("MedAgentBench-v0", form) if row["mab_gym"]["case"] in cases]


@pytest.fixture(scope="module")
def few(golds: Mapping[str, EpisodeRecord]) -> Iterator[dict[str, Actions]]:
    """Every script on cases of four families."""
    families = ("patient_age", "record_blood_pressure", "replace_potassium", "check_a1c")
    yield {case: actions for case, actions in told_of(golds).items() if case.startswith(families)}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_actions_have_the_same_verdicts(
    form: str, golds: Mapping[str, EpisodeRecord], few: Mapping[str, Actions], env: MedicalRecordEnv
) -> None:
    by_opening = {golds[case].messages[0]["content"]: actions for case, actions in few.items()}
    rows = canonical(form, list(few))
    answers = run(rows, scripted(speaks(by_opening, form)))
    assert len(answers) == len(few)
    for row, answer in zip(rows, answers, strict=True):
        assert answer.status_code == 200, answer.text
        told = answer.json()
        record = own_record(env, row["mab_gym"]["case"], few[row["mab_gym"]["case"]], form)
        assert judged(told["info"]["verdict"]) == judged(record.verdict)
        assert (told["reward"], told["terminated"], told["truncated"]) == (
            record.reward, record.terminated, record.truncated,
        )  # fmt: skip
        assert told["info"]["step"] == record.steps


@pytest.mark.parametrize("form", FORMS)
def test_stays_and_casework_come_to_the_same(form: str, living: Mapping[str, Mapping[str, EpisodeRecord]]) -> None:
    for env_id, cases in LIVING.items():
        told = script_by_opening(living["text"][case] for case in cases)
        rows = [row for row in dataset(env_id, form) if row["mab_gym"]["case"] in cases]
        assert len(rows) == len(cases)
        for row, answer in zip(rows, run(rows, scripted(speaks(told, form))), strict=True):
            assert answer.status_code == 200, answer.text
            found, record = answer.json(), living[form][row["mab_gym"]["case"]]
            said = actions_in(found["response"]["output"]) if form == "text" else record.actions
            check_solved(record, found["info"]["verdict"], found["reward"], said)
            assert (found["info"]["step"], found["terminated"]) == (record.steps, True)


@pytest.mark.parametrize("form", FORMS)
def test_what_models_write_means_the_same_as_elsewhere(form: str) -> None:
    for hand in replies.dealt(replies.kinds_for(form, broken_text=False)):  # its servers cannot carry such a text
        rows = canonical(form, list(hand))
        answers = run(rows, scripted(replies.dealer(hand)))
        found = {}
        for row, answer in zip(rows, answers, strict=True):
            case = row["mab_gym"]["case"]
            assert answer.status_code == 200, (hand[case][0].name, answer.text)
            info = answer.json()["info"]
            found[case] = replies.told_by(info["verdict"], hand[case][0].cause, info["step"])
        replies.check(hand, found)


def test_rollouts_of_one_case_at_once_do_not_see_each_others_writes(golds: Mapping[str, EpisodeRecord]) -> None:
    record = golds["replace_potassium/01"]
    rows = canonical("text", [record.case]) * 12
    answers = run(rows, scripted(speaks({record.messages[0]["content"]: record.actions}, "text")))
    assert [answer.json()["reward"] for answer in answers] == [1.0] * 12


def test_training_rows_are_json_and_tell_no_answer() -> None:
    rows = list(dataset(limit=30, family="patient_age"))
    assert len(rows) == 30
    assert json.loads(json.dumps(rows)) == rows
    assert {row["mab_gym"]["seed"] for row in rows} == set(range(30))
    with pytest.raises(UsageError, match="text or tools"):
        next(dataset(form="song"))


def test_a_failing_record_system_fails_the_rollout_and_gives_no_reward(nobody_there: str) -> None:
    base = unwrapped(make(nobody_there)).scenario.backend.base_url
    look: defaultdict[str, Actions] = defaultdict(lambda: [f"GET {base}/Patient?_count=1"] * 9)
    (answer,) = run(list(dataset(nobody_there, limit=1)), scripted(speaks(look, "text")))
    assert (answer.status_code, "reward" in answer.text) == (500, False)


def test_a_row_of_something_else_is_told() -> None:
    config = MedicalRecordServerConfig(name="x", host="127.0.0.1", port=1, entrypoint="app.py")
    client = ServerClient(
        head_server_config=BaseServerConfig(host="127.0.0.1", port=1), global_config_dict=OmegaConf.create({})
    )
    server = MedicalRecordServer(config=config, server_client=client)
    with pytest.raises(UsageError, match=r"nemo_gym\.dataset"):
        asyncio.run(server.reset({"blackjack": {}}, "x"))


def test_nemo_gym_takes_the_configuration_in_the_documentation(tmp_path: Path) -> None:
    server = tmp_path / "resources_servers/mab_gym"
    (server / "configs").mkdir(parents=True)
    (server / "data").mkdir()
    (configuration,) = re.findall(r"```yaml\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    (server / "configs/mab_gym.yaml").write_text(configuration)
    (server / "data/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in dataset(limit=2)))
    (tmp_path / "env.yaml").write_text("policy_base_url: x\npolicy_api_key: x\npolicy_model_name: x\n")
    configs = ["resources_servers/mab_gym/configs/mab_gym.yaml", MODEL_CONFIGURATION]
    command = [str(Path(sys.executable).with_name("gym")), "env", "validate"]
    done = subprocess.run(
        [*command, *(word for config in configs for word in ("--config", config))],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, "Config is valid" in done.stdout) == (0, True), done.stdout + done.stderr
