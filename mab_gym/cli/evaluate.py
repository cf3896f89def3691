"""``mab-gym eval``: plays an environment with an agent and writes a record an episode."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import typer

from mab_gym import __version__
from mab_gym.agents import Agent
from mab_gym.agents.endpoint import ATTEMPTS, PAUSE, TIMEOUT, ChatEndpoint
from mab_gym.agents.loading import ENTRY_POINTS, agent_factory, is_one_object, offered
from mab_gym.agents.model import FORMS, TextModel, ToolModel
from mab_gym.cli.console import errors, output, score_table
from mab_gym.cli.environment import DEFAULT_ENV, SPLITS, make, sibling
from mab_gym.cli.running import Tally, show_estimates, watching
from mab_gym.environments import CONTAINER, Environment
from mab_gym.errors import AgentLostError, UsageError
from mab_gym.evaluate import AGENTS, Prices
from mab_gym.parallel import Seat, play_at_once
from mab_gym.records import RunFolder, read_records
from mab_gym.rollout import RETRIES, assignments, unwrapped
from mab_gym.tasking.variants import VARIANTS, read_variants

KEY_VARIABLE = "OPENAI_API_KEY"
_MODEL = "A chat model"
_CASES = "What to play"


@dataclass(frozen=True, slots=True)
class Player:
    """Who plays: what makes an agent for an environment, what to say of it in ``run.json``, and what to keep quiet."""

    make: Callable[[gymnasium.Env[Any, str]], Agent]
    about: dict[str, Any]
    secrets: tuple[str, ...] = ()
    is_reference: bool = False


def evaluate(
    out: Annotated[Path, typer.Option(help="The folder for the records. An interrupted run in it goes on.")],
    env: Annotated[str, typer.Option(help="An environment's id or file.", rich_help_panel=_CASES)] = DEFAULT_ENV,
    split: Annotated[
        str | None, typer.Option(help=f"{', '.join(SPLITS)}: the sibling of --env.", rich_help_panel=_CASES)
    ] = None,
    family: Annotated[str | None, typer.Option(help="Only this family.", rich_help_panel=_CASES)] = None,
    difficulty: Annotated[str | None, typer.Option(help="Only this difficulty.", rich_help_panel=_CASES)] = None,
    variant: Annotated[
        str | None, typer.Option(help=f"One or more of {', '.join(VARIANTS)}, joined by +.", rich_help_panel=_CASES)
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many cases.", rich_help_panel=_CASES)] = None,
    repeat: Annotated[int, typer.Option(help="How often each is played, for pass@k.", rich_help_panel=_CASES)] = 1,
    seed: Annotated[
        int | None,
        typer.Option(help="The first episode's seed; named here, it is sent to a model, too. (default: 0)", min=0),
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Actions after which an episode is truncated.", rich_help_panel=_CASES)
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(
            help=f"Who plays: {', '.join(AGENTS)}, a name of the entry point group {ENTRY_POINTS}, or "
            "module:attribute. (default: oracle)"
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model that plays.", rich_help_panel=_MODEL)] = None,
    base_url: Annotated[
        str | None,
        typer.Option(envvar="OPENAI_BASE_URL", help="Its OpenAI-compatible endpoint.", rich_help_panel=_MODEL),
    ] = None,
    key_env: Annotated[
        str, typer.Option(help="The environment variable that holds the key.", rich_help_panel=_MODEL)
    ] = KEY_VARIABLE,
    form: Annotated[
        str, typer.Option(help="How it acts: text (the official form) or tools.", rich_help_panel=_MODEL)
    ] = FORMS[0],
    temperature: Annotated[
        float | None, typer.Option(help="Sent where it is named.", min=0.0, rich_help_panel=_MODEL)
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option(help="Further fields of each request, as in '{\"max_tokens\": 2000}'.", rich_help_panel=_MODEL),
    ] = None,
    attempts: Annotated[
        int, typer.Option(help="How often a request is tried.", min=1, rich_help_panel=_MODEL)
    ] = ATTEMPTS,
    pause: Annotated[
        float, typer.Option(help="Seconds before the second try; they double.", min=0.0, rich_help_panel=_MODEL)
    ] = PAUSE,
    timeout: Annotated[
        float, typer.Option(help="Seconds without a word from the endpoint.", min=0.001, rich_help_panel=_MODEL)
    ] = TIMEOUT,
    price_in: Annotated[
        float | None, typer.Option(help="Price of a million tokens read.", min=0.0, rich_help_panel=_MODEL)
    ] = None,
    price_out: Annotated[
        float | None, typer.Option(help="Price of a million tokens written.", min=0.0, rich_help_panel=_MODEL)
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Episodes that are played at once.", min=1)] = 1,
    retries: Annotated[
        int, typer.Option(help="How often an episode is played again that the record system spoils.", min=0)
    ] = RETRIES,
) -> None:
    """Play an environment and write one JSON line an episode, as it ends. The same command goes on after a crash."""
    halt = threading.Event()
    if (price_in is None) != (price_out is None):
        raise UsageError("name both prices, --price-in and --price-out, or neither")
    if model is None:
        player = _without_model(agent or "oracle", concurrency)
    elif agent is not None:
        raise UsageError("name a model or an agent, not both")
    else:
        asked = _settings(settings) | ({} if temperature is None else {"temperature": temperature})
        key = os.environ.get(key_env) or None
        player = _with_model(model, base_url, key, form, asked, seed is not None, (attempts, pause, timeout), halt)
    name = env if split is None else sibling(env, split)
    rules = {} if max_steps is None else {"max_steps": max_steps}
    made = [make(name, **rules)]
    workplace = unwrapped(made[0]).workplace
    first = seed or 0
    todo = assignments(unwrapped(made[0]), family=family, difficulty=difficulty, limit=limit, seed=first, repeat=repeat)
    variants = "+".join(read_variants(variant)) or None
    options = {"variant": variants}
    if not workplace.tasks.cases:
        options |= {"family": family, "difficulty": difficulty}
    made += [make(name, **rules) for _ in range(min(at_once(workplace.environment, concurrency), len(todo)) - 1)]
    seats = [Seat(each, player.make(each)) for each in made]
    who = seats[0].agent.name
    about = {
        "mab_gym": __version__,
        "env": workplace.environment.id,
        "file": name if name.endswith(".toml") else None,
        "agent": who,
        **player.about,
        "protocol": workplace.environment.protocol,
        "max_steps": workplace.environment.max_steps,
        "family": family,
        "difficulty": difficulty,
        "variant": variants,
        "archive": workplace.backend.digest,
        "seed": first,
        "repeat": repeat,
        "episodes": len(todo),
    }
    prices = None if price_in is None or price_out is None else Prices(price_in, price_out)
    tally = Tally(len(todo), prices)
    begun = time.perf_counter()
    with RunFolder(out, about, player.secrets) as folder:
        for record in folder.before:
            tally.add(record)
        done = {(record.seed, record.repeat) for record in folder.before if record.counts}
        left = [assignment for assignment in todo if (assignment.seed, assignment.repeat) not in done]
        if not left and player.is_reference:
            raise UsageError(f"{out} holds a run already, and it is whole; name another folder (nothing was changed)")
        if folder.before and left:
            errors.print(
                f"going on in {out}: {len(done)} of {len(todo)} episodes are there", markup=False, soft_wrap=True
            )
        try:
            if left:
                with watching(f"{who} plays {workplace.environment.id}", tally) as advance:
                    for played in play_at_once(seats, left, options, retries, halt):
                        cost = None if prices is None else prices.cost(played.tokens_in, played.tokens_out)
                        record = replace(played, cost=cost)
                        folder.add(record)
                        tally.add(record.scores_only)
                        advance()
        except (KeyboardInterrupt, AgentLostError) as stopped:
            # The last episode may have been kept and not counted, or the other way round: the file knows.
            kept = sum(1 for record in read_records(out) if record["agent_error"] is None)
            lost = isinstance(stopped, AgentLostError)
            why = f", because {stopped}; the same command goes on from there" if lost else ""
            errors.print(
                f"stopped after {kept} of {len(todo)} episodes{why}; their records are in {folder.path}",
                markup=False,
                soft_wrap=True,
            )
            raise typer.Exit(1 if lost else 130) from None
    _show(tally, workplace.environment.id, who, time.perf_counter() - begun, repeat, first, folder.path)


def at_once(environment: Environment, concurrency: int) -> int:
    """How many episodes may be under way: no more than there are containers, where the record system is one.

    An episode that waits for another one's container may take it away from a slow model.
    """
    if environment.backend != CONTAINER or concurrency <= environment.servers:
        return concurrency
    errors.print(
        f"{environment.id} has servers = {environment.servers}, so no more episodes are played at once",
        markup=False,
        soft_wrap=True,
    )
    return environment.servers


def _show(tally: Tally, env: str, who: str, seconds: float, repeat: int, seed: int, path: Path) -> None:
    records = tally.records
    output.print(score_table(f"{env}: success rate in %", [(who, records, seconds)]))
    show_estimates(records, repeat, seed)
    if tally.spent is not None:
        output.print(tally.spent, markup=False, soft_wrap=True)
    output.print(f"records: {path}", markup=False, soft_wrap=True)
    spoiled = [record.infrastructure_error for record in records if record.infrastructure_error is not None]
    failed = [record.agent_error for record in records if record.agent_error is not None]
    for what, faults in (("the record system failed", spoiled), ("what carries the agent failed", failed)):
        if faults:
            errors.print(
                f"{len(faults)} of {len(records)} episodes do not count, because {what}: {faults[0]}; "
                "the same command plays them again",
                markup=False,
                soft_wrap=True,
            )
    if spoiled or failed:
        raise typer.Exit(1)


def _without_model(agent: str, concurrency: int) -> Player:
    if agent in AGENTS:
        return Player(AGENTS[agent], {}, is_reference=True)
    if ":" not in agent and agent not in offered():
        there = ", ".join([*AGENTS, *offered()])
        raise UsageError(f"there is no agent {agent!r}; there are: {there}, and your own as module:attribute")
    if concurrency > 1 and is_one_object(agent):
        raise UsageError(
            f"{agent} is one agent and plays one episode at a time; name a class or function that makes one"
        )
    factory = agent_factory(agent)
    return Player(lambda env: factory(), {"object": agent})


def _with_model(
    model: str,
    base_url: str | None,
    key: str | None,
    form: str,
    settings: dict[str, Any],
    seeded: bool,
    patience: tuple[int, float, float],
    halt: threading.Event,
) -> Player:
    if base_url is None:
        raise UsageError("a model is reached by --base-url, as in https://api.openai.com/v1")
    if form not in FORMS:
        raise UsageError(f"a model's form is {' or '.join(FORMS)}, not {form!r}")
    attempts, pause, timeout = patience
    endpoint = ChatEndpoint(base_url, model, key, settings, attempts, pause, timeout, halt)
    made = TextModel if form == "text" else ToolModel
    about = {"model": model, "base_url": base_url, "form": form, "settings": settings, "seed_sent": seeded}
    return Player(lambda env: made(endpoint, seeded), about, () if endpoint.key is None else (endpoint.key,))


def _settings(text: str | None) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict) or given.keys() & {"model", "messages", "tools", "stream", "n"}:
        raise UsageError(
            'settings are a JSON object of further fields, as in {"max_tokens": 2000}; model, messages, tools, stream '
            "and n are not among them"
        )
    return given
