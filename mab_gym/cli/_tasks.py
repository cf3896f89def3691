"""``mab-gym tasks``: the task families and their cases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mab_gym.audit import Audit, Auditor, Memory, auditable, to_json
from mab_gym.audit._auditing import AUDITED
from mab_gym.audit._findings import MOST_BLIND, MOST_CONSTANT
from mab_gym.audit._graded import GROUP, GROUP_SKILLS, SKILLS
from mab_gym.audit._rules import LEAST_BITE, MOST_BY_SHORTCUT
from mab_gym.cli._console import counting, output
from mab_gym.cli._environment import make
from mab_gym.envs._environment_file import environment_files, read_environment
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._freeze import CASES_A_FAMILY, FREEZING_SEED
from mab_gym.tasking._freeze import freeze as freeze_cases
from mab_gym.tasking._variants import VARIANTS, idle_variants

app = typer.Typer(help="See the task families and their cases.", no_args_is_help=True, add_completion=False)

_SHORT = 72
"""Characters of an action that are shown in a table."""

Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="A folder of task families instead of the installed ones; its code is executed."),
]


@app.command(name="list")
def list_tasks(
    family: Annotated[str | None, typer.Argument(help="List this family's cases.")] = None, folder: Folder = None
) -> None:
    """List the task families, or one family's cases."""
    catalogue = load_catalogue(folder)
    if family is None:
        table = Table("#", "family", "kind", "difficulty", "cases", "asks")
        for each in catalogue.values():
            table.add_row(str(each.number), each.name, each.kind, each.difficulty, str(len(each.cases)), each.summary)
    else:
        table = Table("case", "branch", "parameters")
        for case in catalogue.family(family).cases:
            table.add_row(case.id, case.branch, ", ".join(f"{name}={value}" for name, value in case.params.items()))
    output.print(table)


@app.command()
def show(
    case: Annotated[str, typer.Argument(help="A case's id, as in latest_magnesium/07.")],
    env: Annotated[str, typer.Option(help="The environment.")] = DEFAULT_ENV,
    variant: Annotated[str | None, typer.Option(help=f"One or more of {', '.join(VARIANTS)}, joined by +.")] = None,
    seed: Annotated[int, typer.Option(help="The seed of the variants.")] = 0,
) -> None:
    """Show a case as an agent sees it."""
    made = make(env)
    observation, info = made.reset(seed=seed, options={"case": case, "variant": variant})
    current = unwrapped(made).episode.case
    output.print(observation["text"], markup=False, soft_wrap=True)
    branch = current.branch if current is not None else "–"
    output.rule()
    output.print(f"{info['case']} · {info['kind']} · {info['difficulty']} · branch {branch}")
    place = unwrapped(made).scenario
    if current is not None and place.environment.protocol == AUDITED:
        family = place.tasks.catalogue[current.family]
        idle = idle_variants(family, place.chart, place.backend.now.isoformat())
        output.print(f"variants that change nothing in {family.name}: {', '.join(idle) or 'none'}")


