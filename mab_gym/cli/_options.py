"""The options that ``eval``, ``rollout`` and ``ablate`` share, and the plan that they come to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mab_gym.agents._chat_model import KEY_VARIABLE, ChatModel
from mab_gym.agents._loading import ENTRY_POINTS
from mab_gym.agents._model import FORMS
from mab_gym.envs._environment_file import SPLITS
from mab_gym.errors import UsageError
from mab_gym.runs._agent_spec import AnyAgent
from mab_gym.runs._evaluation import Plan
from mab_gym.runs._scores import AGENTS, Prices
from mab_gym.tasking._variants import VARIANTS

_MODEL, _CASES = "A chat model", "What to play"


def _case(text: str) -> Any:
    return typer.Option(help=text, rich_help_panel=_CASES)


def _model(text: str, **more: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=_MODEL, **more)


Out = Annotated[Path, typer.Option(help="The folder for the records. An interrupted run in it goes on.")]
Env = Annotated[str, _case("An environment's id or file; task code that a file names runs.")]
Split = Annotated[str | None, _case(f"{', '.join(SPLITS)}: the sibling of --env.")]
Family = Annotated[str | None, _case("Only this family.")]
Difficulty = Annotated[str | None, _case("Only this difficulty.")]
Variant = Annotated[str | None, _case(f"One or more of {', '.join(VARIANTS)}, joined by +.")]
Limit = Annotated[int | None, _case("At most so many cases.")]
Repeat = Annotated[int, _case("How often each is played, for pass@k.")]
MaxSteps = Annotated[int | None, _case("Actions after which an episode is truncated.")]
MaxObsChars = Annotated[int | None, _case("Characters after which an observation is cut off.")]
Seed = Annotated[
    int | None,
    typer.Option(help="The first episode's seed; named here, it is sent to a model, too. (default: 0)", min=0),
]
Agent = Annotated[
    str | None,
    typer.Option(
        help=f"Who plays: {', '.join(AGENTS)}, a name of the entry point group {ENTRY_POINTS}, or "
        "module:attribute, which is imported and runs. (default: oracle)"
    ),
]
Model = Annotated[str | None, _model("The model that plays.")]
BaseUrl = Annotated[str | None, _model("Its OpenAI-compatible endpoint.", envvar="OPENAI_BASE_URL")]
KeyEnv = Annotated[str, _model("The environment variable that holds the key.")]
Form = Annotated[str, _model("How it acts: text (the official form) or tools.")]
Temperature = Annotated[float | None, _model("Sent where it is named.", min=0.0)]
Settings = Annotated[str | None, _model("Further fields of each request, as in '{\"max_tokens\": 2000}'.")]
Attempts = Annotated[int, _model("How often a request is tried.", min=1)]
Pause = Annotated[float, _model("Seconds before the second try; they double.", min=0.0)]
Timeout = Annotated[float, _model("Seconds without a word from the endpoint.", min=0.001)]
PriceIn = Annotated[float | None, _model("Price of a million tokens read.", min=0.0)]
PriceOut = Annotated[float | None, _model("Price of a million tokens written.", min=0.0)]
Concurrency = Annotated[int, typer.Option(help="Episodes that are played at once.", min=1)]
Retries = Annotated[
    int, typer.Option(help="How often an episode is played again that the record system spoils.", min=0)
]

FORM, KEY_ENV = FORMS[0], KEY_VARIABLE


def plan_of(given: Mapping[str, Any]) -> Plan:
    """Gives the plan of a command.

    Args:
        given: Its parameters by name, as typer has parsed them.

    Raises:
        UsageError: Two of them do not go together, or one cannot be read.
    """
    same = ("env", "split", "family", "difficulty", "variant", "limit", "repeat", "concurrency", "retries")
    rules = {name: given[name] for name in ("max_steps", "max_obs_chars") if given[name] is not None}
    return Plan(
        **{name: given[name] for name in same},
        agent=_agent(given),
        seed=given["seed"] or 0,
        prices=_prices(given["price_in"], given["price_out"]),
        overrides=rules,
    )


def _agent(given: Mapping[str, Any]) -> AnyAgent:
    if given["model"] is None:
        return given["agent"] or "oracle"
    if given["agent"] is not None:
        raise UsageError("name a model or an agent, not both")
    settings = _settings(given["settings"])
    if given["base_url"] is None:
        raise UsageError("a model is reached by --base-url, as in https://api.openai.com/v1")
    temperature = {} if given["temperature"] is None else {"temperature": given["temperature"]}
    same = ("model", "base_url", "key_env", "form", "attempts", "pause", "timeout")
    return ChatModel(
        **{name: given[name] for name in same},
        settings={**settings, **temperature} if isinstance(settings, dict) else settings,
        send_seed=given["seed"] is not None,
    )


def _settings(text: str | None) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return None  # refused as a list would be, with what is right


def _prices(price_in: float | None, price_out: float | None) -> Prices | None:
    if (price_in is None) != (price_out is None):
        raise UsageError("name both prices, --price-in and --price-out, or neither")
    return None if price_in is None or price_out is None else Prices(price_in, price_out)
