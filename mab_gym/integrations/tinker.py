"""Training with tinker-cookbook: episodes as message environments, groups of tries, and datasets of both.

    builder = MedicalRecordDatasetBuilder(model_name="Qwen/Qwen3-8B", batch_size=32, group_size=8, batches=100)

goes into tinker-cookbook's training configuration. Its renderer turns messages into tokens, and its trainer alone
masks them: a token counts if the model sampled it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from mab_gym.actions import NoAction
from mab_gym.agents._answers import Answer
from mab_gym.agents._model import FORMS, Chat, check_form, system_for, tools_for
from mab_gym.curriculum import CaseSampler
from mab_gym.errors import UsageError
from mab_gym.integrations._async_sessions import AsyncSession
from mab_gym.integrations._installed import needing
from mab_gym.integrations._rows import Row, plan, row_of
from mab_gym.integrations._sessions import Maker, Session, TextEnv, make_env, make_to_read
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import Assignment

with needing("tinker", "training with tinker-cookbook needs"):
    import chz
    import tinker
    from tinker_cookbook import model_info, tokenizer_utils
    from tinker_cookbook.completers import StopCondition
    from tinker_cookbook.renderers import Message, Renderer, get_renderer
    from tinker_cookbook.rl.message_env import EnvFromMessageEnv, MessageEnv, MessageStepResult
    from tinker_cookbook.rl.types import (
        STOP_METRIC_PREFIX,
        Action,
        ActionExtra,
        Env,
        EnvGroupBuilder,
        InitialObservationOverflow,
        Metrics,
        RLDataset,
        RLDatasetBuilder,
        StepResult,
        StopReason,
        Trajectory,
    )

__all__ = [
    "MedicalRecordDataset",
    "MedicalRecordDatasetBuilder",
    "MedicalRecordGroup",
    "MedicalRecordMessages",
    "MedicalRecordTokens",
]

_TEXT, _TOOL_CALLS = FORMS
_CUT_OFF = "length"
_TOKENIZING = ThreadPoolExecutor(1, "tokenizer")
"""The one thread that uses tokenizers: those of Hugging Face are not safe in several ("Already borrowed")."""


class MedicalRecordMessages(MessageEnv):
    """One episode as messages, for one try.

    Args:
        env: The environment; nobody else may use it during the episode.
        seed: The seed for ``env.reset``.
        options: The options for ``env.reset``.
        form: ``text``, in which the message is the action, or ``tools``, in which each tool call is one.
        prefix: The messages before the opening message; with tools they must declare these.
        reading: The rule by which messages are read, ``lenient`` or ``strict``; None for the usual one.

    Attributes:
        session: The driver of the episode; it keeps reward, verdict and conversation.

    Raises:
        UsageError: There is no such form.
    """

    def __init__(
        self,
        env: TextEnv,
        seed: int,
        options: Mapping[str, Any],
        *,
        form: str = _TEXT,
        prefix: Sequence[Message] = (),
        reading: str | None = None,
    ) -> None:
        self.session = Session(env, reading)
        self._acting = AsyncSession(self.session)
        self._seed, self._options = seed, options
        self._form = check_form(form)
        self._messages: list[Message] = list(prefix)

    async def initial_observation(self) -> list[Message]:
        """Begins the episode and returns its opening messages."""
        await self._acting.begin(self._seed, self._options)
        opening = {"role": "user", "content": self.session.observation["text"]}
        self._chat = Chat(self._form, self.session.rule, [opening])
        self._chat.hear(self.session.observation)
        self._messages.append(opening)
        return list(self._messages)

    async def step(self, message: Message) -> MessageStepResult:
        """Takes the action of a message, or its tool calls one after another.

        Raises:
            InfrastructureError: The record system has failed; the try does not count.
        """
        return await self.hear(message)

    async def hear(self, message: Message, finish_reason: str | None = None) -> MessageStepResult:
        """Does the same as `step`, for a message that was perhaps cut off.

        Args:
            message: The message, as a renderer reads it.
            finish_reason: ``length`` if it was cut off.

        Raises:
            InfrastructureError: The record system has failed; the try does not count.
        """
        before = self.session.reward
        first = self._chat.take(Answer(_plain(message), finish_reason=finish_reason))
        calls = self._chat.sent[-1].get("tool_calls", ())
        broken = message.get("unparsed_tool_calls")
        if broken and isinstance(first.action, NoAction):
            why = NoAction(f"a tool call cannot be read: {broken[0].error}", ends=False)
            first = replace(first, action=why, cause=None)
        self._messages.append(message)
        self._messages += [_reply(each, calls) for each in await self._acting.converse(self._chat, first)]
        return self._result(before)

    async def stop(self, why: str, unheard: Message | None = None) -> MessageStepResult:
        """Ends an episode that is still under way, as one that is longer than the model's context.

        Args:
            why: The reason.
            unheard: A message that did not fit; it is kept, and no action is taken.

        Raises:
            InfrastructureError: The record system has failed; the try does not count.
        """
        before = self.session.reward
        if unheard is not None:
            self.session.messages.append(_plain(unheard))
        await self._acting.stop(why)
        return self._result(before)

    async def leave(self) -> None:
        """Gives the record system back."""
        await self._acting.leave()

    def _result(self, before: float) -> MessageStepResult:
        found = MessageStepResult(self.session.reward - before, self.session.result is not None, list(self._messages))
        if found.episode_done:
            found.metrics[f"{STOP_METRIC_PREFIX}{_stop_reason(self.session)}"] = 1.0
            verdict = self.session.info["verdict"]
            found.logs.update(case=self.session.case.id, verdict="solved" if verdict["success"] else verdict["failure"])
        return found


class MedicalRecordTokens(EnvFromMessageEnv):
    """One episode as tokens: the bridge of tinker-cookbook, with the environment's own rewards and ends.

    An episode with no room for a further message ends as ``context_limit`` in the environment, too, so that it has a
    verdict. A message that was cut off at the limit of one turn is read by the rule for such messages.

    Args:
        renderer: The renderer.
        message_env: The episode as messages.
        max_trajectory_tokens: The greatest number of tokens of an episode; None for no limit.
        max_generation_tokens: The room that must be left for each message of the model.
    """

    def __init__(
        self,
        renderer: Renderer,
        message_env: MedicalRecordMessages,
        *,
        max_trajectory_tokens: int | None = None,
        max_generation_tokens: int | None = None,
    ) -> None:
        super().__init__(
            renderer,
            message_env,
            max_trajectory_tokens=max_trajectory_tokens,
            max_generation_tokens=max_generation_tokens,
        )
        self.episode = message_env
        self._read = 0

    async def initial_observation(self) -> tuple[tinker.ModelInput, StopCondition] | InitialObservationOverflow:
        """Begins the episode and returns its opening as tokens."""
        found = await super().initial_observation()
        if isinstance(found, InitialObservationOverflow):
            ended = await self.episode.stop("there is no room for an answer after the opening")
            return replace(found, reward=ended.reward, logs={**found.logs, **ended.logs})
        self._read = found[0].length
        return found

    async def step(self, action: Action, *, extra: ActionExtra | None = None) -> StepResult:
        """Takes the tokens of one message.

        Raises:
            InfrastructureError: The record system has failed; the try does not count.
        """
        message, ended = await _tokenizing(self.renderer.parse_response, action)
        cut = (extra or {}).get("stop_reason") == _CUT_OFF or not ended.is_clean
        used = self._read + len(action)
        if cut and self.max_trajectory_tokens is not None and used >= self.max_trajectory_tokens:
            step = await self.episode.stop("its tokens were used up in the middle of a message", message)
        else:
            step = await self.episode.hear(message, _CUT_OFF if cut else None)
        following = tinker.ModelInput.empty()
        if not step.episode_done:
            following = await self._render_in_thread(step.next_messages)
            self._read = following.length
            if self._exceeds_context_limit(following.length):
                paid, following = step.reward, tinker.ModelInput.empty()
                step = await self.episode.stop(f"a chat of {self._read} tokens leaves no room for an answer")
                step.reward += paid
        return StepResult(
            reward=step.reward,
            episode_done=step.episode_done,
            next_observation=following,
            next_stop_condition=self._base_stop_condition,
            metrics=step.metrics,
            logs=step.logs,
        )

    async def _render_in_thread(self, messages: list[Message], **kwargs: Any) -> tinker.ModelInput:
        return await _tokenizing(self.renderer.build_generation_prompt, messages, **kwargs)


@dataclass
class MedicalRecordGroup(EnvGroupBuilder):
    """Several tries at the same case. It can be pickled, unless it has a curriculum.

    If the record system fails, a try raises `mab_gym.errors.InfrastructureError`; the trainer's
    ``rollout_error_tolerance`` says what comes of it. It never becomes a reward.

    Args:
        row: The episode.
        renderer: The renderer, from tinker-cookbook's ``get_renderer``.
        env: The environment's id or file, or a function of a module that makes it.
        size: The number of tries.
        form: ``text`` or ``tools``.
        reading: The rule by which messages are read; None for the usual one.
        overrides: Fields of the environment file to change.
        max_trajectory_tokens: The greatest number of tokens of an episode; None for no limit.
        max_generation_tokens: The room that must be left for each message of the model.
        curriculum: The curriculum, which learns how each try ended.
    """

    row: Row
    renderer: Renderer
    env: Maker = "MedAgentBench-Train-v0"
    size: int = 8
    form: str = _TEXT
    reading: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    max_trajectory_tokens: int | None = None
    max_generation_tokens: int | None = None
    curriculum: CaseSampler | None = None
    _made: list[MedicalRecordMessages] = field(default_factory=list, init=False, repr=False)

    async def make_envs(self) -> Sequence[Env]:
        """Makes an environment for each try."""
        check_form(self.form)
        return await _tokenizing(self._tries)  # type: ignore[no-any-return]

    def _tries(self) -> Sequence[Env]:
        made = [make_env(self.env, **self.overrides) for _ in range(self.size)]
        prefix: Sequence[Message] = ()
        if self.form == _TOOL_CALLS and made:
            verbs = unwrapped(made[0]).scenario.environment.actions
            tools = [tool["function"] for tool in tools_for(verbs)]
            prefix = self.renderer.create_conversation_prefix_with_tools(tools, system_for(verbs))
        tries = [
            MedicalRecordTokens(
                self.renderer,
                MedicalRecordMessages(
                    env,
                    self.row.seed,
                    self.row.options,
                    form=self.form,
                    prefix=prefix,
                    reading=self.reading,
                ),
                max_trajectory_tokens=self.max_trajectory_tokens,
                max_generation_tokens=self.max_generation_tokens,
            )
            for env in made
        ]
        self._made += [each.episode for each in tries]
        return tries

    async def compute_group_rewards(
        self, trajectory_group: list[Trajectory], env_group: Sequence[Env]
    ) -> list[tuple[float, Metrics]]:
        """Ends the episodes that the trainer stopped, and returns what they still earn, with the numbers of each."""
        found = []
        for trajectory, env in zip(trajectory_group, env_group, strict=True):
            episode: MedicalRecordMessages = env.episode
            rest = 0.0
            if episode.session.result is None:
                rest = (await episode.stop(f"the trainer stopped it: {trajectory.stop_reason}")).reward
            if self.curriculum is not None:
                self.curriculum.record(episode.session.info)
            found.append((rest, dict(episode.session.metrics)))
        return found

    async def cleanup(self) -> None:
        """Gives the record systems of all tries back."""
        while self._made:
            await self._made.pop().leave()

    def logging_tags(self) -> list[str]:
        """Returns family and difficulty."""
        return [self.row.family, self.row.difficulty]

    def __getstate__(self) -> dict[str, Any]:
        if self.curriculum is not None:
            raise UsageError("a curriculum learns in one process: leave out the curriculum, or the rollout executor")
        return {**vars(self), "_made": []}


class MedicalRecordDataset(RLDataset):
    """The groups of an environment's cases, in batches; each case is read when its batch is asked for.

    Args:
        row_at: Returns the episode at a place.
        count: The number of episodes.
        batch_size: The number of groups of a batch.
        group: Makes the group of an episode.
    """

    def __init__(
        self, row_at: Callable[[int], Row], count: int, batch_size: int, group: Callable[[Row], MedicalRecordGroup]
    ) -> None:
        self._row_at, self._count, self._batch_size, self._group = row_at, count, batch_size, group

    def get_batch(self, index: int) -> Sequence[EnvGroupBuilder]:
        """Returns the groups of a batch."""
        first = index * self._batch_size
        return [self._group(self._row_at(at)) for at in range(first, min(first + self._batch_size, self._count))]

    def __len__(self) -> int:
        return math.ceil(self._count / self._batch_size)


@chz.chz
class MedicalRecordDatasetBuilder(RLDatasetBuilder):
    """Builds the datasets of a training run, for training and for evaluation.

    Args:
        model_name: The model whose tokenizer to take.
        batch_size: The number of cases of a batch.
        group_size: The number of tries at each case.
        batches: The number of batches; an environment with a fixed list of cases has no more than these give.
        renderer_name: The renderer; None for tinker-cookbook's own choice for the model.
        env: The environment. Train on the training split; the canonical cases are for evaluation.
        test_env: The environment for evaluation, one try a case; None for no evaluation.
        test_limit: The greatest number of its cases.
        family: Train only on this family.
        difficulty: Train only on this difficulty.
        variant: One or more variants of the cases, joined by ``+``.
        seed: The seed of the first case; each further one has the next number.
        form: ``text`` or ``tools``; the renderer must know tools.
        reading: The rule by which messages are read, ``lenient`` or ``strict``; None for the usual one.
        reward: The reward, ``sparse`` or ``partial``; None for the environment's own.
        max_steps: The greatest number of actions; None for the environment's own.
        max_obs_chars: The greatest number of characters of a reply; None for the environment's own.
        max_trajectory_tokens: The greatest number of tokens of an episode; None for no limit.
        max_generation_tokens: The room that must be left for each message of the model: the trainer's ``max_tokens``.
        curriculum: Chooses the cases of training, and learns how each try ended.
    """

    model_name: str
    batch_size: int
    group_size: int
    batches: int = 100
    renderer_name: str | None = None
    env: Maker = "MedAgentBench-Train-v0"
    test_env: Maker | None = "MedAgentBench-Validation-v0"
    test_limit: int | None = None
    family: str | None = None
    difficulty: str | None = None
    variant: str | None = None
    seed: int = 0
    form: str = _TEXT
    reading: str | None = None
    reward: str | None = None
    max_steps: int | None = None
    max_obs_chars: int | None = None
    max_trajectory_tokens: int | None = 32768
    max_generation_tokens: int | None = None
    curriculum: CaseSampler | None = None

    async def __call__(self) -> tuple[RLDataset, RLDataset | None]:
        """Builds both datasets.

        Raises:
            UsageError: A name does not exist, or nothing is left to play.
        """
        check_form(self.form)
        name = self.renderer_name or model_info.get_recommended_renderer_name(self.model_name)
        tokenizer = await asyncio.to_thread(tokenizer_utils.get_tokenizer, self.model_name)
        overrides = {"reward": self.reward, "max_steps": self.max_steps, "max_obs_chars": self.max_obs_chars}
        group = partial(
            MedicalRecordGroup,
            renderer=get_renderer(name, tokenizer, model_name=self.model_name),
            form=self.form,
            reading=self.reading,
            overrides=overrides,
            max_trajectory_tokens=self.max_trajectory_tokens,
            max_generation_tokens=self.max_generation_tokens,
        )
        made = make_to_read(self.env, **overrides)
        which = {"family": self.family, "difficulty": self.difficulty, "variant": self.variant}
        todo, options = plan(made, **which, seed=self.seed, limit=self.batches * self.batch_size)
        row_at = partial(_row_at, made, todo, options)
        if self.curriculum is not None:
            row_at = partial(_chosen_at, made, self.curriculum, self.seed)
        train = partial(group, env=self.env, size=self.group_size, curriculum=self.curriculum)
        training = MedicalRecordDataset(row_at, len(todo), self.batch_size, train)
        if self.test_env is None:
            return training, None
        held_out = make_to_read(self.test_env, **overrides)
        todo, options = plan(held_out, seed=self.seed, limit=self.test_limit)
        row_at = partial(_row_at, held_out, todo, options)
        return training, MedicalRecordDataset(
            row_at, len(todo), self.batch_size, partial(group, env=self.test_env, size=1)
        )


async def _tokenizing(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(_TOKENIZING, partial(work, *args, **kwargs))


def _row_at(env: TextEnv, todo: Sequence[Assignment], options: dict[str, Any], place: int) -> Row:
    return row_of(env, todo[place], options)


def _chosen_at(env: TextEnv, curriculum: CaseSampler, seed: int, place: int) -> Row:
    chosen = curriculum.next_options(np.random.default_rng([seed, place]))
    return row_of(env, Assignment(seed + place), dict(chosen))


def _plain(message: Message) -> dict[str, Any]:
    """Returns a message of a renderer in the form of chat completions; tool calls that it cannot read are text."""
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    said = "".join(part["text"] for part in parts if part["type"] == "text")
    said += "".join(call.raw_text for call in message.get("unparsed_tool_calls", ()))
    plain: dict[str, Any] = {"role": "assistant", "content": said}
    thoughts = "\n\n".join(part["thinking"] for part in parts if part["type"] == "thinking")
    if thoughts:
        plain["reasoning_content"] = thoughts
    if message.get("tool_calls"):
        plain["tool_calls"] = [call.model_dump() for call in message["tool_calls"]]
    return plain


def _reply(heard: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> Message:
    """Returns a reply of the record system as a message for a renderer; one to a tool call has the tool's name."""
    called = {call["id"]: {"name": call["function"]["name"]} for call in calls}
    return {**heard, **called.get(heard.get("tool_call_id"), {})}


def _stop_reason(session: Session) -> str:
    if session.context_limit is not None:
        return str(StopReason.CONTEXT_OVERFLOW)
    return str(StopReason.COMPLETED if session.terminated else StopReason.MAX_TURNS)
