"""The examples of docs/runners.md for frameworks that are not here, against stand-ins of the objects that they meet."""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import mab_gym
from tests.conftest import ROOT
from tests.docs.pages import written_by
from tests.evaluation.scripted import KEY, Endpoint, endpoint, refuses, solves

ROW = json.loads(json.dumps(next(mab_gym.task_rows(family="latest_magnesium"))))
GOLD = list(mab_gym.play(case=ROW, agent="oracle").actions)
OPENING = ROW["prompt"][0]["content"]
pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def solver() -> Iterator[Endpoint]:
    pytest.importorskip("openai")
    with endpoint(solves({OPENING: GOLD})) as running:
        yield running


@pytest.fixture
def broken() -> Iterator[Endpoint]:
    pytest.importorskip("openai")
    with endpoint(solves({OPENING: GOLD}), lambda number, messages: refuses(400, "unknown") if number else None) as it:
        yield it


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Mapping[str, Any]]:
    """Runs a file of the page; the modules of its framework are stand-ins."""
    files = {path.name: path for path in written_by(ROOT / "docs/runners.md", tmp_path)}

    def run(name: str, **modules: Mapping[str, Any]) -> Mapping[str, Any]:
        for module, names in modules.items():
            path = module.replace("__", ".")
            made = types.ModuleType(path)
            vars(made).update(names)
            monkeypatch.setitem(sys.modules, path, made)
        return runpy.run_path(str(files[name]))

    return run


def test_areal(page: Callable[..., Mapping[str, Any]], solver: Endpoint, broken: Endpoint) -> None:
    agent = page("areal_agent.py")["MedicalRecordAgent"](max_tokens=77)
    reward = asyncio.run(agent.run(dict(ROW), base_url=solver.base_url, api_key=KEY, http_client=object()))
    assert (reward, type(reward)) == (1.0, float), "AReaL takes a float, and nothing else that is a number"
    assert {request["max_tokens"] for request in solver.requests} == {77}
    with pytest.raises(RuntimeError, match="unknown"):
        asyncio.run(agent.run(dict(ROW), base_url=broken.base_url, api_key=KEY, http_client=object()))


@pytest.mark.parametrize("named", ["data", "metadata"])
def test_rllm(page: Callable[..., Mapping[str, Any]], named: str) -> None:
    pytest.importorskip("openai")

    @dataclass
    class Held:
        """A trajectory or an episode."""

        name: str = ""
        steps: Sequence[Any] = ()
        task: Any = None
        trajectories: Sequence[Any] = ()
        artifacts: Mapping[str, Any] = field(default_factory=dict)

    flow = page(
        "rllm_flow.py",
        rllm={"rollout": lambda name: lambda function: function, "evaluator": lambda function: function},
        rllm__types={"Episode": Held, "Trajectory": Held},
    )
    config = SimpleNamespace(model="m", base_url="")
    task = SimpleNamespace(**{named: dict(ROW)})

    for actions, judged in ((GOLD, (1.0, True)), (["FINISH([-1])"], (0.0, False))):
        with endpoint(solves({OPENING: actions}), key="EMPTY") as there:
            config.base_url = there.base_url
            episode = asyncio.run(flow["play"](task, config))
            assert flow["judge"](dict(ROW), episode) == judged
    with endpoint(solves({OPENING: GOLD}), lambda number, messages: refuses(400, "unknown"), key="EMPTY") as there:
        config.base_url = there.base_url
        with pytest.raises(RuntimeError, match="unknown"):
            asyncio.run(flow["play"](task, config))


class Letters:
    """A tokenizer with a token for each letter; a message is ``<role:content>``, one that is to be written ``<a:``."""

    def apply_chat_template(self, chat: Any, add_generation_prompt: bool = False, **more: Any) -> list[int]:
        text = "".join(f"<{message['role'][0]}:{message['content']}>" for message in chat)
        return [ord(letter) for letter in text + ("<a:" if add_generation_prompt else "")]

    def decode(self, tokens: Sequence[int], skip_special_tokens: bool = False) -> str:
        text = "".join(map(chr, tokens))
        return text.removesuffix(">") if skip_special_tokens else text


class Status(Enum):
    PENDING = "pending"
    COMPLETED = "completed"
    TRUNCATED = "truncated"
    ABORTED = "aborted"


def slime(
    page: Callable[..., Mapping[str, Any]], says: Sequence[str], room: int = 100_000
) -> tuple[Any, list[str], Any]:
    """Plays with slime's stand-ins; the sample, the prompts that the server was sent, and the module."""
    prompts: list[str] = []

    async def post(url: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        assert (url, payload["return_logprob"]) == ("http://router:30000/generate", True)
        prompts.append(Letters().decode(payload["input_ids"]))
        said = f"{says[len(prompts) - 1]}>"
        reason = "abort" if said == "abort>" else "stop"
        told = [(-0.5, ord(letter), None) for letter in said]
        return {"text": said, "meta_info": {"finish_reason": {"type": reason}, "output_token_logprobs": told}}

    module = page(
        "my_slime.py",
        slime__rollout__sglang_rollout={"GenerateState": lambda args: SimpleNamespace(tokenizer=Letters())},
        slime__utils__http_utils={"post": post},
        slime__utils__types={"Sample": SimpleNamespace(Status=Status)},
        slime={},
        slime__rollout={},
        slime__utils={},
    )
    sample = SimpleNamespace(metadata=dict(ROW), status=Status.PENDING, reward=None)
    args = SimpleNamespace(sglang_router_ip="router", sglang_router_port=30000)
    return asyncio.run(module["generate"](args, sample, {"max_new_tokens": room})), prompts, module


def test_slime(page: Callable[..., Mapping[str, Any]]) -> None:
    sample, prompts, module = slime(page, GOLD)
    assert (sample.reward, sample.status) == (1.0, Status.COMPLETED)
    chat = mab_gym.play(case=ROW, agent="oracle").messages
    whole = "".join(f"<{message['role'][0]}:{message['content']}>" for message in chat[: 2 * len(GOLD)])
    assert Letters().decode(sample.tokens) == whole, "the conversation as the template writes it, each token once"
    assert prompts == [whole[: len(prompt)] for prompt in prompts]
    assert sample.response_length == len(sample.loss_mask) == len(sample.rollout_log_probs)
    learnt = [chr(t) for t, m in zip(sample.tokens[-sample.response_length :], sample.loss_mask, strict=True) if m]
    assert "".join(learnt) == "".join(f"{action}>" for action in GOLD), "the loss is on the model's own tokens alone"
    assert [p == 0.0 for p in sample.rollout_log_probs] == [not m for m in sample.loss_mask]
    assert module["whole"](None, [sample, sample])


def test_slime_out_of_room_and_stopped(page: Callable[..., Mapping[str, Any]]) -> None:
    cut, _, module = slime(page, GOLD, room=len(GOLD[0]) + 1)
    assert (cut.reward, cut.status) == (0.0, Status.TRUNCATED)
    stopped, _, _ = slime(page, [GOLD[0], "abort"])
    assert (stopped.reward, stopped.status) == (None, Status.ABORTED)
    assert not module["whole"](None, [cut, stopped])
