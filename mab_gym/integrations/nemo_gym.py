"""The environments for NeMo Gym: a resources server in the Gymnasium style, and the rows of its datasets.

The server works with NeMo Gym's own ``gymnasium_agent``; docs/integrations.md shows its configuration files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mab_gym.agents._answers import responses_answer
from mab_gym.agents._model import FORMS, check_form, system_for, tools_for
from mab_gym.agents._reading import STRICT
from mab_gym.envs._make import make
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.integrations._async_sessions import AsyncSession
from mab_gym.integrations._installed import needing
from mab_gym.integrations._rows import rows
from mab_gym.integrations._sessions import Session, make_to_read
from mab_gym.runs._driver import unwrapped

with needing("nemo", "a server for NeMo Gym needs Python 3.12 or newer, and"):
    from nemo_gym.base_resources_server import BaseResourcesServerConfig
    from nemo_gym.openai_utils import NeMoGymResponse
    from resources_servers.gymnasium import GymnasiumServer

__all__ = ["MedicalRecordServer", "MedicalRecordServerConfig", "dataset"]

_TEXT, _TOOL_CALLS = FORMS
AGENT = "mab_gym_gymnasium_agent"
"""The name of the agent in the server's configuration, which the rows refer to."""


class MedicalRecordServerConfig(BaseResourcesServerConfig):
    """The server's configuration; None stands for the environment's own value."""

    max_steps: int | None = None
    reward: str | None = None
    reading: str | None = None


class MedicalRecordServer(GymnasiumServer):
    """A resources server; each rollout has an environment of its own, from ``/reset`` to the end of its episode."""

    config: MedicalRecordServerConfig

    async def reset(self, metadata: dict[str, Any], session_id: str | None = None) -> tuple[str | None, dict[str, Any]]:
        """Begins the episode of a row; the observation is its opening message.

        Args:
            metadata: The columns of the row; ``mab_gym`` is used.
            session_id: The id of the rollout.

        Raises:
            UsageError: The row is not one of `dataset`, or a name in it does not exist.
        """
        row = metadata.get("mab_gym")
        if not isinstance(row, dict) or not {"env", "seed", "options"} <= set(row):
            raise UsageError("mab_gym lacks env, seed or options; mab_gym.integrations.nemo_gym.dataset makes rows")
        session = AsyncSession(
            Session(make(row["env"], max_steps=self.config.max_steps, reward=self.config.reward), self.config.reading)
        )
        info = await session.begin(row["seed"], {name: value for name, value in row["options"].items() if value})
        await self.close_session(session_id)
        self.session_state[str(session_id)] = session
        return session.session.observation["text"], info

    async def step(
        self, action: NeMoGymResponse, metadata: dict[str, Any], session_id: str | None = None
    ) -> tuple[str | None, float, bool, bool, dict[str, Any]]:
        """Takes the actions of a model's response: each tool call is a step, or the text is one.

        Args:
            action: The response.
            metadata: The columns of the row.
            session_id: The id of the rollout.

        Raises:
            InfrastructureError: The record system has failed; the rollout does not count.
            UsageError: No episode is under way.
        """
        session = self.session_state.get(str(session_id))
        if session is None:
            raise UsageError("there is no episode under way: call /reset first")
        answer = responses_answer(action.model_dump(mode="json"))
        if answer is None:
            raise UsageError("the model's response holds no output")
        # By the official rule calls mean nothing where none were offered.
        offered = metadata["mab_gym"].get("form") == _TOOL_CALLS or session.session.rule != STRICT
        calls = answer.message.get("tool_calls") if offered else None
        try:
            if calls:
                return await _called(session, calls)
            step = await session.hear(answer.message, answer.finish_reason)
        except InfrastructureError:
            await self.close_session(session_id)
            raise
        return step.observation["text"] or None, step.reward, step.terminated, step.truncated, step.info

    async def close_session(self, session_id: str | None) -> None:
        """Ends a rollout and gives its record system back."""
        session = self.session_state.pop(str(session_id), None)
        if session is not None:
            await session.leave()


async def _called(
    session: AsyncSession, calls: list[dict[str, Any]]
) -> tuple[str | None, float, bool, bool, dict[str, Any]]:
    outputs, total = [], 0.0
    for call in calls:
        step = await session.call(**call["function"])
        total += step.reward
        outputs.append({"call_id": call["id"], "output": step.observation["text"]})
        if session.session.result is not None:
            break
    return None, total, step.terminated, step.truncated, {**step.info, "tool_outputs": outputs}


def dataset(env: str = "MedAgentBench-Train-v0", form: str = _TEXT, **which: Any) -> Iterator[dict[str, Any]]:
    """Yields the rows of a dataset for NeMo Gym, for a file of JSON lines. No row reveals an answer.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        form: ``text``, the official form (the reply is the action), or ``tools``: get, post and finish.
        which: ``family``, ``difficulty``, ``variant`` (joined by ``+``), ``seed`` (of the first row), ``limit``.

    Raises:
        UsageError: A name does not exist.
    """
    check_form(form)
    opened = make_to_read(env)
    verbs = unwrapped(opened).scenario.environment.actions
    tools = [{"type": "function", "strict": False, **tool["function"]} for tool in tools_for(verbs)]
    by_tools: dict[str, Any] = {"input": [{"role": "system", "content": system_for(verbs)}], "tools": tools}
    for row in rows(opened, **which):
        yield {
            # The server sends the opening message itself, so that it always belongs to the episode.
            "responses_create_params": by_tools if form == _TOOL_CALLS else {"input": []},
            "agent_ref": {"type": "responses_api_agents", "name": AGENT},
            "mab_gym": {**row.about(), "id": row.id, "env": env, "form": form},
        }
