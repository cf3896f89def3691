"""Training with verl: an agent loop that plays whole episodes, and the rows of its datasets.

verl's workers find the loop by a file that ``actor_rollout_ref.rollout.agent.agent_loop_config_path`` names:

    - name: mab_gym
      _target_: mab_gym.integrations.verl.MedicalRecordAgentLoop
      reward: partial

The model's tokens stay as they were sampled, with the mask 1; verl's own continuous tokens add the environment's
replies, with the mask 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any
from uuid import uuid4

from mab_gym.agents._answers import Answer
from mab_gym.agents._model import FORMS, Chat, check_form, system_for, tools_for
from mab_gym.envs._make import make
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.integrations._async_sessions import AsyncSession, AsyncSessions
from mab_gym.integrations._installed import needing
from mab_gym.integrations._rows import rows
from mab_gym.integrations._sessions import make_to_read
from mab_gym.runs._driver import unwrapped

with needing("verl", "training with verl needs Python 3.12 or older, and"):
    from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput, register
    from verl.experimental.agent_loop.tool_agent_loop import SPEC_DECODE_EXTRA_KEYS
    from verl.experimental.agent_loop.tool_parser import ToolParser
    from verl.tools.schemas import OpenAIFunctionToolSchema
    from verl.utils.profiler import simple_timer
    from verl.utils.rollout_trace import rollout_trace_op

__all__ = ["MedicalRecordAgentLoop", "dataset"]

AGENT = "mab_gym"
"""The name of the agent loop in the rows."""
_TEXT, _TOOL_CALLS = FORMS
_CUT_OFF = "length"
_METRICS = ("solved", "credit", "unsafe", "steps")


@register(AGENT)
class MedicalRecordAgentLoop(AgentLoopBase):
    """One episode; verl makes a loop for each try.

    An episode ends in the environment, or as ``context_limit`` if ``response_length`` or ``max_assistant_turns`` of
    verl is used up; a reply that does not fit is not among its tokens. If the record system fails, the episode is
    played again, and in the end an error is raised: a failure never becomes a reward.

    Args:
        args: The arguments of verl's agent loops.
        reading: The rule by which messages are read, ``lenient`` or ``strict``; None for the usual one.
        retries: The number of further tries if the record system fails.
        reward: The reward, ``sparse`` or ``partial``; None for the environment's own.
        max_steps: The greatest number of actions; None for the environment's own. Give `dataset` the same number.
        max_obs_chars: The greatest number of characters of a reply; None for the environment's own.
        further: The named arguments of verl's agent loops.
    """

    def __init__(
        self,
        *args: Any,
        reading: str | None = None,
        retries: int = 2,
        reward: str | None = None,
        max_steps: int | None = None,
        max_obs_chars: int | None = None,
        **further: Any,
    ) -> None:
        super().__init__(*args, **further)
        self._reading, self._retries = reading, retries
        self._overrides = (("reward", reward), ("max_steps", max_steps), ("max_obs_chars", max_obs_chars))

    @rollout_trace_op
    async def run(self, sampling_params: dict[str, Any], priority: int = 0, **row: Any) -> AgentLoopOutput:
        """Plays the episode of a row of `dataset`.

        Args:
            sampling_params: The parameters of sampling.
            priority: The priority of the requests.
            row: The columns of the row.

        Raises:
            InfrastructureError: The record system has failed, at every try.
            UsageError: The row is not one of `dataset`, or its prompt does not fit into ``prompt_length``.
        """
        about = row.get("extra_info")
        if not isinstance(about, Mapping) or not {"env", "seed", "options", "form"} <= set(about):
            raise UsageError(
                "extra_info lacks env, seed, options or form; mab_gym.integrations.verl.dataset makes rows"
            )
        messages = [dict(message) for message in row["raw_prompt"]]
        for left in reversed(range(self._retries + 1)):
            async with _sessions(str(about["env"]), self._overrides, self._reading).taken() as session:
                episode = _Episode(self, session, str(about["form"]), messages)
                try:
                    await episode.begin(about)
                    return await episode.play(dict(sampling_params), int(priority))
                except InfrastructureError:
                    if not left:
                        raise
                finally:
                    await session.leave()
        raise UsageError("retries is a whole number from 0")


class _Episode:
    """An episode of an agent loop, as messages and as tokens.

    Args:
        loop: The agent loop.
        session: The session, for this episode alone.
        form: ``text`` or ``tools``.
        messages: The prompt.
    """

    def __init__(
        self, loop: MedicalRecordAgentLoop, session: AsyncSession, form: str, messages: list[dict[str, Any]]
    ) -> None:
        self._loop, self._session, self._form = loop, session, check_form(form)
        self._messages = list(messages)
        self._tools: list[dict[str, Any]] | None = None
        if form == _TOOL_CALLS:
            self._tools = [dict(tool) for tool in tools_for(session.session.verbs)]
        self._mask: list[int] = []
        self._logprobs: list[float] | None = None
        self._turns = 0
        self._metrics: dict[str, Any] = {}
        self._fields: dict[str, Any] = {}
        self._routed: Any = None

    async def begin(self, about: Mapping[str, Any]) -> None:
        """Begins the episode and makes its prompt."""
        driver = self._session.session
        await self._session.begin(int(about["seed"]), about["options"])
        opening = driver.observation["text"]
        if not any(message["content"] == opening for message in self._messages):
            raise UsageError(f"{driver.case.id} is another task than its row says: were they made with other settings?")
        self._chat = Chat(self._form, driver.rule, self._messages)
        self._chat.hear(driver.observation)
        most = self._loop.rollout_config.prompt_length
        self._ids: list[int] = await self._loop.ct_build_initial_tokens(self._messages, tools=self._tools)
        if len(self._ids) >= most and len(self._whole_prompt()) > most:
            raise UsageError(f"a prompt is longer than prompt_length, {most} tokens: allow more, or filter such rows")

    def _whole_prompt(self) -> list[int]:
        builder = self._loop.continuous_token_builder
        return builder.build_initial_tokens(self._messages, tools=self._tools)  # type: ignore[no-any-return]

    async def play(self, sampling: dict[str, Any], priority: int) -> AgentLoopOutput:
        """Plays the episode to its end and returns it as verl wants it."""
        driver = self._session.session
        parser = None
        if self._tools is not None:
            parser = ToolParser.get_tool_parser(self._loop.rollout_config.multi_turn.format, self._loop.tokenizer)
            sampling["stop_token_ids"] = [*(sampling.get("stop_token_ids") or ()), *parser.stop_token_ids]
        full = getattr(self._loop.rollout_config, "full_determinism", False)
        request = f"det-{priority}" if full else uuid4().hex
        most_turns = self._loop.rollout_config.multi_turn.max_assistant_turns
        while not self._over():
            turn, cut = await self._ask(request, sampling, priority)
            message = await self._read(turn, parser)
            if cut and len(self._mask) >= self._loop.rollout_config.response_length:
                driver.messages.append(message)
                await self._session.stop("its tokens were used up in the middle of a message")
                break
            reading = self._chat.take(Answer(message, finish_reason=_CUT_OFF if cut else None))
            with simple_timer("tool_calls", self._metrics):
                replies = await self._session.converse(self._chat, reading)
            if self._over():
                break
            if most_turns and self._turns >= most_turns:
                await self._session.stop(f"verl allows {most_turns} turns")
            else:
                await self._hear(message, replies)
        return self._output()

    def _over(self) -> bool:
        return self._session.session.result is not None

    async def _ask(self, request: str, sampling: dict[str, Any], priority: int) -> tuple[list[int], bool]:
        """Has the model write a turn; returns its tokens, and True if it was cut off."""
        room = self._loop.rollout_config.response_length - len(self._mask)
        most = min([room, *(sampling[name] for name in ("max_tokens", "max_new_tokens") if sampling.get(name))])
        limits = {name: value for name, value in sampling.items() if name != "max_new_tokens"} | {"max_tokens": most}
        with simple_timer("generate_sequences", self._metrics):
            output = await self._loop.server_manager.generate(
                request_id=request, prompt_ids=self._ids, sampling_params=limits, priority=priority
            )
        turn: list[int] = list(output.token_ids)[:most]
        logprobs = list(output.log_probs)[:most] if output.log_probs else None
        if logprobs is not None and self._logprobs is None:
            self._logprobs = [0.0] * len(self._mask)
        merged, self._mask, self._logprobs = await self._loop.ct_merge_assistant_token(
            self._ids, turn, self._mask, self._logprobs, assistant_logprobs=logprobs
        )
        self._ids = merged.token_ids
        self._turns += 1
        if output.routed_experts is not None:
            self._routed = output.routed_experts
        if output.num_preempted is not None:
            self._metrics["num_preempted"] = self._metrics.get("num_preempted", 0) + output.num_preempted
        self._note(output.extra_fields)
        ended = bool(turn) and turn[-1] in self._loop.tokenizer.all_special_ids
        return turn, output.stop_reason == _CUT_OFF or (len(turn) >= most and not ended)

    def _note(self, fields: Mapping[str, Any]) -> None:
        """Keeps what the server says of the first turn; of further ones only what changes from turn to turn."""
        if not self._fields:
            self._fields |= fields
            return
        if fields.get("max_global_steps"):
            self._fields["max_global_steps"] = fields["max_global_steps"]
        for name in self._fields.keys() & fields.keys() & set(SPEC_DECODE_EXTRA_KEYS):
            self._fields[name] += fields[name]

    async def _read(self, turn: list[int], parser: Any) -> dict[str, Any]:
        """Returns a turn as an assistant message."""
        special = frozenset(self._loop.tokenizer.all_special_ids)
        end = len(turn)
        while end and turn[end - 1] in special:
            end -= 1
        said = str(self._loop.tokenizer.decode(turn[:end], skip_special_tokens=False))
        message: dict[str, Any] = {"role": "assistant", "content": said}
        if parser is not None:
            content, calls = await parser.extract_tool_calls(
                turn, [OpenAIFunctionToolSchema.model_validate(tool) for tool in self._tools or ()]
            )
            if calls:
                message["content"] = content
                message["tool_calls"] = [
                    {"id": call.tool_call_id, "function": {"name": call.name, "arguments": call.arguments}}
                    for call in calls
                ]
        return message

    async def _hear(self, message: dict[str, Any], replies: list[dict[str, Any]]) -> None:
        """Adds replies, unless there is no room for them and an answer."""
        before = [*self._messages, {"role": "assistant", "content": message["content"]}]
        merged, mask, logprobs = await self._loop.ct_merge_context_msg(
            before, [*before, *replies], self._ids, self._mask, self._logprobs, tools=self._tools
        )
        if len(mask) >= self._loop.rollout_config.response_length:
            added = len(mask) - len(self._mask)
            await self._session.stop(f"a reply of {added} tokens left no room for an answer")
            return
        self._messages = [*before, *replies]
        self._ids, self._mask, self._logprobs = merged.token_ids, mask, logprobs

    def _output(self) -> AgentLoopOutput:
        driver = self._session.session
        opening = len(self._ids) - len(self._mask)
        metrics = driver.metrics
        verdict = driver.info["verdict"]
        self._fields |= {
            "turn_scores": [],
            "tool_rewards": [],
            "reward_extra_info": {name: metrics.get(name, math.nan) for name in _METRICS},
            "case": driver.case.id,
            "verdict": "solved" if verdict["success"] else verdict["failure"],
        }
        return AgentLoopOutput(
            prompt_ids=self._ids[:opening],
            response_ids=self._ids[opening:],
            response_mask=self._mask,
            response_logprobs=self._logprobs,
            routed_experts=None if self._routed is None else self._routed[: len(self._ids)],
            multi_modal_data={},
            reward_score=driver.reward,
            num_turns=len(driver.messages),
            metrics=self._metrics,
            extra_fields=self._fields,
        )


def dataset(env: str = "MedAgentBench-Train-v0", form: str = _TEXT, **which: Any) -> Iterator[dict[str, Any]]:
    """Yields the rows of a dataset for verl, for a file of JSON lines or Parquet. No row reveals an answer.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        form: ``text``, the official form (the reply is the action), or ``tools``: get, post and finish.
        which: ``family``, ``difficulty``, ``variant`` (joined by ``+``), ``seed`` (of the first row), ``limit``; also
            ``max_steps``, if the agent loop has it, because the opening message names it.

    Raises:
        UsageError: A name does not exist.
    """
    check_form(form)
    opened = make_to_read(env, max_steps=which.pop("max_steps", None))
    environment = unwrapped(opened).scenario.environment
    system = [{"role": "system", "content": system_for(environment.actions)}] if form == _TOOL_CALLS else []
    source = environment.id
    for number, row in enumerate(rows(opened, **which)):
        yield {
            "data_source": source,
            "agent_name": AGENT,
            "prompt": [*system, {"role": "user", "content": row.opening}],
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {**row.columns(), "env": env, "form": form, "index": number},
        }


@cache
def _sessions(env: str, overrides: tuple[tuple[str, Any], ...], reading: str | None) -> AsyncSessions:
    """Returns the pool of sessions of an environment, one for this process."""
    return AsyncSessions(partial(make, env, **dict(overrides)), reading)
