"""What goes over the wire: actions, observations, state."""

from __future__ import annotations

from typing import Annotated, Any

from openenv.core.env_server.types import Action, Observation, State
from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("text", "an action is text")  # OpenEnv cannot send an error that holds an exception
    return value


AnyText = Annotated[Any, AfterValidator(_text), WithJsonSchema({"type": "string"})]
"""Any text at all: a model can write lone surrogates, which pydantic's own texts refuse."""


class MedicalRecordAction(Action):
    """One action."""

    text: AnyText = Field(description="GET url; or POST url, a line break and JSON; or FINISH([...])")
    context_limit: str | None = Field(
        default=None,
        description="Instead of an action: why the model cannot read any more of the episode, which this ends",
    )


class MedicalRecordObservation(Observation):
    """What an action led to: all that ``gymnasium.Env.step`` gives."""

    text: str = Field(description="What a chat agent is shown this turn; after reset the whole task")
    fhir: str = Field(default="", description="The response's body as the record system sent it, or empty")
    status: int = Field(default=0, description="Its HTTP status, or 0")
    terminated: bool = Field(default=False, description="FINISH, or text that is no action")
    truncated: bool = Field(default=False, description="No step is left, or the record system failed")
    info: dict[str, Any] = Field(default_factory=dict, description="The case; at the end the verdict with its reasons")


class MedicalRecordState(State):
    """The episode under way; ``step_count`` is how many actions were taken."""

    env: str = ""
    max_steps: int = 0
    case: str | None = None
    over: bool = True
