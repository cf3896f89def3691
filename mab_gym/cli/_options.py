"""The options that ``eval``, ``rollout`` and ``ablate`` share, and the plan that is made from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mab_gym.agents._chat_model import KEY_VARIABLE, ChatModel
from mab_gym.agents._endpoint import APIS
from mab_gym.agents._loading import ENTRY_POINTS
from mab_gym.agents._model import FORMS
from mab_gym.envs._environment_file import SPLITS
from mab_gym.errors import UsageError
from mab_gym.runs._agent_spec import AnyAgent
from mab_gym.runs._evaluation import Plan
from mab_gym.runs._scores import AGENTS, Prices
from mab_gym.tasking._variants import VARIANTS

_MODEL, _CASES = "A chat model", "Cases"


def _case(text: str) -> Any:
    return typer.Option(help=text, rich_help_panel=_CASES)


def _model(text: str, **more: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=_MODEL, **more)


Out = Annotated[Path, typer.Option(help="The folder for the records. An interrupted run in it goes on.")]
Env = Annotated[str, _case("An environment's id or file; task code that a file names is executed.")]
Split = Annotated[str | None, _case(f"{', '.join(SPLITS)}: the sibling of --env.")]
Family = Annotated[str | None, _case("Only this family.")]
Difficulty = Annotated[str | None, _case("Only this difficulty.")]
Variant = Annotated[str | None, _case(f"One or more of {', '.join(VARIANTS)}, joined by +.")]
Limit = Annotated[int | None, _case("The greatest number of cases.")]
Repeat = Annotated[int, _case("The number of tries at each case, for pass@k.")]
MaxSteps = Annotated[int | None, _case("Actions after which an episode is truncated.")]
MaxObsChars = Annotated[int | None, _case("Characters after which an observation is cut off.")]
Seed = Annotated[
    int | None,
    typer.Option(help="The seed of the first episode; if you give it, a model gets it, too. (default: 0)", min=0),
]
Agent = Annotated[
    str | None,
    typer.Option(
        help=f"The agent: {', '.join(AGENTS)}, a name of the entry point group {ENTRY_POINTS}, or "
        "module:attribute, which is imported and executed. (default: oracle)"
    ),
]
Model = Annotated[str | None, _model("The model that plays.")]
BaseUrl = Annotated[str | None, _model("Its OpenAI-compatible endpoint.", envvar="OPENAI_BASE_URL")]
KeyEnv = Annotated[str, _model("The environment variable that holds the key.")]
Form = Annotated[str, _model("The form of its actions: text (the official form) or tools.")]
Reading = Annotated[
    str | None,
    _model("The rule by which its messages are read: lenient, or strict. (default: lenient; strict if official)"),
]
Api = Annotated[str, _model(f"The form of the requests: {', '.join(APIS)}.")]
Temperature = Annotated[float | None, _model("The temperature; sent only if you give it.", min=0.0)]
Settings = Annotated[str | None, _model("Further fields of each request, as in '{\"max_tokens\": 2000}'.")]
Attempts = Annotated[int, _model("The greatest number of tries of one request.", min=1)]
Pause = Annotated[float, _model("Seconds before the second try; doubled before each further one.", min=0.0)]
Timeout = Annotated[float, _model("Seconds after which a try fails whose answer is not whole.", min=0.001)]
PriceIn = Annotated[float | None, _model("Price of a million tokens read.", min=0.0)]
PriceOut = Annotated[float | None, _model("Price of a million tokens written.", min=0.0)]
Concurrency = Annotated[int, typer.Option(help="The number of episodes played at once.", min=1)]
Retries = Annotated[int, typer.Option(help="Further tries at an episode in which the record system failed.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, with raw numbers, and nothing else.")]

FORM, KEY_ENV, API = FORMS[0], KEY_VARIABLE, APIS[0]


def plan_of(given: Mapping[str, Any]) -> Plan:
    """Returns the plan of a command.

    Args:
        given: The parameters of the command by name, as typer has parsed them.

    Raises:
        UsageError: Two of them exclude each other, or one cannot be read.
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
    same = ("model", "base_url", "key_env", "form", "reading", "api", "attempts", "pause", "timeout")
    return ChatModel(
        **{name: given[name] for name in same},
        settings={**settings, **temperature} if isinstance(settings, dict) else settings,
        send_seed=given["seed"] is not None,
    )


def _settings(text: str | None) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return None  # ChatModel refuses it, with the right form


def _prices(price_in: float | None, price_out: float | None) -> Prices | None:
    if (price_in is None) != (price_out is None):
        raise UsageError("name both prices, --price-in and --price-out, or neither")
    return None if price_in is None or price_out is None else Prices(price_in, price_out)