@app.command()
def audit(
    env: Annotated[
        str, typer.Option("--env", "--id", help="The environment whose cases are audited, or all.")
    ] = DEFAULT_ENV,
    seed: Annotated[int, typer.Option(help="The seed of the agents of graded skill.")] = 0,
    rollouts: Annotated[int, typer.Option(help="Their episodes for each case and skill.", min=1)] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what an agent can win without reading the chart, and if scores tell weak agents apart.

    If cases are drawn at every reset, show how many different ones there are.

    Exits with 1 if a limit is not kept.
    """
    rules = [read_environment(path) for path in environment_files()] if env == "all" else []
    skipped = {each.id: why for each in rules if (why := auditable(each)) is not None}
    memory: Memory = {}
    audits: list[Audit] = []
    for name in [each.id for each in rules if each.id not in skipped] if rules else [env]:
        auditor = Auditor(unwrapped(make(name)).scenario, memory)
        with counting(f"auditing {name}", len(list(auditor.families()))) as advance:
            audits.append(auditor.audit(seed, rollouts, advance))
        if not as_json:
            _print_audit(audits[-1])
    found = [to_json(each) for each in audits]
    if as_json:
        output.print_json(json.dumps({"environments": found, "skipped": skipped} if rules else found[0]))
    else:
        for name, why in skipped.items():
            output.print(f"not audited: {name}: {why}", markup=False)
    if any(each.faults() for each in audits):
        raise typer.Exit(1)


def _print_audit(found: Audit) -> None:
    """Prints an audit."""
    output.rule(found.environment)
    if found.distinct:
        output.print(_table_of_distinct(found))
    if not found.blind:
        _print_faults(found)
        return
    for table in audit_tables(found):
        output.print(table)
    output.print(
        f"without a GET: {sum(b.bound for b in found.reading)} of {sum(b.played for b in found.reading)} cases of the "
        f"{len(found.reading)} families that need reading ({found.blind_share:.1%}; limit {MOST_BLIND:.0%})"
    )
    best = found.constant
    output.print(
        f"the best one text: {best.solved} of {best.played} ({found.constant_share:.1%}; limit {MOST_CONSTANT:.0%}): "
        f"{best.text}",
        markup=False,
    )
    output.print(f"finishing at once: {found.at_once} of {found.cases} (limit 0)")
    output.print(_idle(found), markup=False)
    _print_faults(found)


def _print_faults(found: Audit) -> None:
    for fault in found.faults():
        output.print(f"not kept: {fault}", markup=False)


def _table_of_distinct(found: Audit) -> Table:
    """Returns a table of the number of different cases in each family."""
    limit = f" (limit: {found.wanted:,} at least)" if found.wanted else ""
    table = Table(title=f"Different cases that can be drawn{limit}", title_justify="left")
    table.add_column("family", no_wrap=True)
    table.add_column("cases", justify="right")
    for family, count in found.distinct.items():
        table.add_row(family, f"{count:,}")
    return table


def audit_tables(found: Audit) -> Iterator[Table]:
    """Yields the tables of an audit."""
    table = Table(title="Branches", title_justify="left")
    table.add_column("family", no_wrap=True)
    table.add_column("cases of each branch")
    for family, shares in found.branches.items():
        table.add_row(family, ", ".join(f"{branch} {count}" for branch, count in shares.items()))
    yield table
    table = Table(title="What can be won without a GET", title_justify="left")
    table.add_column("family", no_wrap=True)
    table.add_column("solved", justify="right", no_wrap=True)
    table.add_column("credit", justify="right")
    table.add_column("texts tried", justify="right")
    table.add_column("the best of them")
    for blind in found.blind:
        solved = f"{blind.bound} of {blind.played}" + ("" if blind.needs_reading else " *")
        table.add_row(blind.family, solved, f"{blind.credit:.2f}", f"{blind.tried:,}", escape(_in_short(blind.text)))
    if len(found.reading) < len(found.blind):
        table.caption = "* needs no reading: all that is asked for stands in the prompt"
    yield table
    table = Table(title="Solved by players who get each step right with a probability, in %", title_justify="left")
    table.add_column("family", no_wrap=True)
    for skill in SKILLS:
        table.add_column(f"{skill:g}", justify="right")
    for each in found.graded:
        table.add_row(each.family, *(f"{100 * each.success[skill]:.0f}" for skill in SKILLS))
    yield table
    table = Table(title=f"Groups of {GROUP} rollouts whose rewards are not all equal, in %", title_justify="left")
    table.add_column("family", no_wrap=True)
    for kind in ("sparse", "partial"):
        for skill in GROUP_SKILLS:
            table.add_column(f"{kind}\nat {skill:g}", justify="right")
    for each in found.graded:
        telling = [each.telling[kind][skill] for kind in ("sparse", "partial") for skill in GROUP_SKILLS]
        table.add_row(each.family, *(f"{100 * share:.0f}" for share in telling))
    yield table
    yield from _tables_of_the_careless(found)


def _tables_of_the_careless(found: Audit) -> Iterator[Table]:
    """Yields tables of rules that matter, of shortcuts, and of the credit of careless policies."""
    title = f"Cases lost by who breaks a rule (at least {LEAST_BITE:.0%}), and won by a shortcut (at most "
    table = Table(title=f"{title}{MOST_BY_SHORTCUT:.0%})", title_justify="left")
    table.add_column("family", no_wrap=True)
    table.add_column("lost without the rule")
    table.add_column("won by the shortcut")
    for rules in found.rules:
        shown = [", ".join(f"{name} {count}" for name, count in part.items()) for part in (rules.lost, rules.won)]
        table.add_row(f"{rules.family} ({rules.played})", *shown)
    yield table
    if not any(policies.credit for policies in found.policies):
        return
    table = Table(title="Mean partial credit of policies, the most first", title_justify="left")
    table.add_column("family", no_wrap=True)
    table.add_column("policies")
    for policies in found.policies:
        if policies.credit:
            table.add_row(policies.family, ", ".join(f"{name} {share:.2f}" for name, share in policies.credit.items()))
    yield table


def _idle(found: Audit) -> str:
    """Returns a line about variants that change nothing."""
    told = [f"{family}: {', '.join(idle)}" for family, idle in found.idle.items() if idle]
    return f"variants that change nothing: {'; '.join(told) or 'none'}"


def _in_short(text: Sequence[str]) -> str:
    """Shortens actions to their first lines, without the bodies of orders."""
    heads = (re.sub(r"^POST \S*/", "POST ", action.partition("\n")[0]) for action in text)
    return ", ".join(head if len(head) <= _SHORT else head[:_SHORT] + "…" for head in heads)


@app.command()
def freeze(
    family: Annotated[str, typer.Argument(help="The family whose cases.jsonl and gold.jsonl are written again.")],
    folder: Folder = None,
    count: Annotated[int, typer.Option(help="The number of cases.")] = CASES_A_FAMILY,
    seed: Annotated[int, typer.Option(help="Equal seeds freeze equal cases.")] = FREEZING_SEED,
    env: Annotated[str, typer.Option(help="The environment from whose chart the cases are drawn.")] = DEFAULT_ENV,
) -> None:
    """Draw a family's canonical cases and write them, with their gold runs, into its folder (for authors)."""
    from mab_gym._content import bundled_folder  # noqa: PLC0415

    place = (folder or bundled_folder("tasks")) / family
    if not place.is_dir():
        raise UsageError(f"there is no family folder {place}")
    scenario = unwrapped(make(env)).scenario
    chosen = load_catalogue(folder).family(family)
    for path in freeze_cases(chosen, place, scenario.backend, scenario.chart, count=count, seed=seed):
        output.print(f"{count} cases written to {path}", markup=False, soft_wrap=True)
    output.print("gold.jsonl holds what the gold solutions do: read it before you trust it, tests compare with it")
