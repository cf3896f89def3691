"""What can be said of who plays what, once for all commands that play: ``eval`` and ``ablate``."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, get_type_hints

import typer

from mab_gym.agents._endpoint import ATTEMPTS, PAUSE, TIMEOUT
from mab_gym.agents._loading import ENTRY_POINTS
from mab_gym.agents._model import FORMS
from mab_gym.cli._environment import DEFAULT_ENV
from mab_gym.envs._environment_file import SPLITS
from mab_gym.errors import UsageError
from mab_gym.runs._rollout import RETRIES
from mab_gym.runs._scores import AGENTS, Prices
from mab_gym.tasking._variants import VARIANTS

KEY_VARIABLE = "OPENAI_API_KEY"
_MODEL = "A chat model"
_CASES = "What to play"


@dataclass(frozen=True)
class Plan:
    """Who plays what, as the command line says it; each attribute is an option of its name, explained by its help."""

    env: Annotated[
        str, typer.Option(help="An environment's id or file; task code that a file names runs.", rich_help_panel=_CASES)
    ] = DEFAULT_ENV
    split: Annotated[
        str | None, typer.Option(help=f"{', '.join(SPLITS)}: the sibling of --env.", rich_help_panel=_CASES)
    ] = None
    family: Annotated[str | None, typer.Option(help="Only this family.", rich_help_panel=_CASES)] = None
    difficulty: Annotated[str | None, typer.Option(help="Only this difficulty.", rich_help_panel=_CASES)] = None
    variant: Annotated[
        str | None, typer.Option(help=f"One or more of {', '.join(VARIANTS)}, joined by +.", rich_help_panel=_CASES)
    ] = None
    limit: Annotated[int | None, typer.Option(help="At most so many cases.", rich_help_panel=_CASES)] = None
    repeat: Annotated[int, typer.Option(help="How often each is played, for pass@k.", rich_help_panel=_CASES)] = 1
    seed: Annotated[
        int | None,
        typer.Option(help="The first episode's seed; named here, it is sent to a model, too. (default: 0)", min=0),
    ] = None
    max_steps: Annotated[
        int | None, typer.Option(help="Actions after which an episode is truncated.", rich_help_panel=_CASES)
    ] = None
    max_obs_chars: Annotated[
        int | None, typer.Option(help="Characters after which an observation is cut off.", rich_help_panel=_CASES)
    ] = None
    agent: Annotated[
        str | None,
        typer.Option(
            help=f"Who plays: {', '.join(AGENTS)}, a name of the entry point group {ENTRY_POINTS}, or "
            "module:attribute, which is imported and runs. (default: oracle)"
        ),
    ] = None
    model: Annotated[str | None, typer.Option(help="The model that plays.", rich_help_panel=_MODEL)] = None
    base_url: Annotated[
        str | None,
        typer.Option(envvar="OPENAI_BASE_URL", help="Its OpenAI-compatible endpoint.", rich_help_panel=_MODEL),
    ] = None
    key_env: Annotated[
        str, typer.Option(help="The environment variable that holds the key.", rich_help_panel=_MODEL)
    ] = KEY_VARIABLE
    form: Annotated[
        str, typer.Option(help="How it acts: text (the official form) or tools.", rich_help_panel=_MODEL)
    ] = FORMS[0]
    temperature: Annotated[
        float | None, typer.Option(help="Sent where it is named.", min=0.0, rich_help_panel=_MODEL)
    ] = None
    settings: Annotated[
        str | None,
        typer.Option(help="Further fields of each request, as in '{\"max_tokens\": 2000}'.", rich_help_panel=_MODEL),
    ] = None
    attempts: Annotated[int, typer.Option(help="How often a request is tried.", min=1, rich_help_panel=_MODEL)] = (
        ATTEMPTS
    )
    pause: Annotated[
        float, typer.Option(help="Seconds before the second try; they double.", min=0.0, rich_help_panel=_MODEL)
    ] = PAUSE
    timeout: Annotated[
        float, typer.Option(help="Seconds without a word from the endpoint.", min=0.001, rich_help_panel=_MODEL)
    ] = TIMEOUT
    price_in: Annotated[
        float | None, typer.Option(help="Price of a million tokens read.", min=0.0, rich_help_panel=_MODEL)
    ] = None
    price_out: Annotated[
        float | None, typer.Option(help="Price of a million tokens written.", min=0.0, rich_help_panel=_MODEL)
    ] = None
    concurrency: Annotated[int, typer.Option(help="Episodes that are played at once.", min=1)] = 1
    retries: Annotated[
        int, typer.Option(help="How often an episode is played again that the record system spoils.", min=0)
    ] = RETRIES

    @property
    def prices(self) -> Prices | None:
        """What tokens cost; None where nobody said.

        Raises:
            UsageError: One of the two prices is missing.
        """
        if (self.price_in is None) != (self.price_out is None):
            raise UsageError("name both prices, --price-in and --price-out, or neither")
        return None if self.price_in is None or self.price_out is None else Prices(self.price_in, self.price_out)

    @property
    def first_seed(self) -> int:
        """The first episode's seed."""
        return self.seed or 0

    @property
    def request_fields(self) -> dict[str, Any]:
        """The further fields of each request to a model.

        Raises:
            UsageError: ``settings`` is no JSON object, or has a field that is not for the caller to choose.
        """
        try:
            given = json.loads(self.settings or "{}")
        except ValueError:
            given = None
        if not isinstance(given, dict) or given.keys() & {"model", "messages", "tools", "stream", "n"}:
            raise UsageError(
                'settings are a JSON object of further fields, as in {"max_tokens": 2000}; model, messages, tools, '
                "stream and n are not among them"
            )
        return given | ({} if self.temperature is None else {"temperature": self.temperature})


def with_plan(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of a `Plan` in the place of its parameter ``plan``."""
    hints = get_type_hints(command, include_extras=True)
    types = get_type_hints(Plan, include_extras=True)
    shown: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name != "plan":
            shown.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        for each in fields(Plan):
            if each.default is MISSING:
                raise TypeError(f"the option {each.name} has no default")
            shown.append(
                inspect.Parameter(
                    each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=types[each.name]
                )
            )

    @functools.wraps(command)
    def planned(**given: Any) -> None:
        plan = Plan(**{each.name: given.pop(each.name) for each in fields(Plan)})
        command(**given, plan=plan)

    # What typer reads: the signature with all options, and their types.
    planned.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    planned.__annotations__ = {parameter.name: parameter.annotation for parameter in shown} | {"return": None}
    del planned.__wrapped__
    return planned
