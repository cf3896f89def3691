"""ART (openpipe-art): a rollout function for its trainers. A scenario is a row of `mab_gym.task_rows`.

from art.pipeline_trainer import PipelineTrainer, make_group_rollout_fn
from mab_gym.integrations.art import rollout

scenarios = mab_gym.task_rows("MedAgentBench-Train-v0", limit=5000)
PipelineTrainer(model, backend, make_group_rollout_fn(rollout, n=8), scenarios, config={"form": "text"})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.agents import ChatFunction
from mab_gym.agents._model import tools_for, verbs_of
from mab_gym.agents._refusals import says_too_long
from mab_gym.errors import ContextLimitError, UsageError
from mab_gym.integrations._installed import needing
from mab_gym.integrations._sessions import metrics_of
from mab_gym.runs import play_async

with needing("art", "a rollout for ART needs"):
    import art
    import openai

__all__ = ["rollout"]

_CONFIG = frozenset({"form", "reading", "settings"})


async def rollout(
    model: art.Model[Any, Any], scenario: Mapping[str, Any], config: Mapping[str, Any] | None = None
) -> art.Trajectory:
    """Plays one episode with ART's model, through ART's own client.

    Args:
        model: The model, registered with its backend.
        scenario: A row of `mab_gym.task_rows`.
        config: ``form`` (``text`` or ``tools``), ``reading`` (see `mab_gym.ChatModel`) and ``settings`` (further fields
            of each request, as in ``{"max_completion_tokens": 2000}``), each of which may be left out.

    Returns:
        The trajectory, with the exchanges that ART has captured, the reward, and the metrics ``solved``, ``credit``,
        ``unsafe``, ``steps`` and ``episode_cost``.

    Raises:
        UsageError: The configuration or the scenario is wrong.
        InfrastructureError: The record system failed. The episode does not count; ART keeps the error in place of a
            trajectory.
        Exception: An error of ART's client, as it came, so that ART knows its own.
    """
    told = dict(config or {})
    if told.keys() - _CONFIG:
        raise UsageError(f"the configuration of a rollout has no {', '.join(sorted(told.keys() - _CONFIG))}")
    form = str(told.get("form") or "text")
    settings = told.get("settings") or {}
    client, name = model.openai_client(), model.get_inference_name()
    failed: list[Exception] = []

    async def speak(chat: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        further = {**settings, **({"tools": list(tools_for(verbs_of(chat)))} if form == "tools" else {})}
        try:
            answer = await client.chat.completions.create(messages=list(chat), model=name, **further)
            choice = answer.choices[0]
            return {**choice.message.model_dump(exclude_none=True), "finish_reason": choice.finish_reason}
        except Exception as error:
            if isinstance(error, openai.BadRequestError) and says_too_long(error.response.text):
                raise ContextLimitError(str(error)) from None
            failed.append(error)
            raise

    with art.Trajectory() as trajectory:
        speaker = ChatFunction(speak, form, told.get("reading"), model.name)
        record = await play_async(case=scenario, agent=speaker)
    if failed:
        raise failed[0]
    record.check_counts()
    trajectory.reward = record.reward
    trajectory.metrics |= metrics_of(record.verdict, steps=record.steps, episode_cost=record.episode_cost)
    trajectory.metadata |= {"case": record.case, "family": record.family, "failure": record.verdict["failure"] or ""}
    return trajectory
