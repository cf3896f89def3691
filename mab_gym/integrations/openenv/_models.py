"""The messages between server and client: actions, observations, state."""

from __future__ import annotations

from typing import Annotated, Any

from openenv.core.env_server.types import Action, Observation, State
from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError


def _text(value: Any) -> str:
    if not isinstance(value, str):
        # Not a ValueError: OpenEnv cannot serialize an error that holds an exception.
        raise PydanticCustomError("text", "an action is text")
    return value


AnyText = Annotated[Any, AfterValidator(_text), WithJsonSchema({"type": "string"})]
"""Any text: a model can write lone surrogates, which pydantic's `str` refuses."""


class MedicalRecordAction(Action):
    """One action."""

    text: AnyText = Field(description="GET url; or POST url, a line break and JSON; or FINISH([...])")
    context_limit: str | None = Field(
        default=None,
        description="In place of an action: ends an episode that is too long for the model's context, for this reason",
    )


class MedicalRecordObservation(Observation):
    """The observation after an action, with everything else that ``gymnasium.Env.step`` returns."""

    text: str = Field(description="The message for a chat agent; after reset the whole task")
    fhir: str = Field(default="", description="The body of the record system's response, or empty")
    status: int = Field(default=0, description="The HTTP status of the response, or 0")
    terminated: bool = Field(default=False, description="The agent sent FINISH, or a text that is not an action")
    truncated: bool = Field(default=False, description="No step is left, or the record system failed")
    info: dict[str, Any] = Field(
        default_factory=dict, description="The case; after the last step also the verdict with its reasons"
    )


class MedicalRecordState(State):
    """The state of the episode; ``step_count`` is the number of actions."""

    env: str = ""
    max_steps: int = 0
    case: str | None = None
    over: bool = True
