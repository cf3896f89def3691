"""The solver: the model under evaluation plays an episode, by plain text or by tool calls."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ModelOutput,
    execute_tools,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolCall, ToolDef, ToolInfo, ToolParams
from inspect_ai.util import LimitExceededError

from mab_gym.actions import NoAction
from mab_gym.agents import Reading, read_call
from mab_gym.agents._model import FORMS, check_form, system_for, tools_for
from mab_gym.agents._reading import STRICT
from mab_gym.envs._make import make
from mab_gym.errors import AgentError, UsageError
from mab_gym.integrations._async_sessions import AsyncSession, AsyncSessions
from mab_gym.integrations.inspect_ai._scoring import STORED

TEXT, TOOL_CALLS = FORMS
_TOO_LONG = "model_length"


@solver
def play_episode(
    env: str = "MedAgentBench-v0", form: str = TEXT, max_steps: int | None = None, reading: str | None = None
) -> Solver:
    """Plays the episode of a sample of `medagentbench` to its end.

    Args:
        env: The environment's id or file.
        form: ``text``, the official form (the model gets the whole chat, its reply is the action), or ``tools``.
        max_steps: Actions after which an episode is truncated; None for the environment's own number.
        reading: The rule by which messages are read, ``lenient`` or ``strict``; None for the usual one.

    Raises:
        UsageError: There is no such form.
    """
    check_form(form)
    sessions = AsyncSessions(partial(make, env, max_steps=max_steps), reading)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        async with sessions.taken() as session:
            try:
                await _play(session, state, form)
            except LimitExceededError as error:
                await session.stop(f"inspect stopped the sample: {error.message}")
                raise
            except anyio.get_cancelled_exc_class():
                # A limit of inspect's, or a person at its display, stops the sample; it may be scored all the same.
                with anyio.CancelScope(shield=True):
                    await session.stop("inspect stopped the sample")
                raise
            except Exception as error:
                with anyio.CancelScope(shield=True):
                    await session.leave()
                session.session.result = {"error": f"{type(error).__name__}: {error}"}
                raise
            finally:
                state.store.set(STORED, session.session.result)
        state.completed = True
        return state

    return solve


async def _play(session: AsyncSession, state: TaskState, form: str) -> None:
    """Plays an episode to its end and adds the conversation to the sample's messages."""
    sample = state.metadata
    await session.begin(sample["seed"], sample["options"])
    if session.session.observation["text"] != state.input_text:
        raise UsageError(
            f"{state.sample_id} is another task than the sample says: were the two made with other settings?"
        )
    tools: list[ToolInfo] = []
    if form == TOOL_CALLS:
        verbs = session.session.verbs
        tools = [ToolInfo.model_validate(tool["function"]) for tool in tools_for(verbs)]
        state.messages.insert(0, ChatMessageSystem(content=system_for(verbs)))
    # By the official rule calls mean nothing where none were offered.
    turn = _act_by_tools if form == TOOL_CALLS or session.session.rule != STRICT else _act_by_text
    # Each message is one step or several, except for tool calls that an approver of inspect rejects.
    for _ in range(session.session.max_steps):
        state.output = await get_model().generate(state.messages, tools)
        if state.output.empty:
            raise AgentError("the model's answer holds no message")
        if state.output.stop_reason == _TOO_LONG:
            why = state.output.error or state.output.completion
            await session.stop(why, context_limit=why)
            return
        state.messages.append(state.output.message)
        await turn(session, state)
        if session.session.result is not None:
            return
    await session.stop("an approver rejected what the model wanted to do until no message was left")


async def _act_by_text(session: AsyncSession, state: TaskState) -> None:
    observation = (await session.hear(_message(state.output), state.output.stop_reason)).observation
    if observation["text"]:
        state.messages.append(_reply(observation))


async def _act_by_tools(session: AsyncSession, state: TaskState) -> None:
    """Takes the tool calls of a message, each as a step; the text of a message without calls is the action."""
    message = state.output.message
    if not message.tool_calls:
        return await _act_by_text(session, state)
    before = len(state.messages) - 1
    for call in message.tool_calls:
        if session.session.result is None:
            said = state.messages[:before] + state.messages[before + 1 :]
            state.messages.append(await _call(session, message, call, said))


async def _call(
    session: AsyncSession, message: ChatMessageAssistant, call: ToolCall, said: list[Any]
) -> ChatMessageTool:
    """Takes one tool call through inspect, so that its approvers and log see it; returns the tool's message."""
    reading = _reading(session, call, call.arguments)
    if isinstance(reading.action, NoAction) or reading.cause is not None:
        step = await session.act(reading)
        return ChatMessageTool(content=step.observation["text"], tool_call_id=call.id, function=call.function)

    # The arguments skip inspect's schema check: the record system alone decides which to refuse. Replies are cut off
    # only by the environment's max_obs_chars.
    async def take(**kwargs: Any) -> str:
        return (await session.act(_reading(session, call, kwargs))).observation["text"]

    tool = ToolDef(take, call.function, call.function, parameters=ToolParams(additionalProperties=True), max_output=0)
    alone = message.model_copy(update={"tool_calls": [call]})
    messages, _ = await execute_tools([*said, alone], [tool])
    (answer,) = messages
    return ChatMessageTool.model_validate(answer.model_dump())


def _reading(session: AsyncSession, call: ToolCall, arguments: dict[str, Any]) -> Reading:
    """Reads a tool call; arguments that inspect could not read are passed on as they are."""
    driver, given = session.session, arguments if call.parse_error is None else call.parse_error
    return read_call(call.function, given, driver.rule, driver.verbs)


def _message(output: ModelOutput) -> dict[str, Any]:
    """Returns the message in the form of chat completions; inspect marks a refusal in the parts of its content."""
    message: dict[str, Any] = output.message.model_dump(include={"content"})
    parts = output.message.content if isinstance(output.message.content, list) else []
    refused = "\n".join(part.text for part in parts if part.type == "text" and part.refusal)
    return message | ({"refusal": refused} if refused else {})


def _reply(observation: Any) -> ChatMessageUser:
    return ChatMessageUser(content=observation["text"], metadata={"status": int(observation["status"])})
