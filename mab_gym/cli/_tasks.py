"""``mab-gym tasks``: the task families and their cases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mab_gym import _tables as t
from mab_gym.audit import Audit, Auditor, Memory, auditable, to_json
from mab_gym.audit._auditing import AUDITED
from mab_gym.audit._findings import MOST_BLIND, MOST_CONSTANT
from mab_gym.audit._graded import GROUP, SKILLS
from mab_gym.audit._rules import LEAST_BITE, MOST_BY_SHORTCUT
from mab_gym.cli import _options as o
from mab_gym.cli._console import counting, output
from mab_gym.cli._environment import make
from mab_gym.cli._output import present, write_json
from mab_gym.envs._environment_file import environment_files, read_environment
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._freeze import CASES_A_FAMILY, FREEZING_SEED
from mab_gym.tasking._freeze import freeze as freeze_cases
from mab_gym.tasking._variants import VARIANTS, idle_variants

app = typer.Typer(help="See the task families and their cases.", no_args_is_help=True, add_completion=False)

Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="A folder of task families instead of the installed ones; its code is executed."),
]


def _pairs(form: str) -> t.Kind:
    """Returns the kind of a column of names with values."""
    return t.Kind(lambda pairs: ", ".join(form.format(*pair) for pair in pairs.items()), right=False, prose=True)


_FAMILY = t.Column("family", "family")


@app.command(name="list")
def list_tasks(
    family: Annotated[str | None, typer.Argument(help="List this family's cases.")] = None,
    folder: Folder = None,
    as_json: o.Json = False,
) -> None:
    """List the task families, or one family's cases."""
    catalogue = load_catalogue(folder)
    if family is None:
        columns = [
            t.Column("#", "number", t.COUNT),
            *(t.Column(name, name) for name in ("family", "kind", "difficulty")),
            t.Column("cases", "cases", t.COUNT),
            t.Column("asks", "summary", t.PROSE),
        ]
        rows: list[tuple[Any, ...]] = [
            (each.number, each.name, each.kind, each.difficulty, len(each.cases), each.summary)
            for each in catalogue.values()
        ]
        table = t.Table("families", "", columns, rows, names=2)
    else:
        columns = [
            t.Column("case", "case"),
            t.Column("branch", "branch"),
            t.Column("parameters", "params", _pairs("{}={}")),
        ]
        rows = [(case.id, case.branch, dict(case.params)) for case in catalogue.family(family).cases]
        table = t.Table("cases", "", columns, rows)
    present(table, as_json=as_json)


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
    family: Annotated[str | None, typer.Option(help="This family alone.")] = None,
    as_json: o.Json = False,
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
        chosen = {} if family is None else {"families": (family,)}
        auditor = Auditor(unwrapped(make(name, **chosen)).scenario, memory)
        with counting(f"auditing {name}", len(list(auditor.families()))) as advance:
            audits.append(auditor.audit(seed, rollouts, advance))
        if not as_json:
            _print_audit(audits[-1])
    found = [to_json(each) for each in audits]
    if as_json:
        write_json({"environments": found, "skipped": skipped} if rules else found[0])
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


def _table_of_distinct(found: Audit) -> t.Table:
    """Returns a table of the number of different cases in each family."""
    limit = f" (limit: {found.wanted:,} at least)" if found.wanted else ""
    columns = [_FAMILY, t.Column("cases", "cases", t.COUNT)]
    return t.Table("distinct", f"Different cases that can be drawn{limit}", columns, list(found.distinct.items()))


def audit_tables(found: Audit) -> Iterator[t.Table]:
    """Yields the tables of an audit."""
    columns = [_FAMILY, t.Column("cases of each branch", "branches", _pairs("{} {}"))]
    yield t.Table("branches", "Branches", columns, list(found.branches.items()))
    columns = [
        _FAMILY,
        t.Column("solved", "solved"),
        t.Column("credit", "credit", t.TWO),
        t.Column("texts tried", "tried", t.COUNT),
        t.Column("the best of them", "text", t.Kind(_in_short, right=False, prose=True)),
    ]
    rows: list[tuple[Any, ...]] = []
    for blind in found.blind:
        solved = f"{blind.bound} of {blind.played}" + ("" if blind.needs_reading else " *")
        rows.append((blind.family, solved, blind.credit, blind.tried, blind.text))
    note = "* needs no reading: all that is asked for stands in the prompt"
    some = len(found.reading) < len(found.blind)
    yield t.Table("blind", "What can be won without a GET", columns, rows, note=note if some else "")
    columns = [_FAMILY, *(t.Column(f"{skill:g}", f"{skill:g}", t.WHOLE_PERCENT) for skill in SKILLS)]
    title = "Solved by players who get each step right with a probability, in %"
    rows = [(each.family, *(each.success[skill] for skill in SKILLS)) for each in found.graded]
    yield t.Table("graded", title, columns, rows)
    credited = [(each.family, *(each.credit[skill] for skill in SKILLS)) for each in found.graded if each.credit]
    if credited:
        yield t.Table("graded_credit", "Mean partial credit of the same players, in %", columns, credited)
    there = sorted({skill for each in found.graded for skill in each.telling["partial"]})
    skills = [(kind, skill) for kind in ("sparse", "partial") for skill in there]
    columns = [
        _FAMILY,
        *(t.Column(f"{kind}\nat {skill:g}", f"{kind}_{skill:g}", t.WHOLE_PERCENT) for kind, skill in skills),
    ]
    rows = [(each.family, *(each.telling[kind].get(skill) for kind, skill in skills)) for each in found.graded]
    yield t.Table("groups", f"Groups of {GROUP} rollouts whose rewards are not all equal, in %", columns, rows)
    yield from _tables_of_the_careless(found)


def _tables_of_the_careless(found: Audit) -> Iterator[t.Table]:
    """Yields tables of rules that matter, of shortcuts, and of the credit of careless policies."""
    title = f"Cases lost by who breaks a rule (at least {LEAST_BITE:.0%}), and won by a shortcut (at most "
    columns = [
        _FAMILY,
        t.Column("lost without the rule", "lost", _pairs("{} {}")),
        t.Column("won by the shortcut", "won", _pairs("{} {}")),
    ]
    rows: list[tuple[Any, ...]] = [(f"{each.family} ({each.played})", each.lost, each.won) for each in found.rules]
    most = max((each.most for each in found.rules), default=MOST_BY_SHORTCUT)
    yield t.Table("rules", f"{title}{most:.0%})", columns, rows)
    credited = [(policies.family, policies.credit) for policies in found.policies if policies.credit]
    if credited:
        columns = [_FAMILY, t.Column("policies", "credit", _pairs("{} {:.2f}"))]
        yield t.Table("policies", "Mean partial credit of policies, the most first", columns, credited)


def _idle(found: Audit) -> str:
    """Returns a line about variants that change nothing."""
    told = [f"{family}: {', '.join(idle)}" for family, idle in found.idle.items() if idle]
    return f"variants that change nothing: {'; '.join(told) or 'none'}"


def _in_short(text: Sequence[str]) -> str:
    """Shortens actions to their first lines, without the bodies of orders."""
    return ", ".join(re.sub(r"^POST \S*/", "POST ", action.partition("\n")[0]) for action in text)


@app.command()
def freeze(
    family: Annotated[str, typer.Argument(help="The family whose cases.jsonl and gold.jsonl are written again.")],
    folder: Folder = None,
    count: Annotated[int, typer.Option(help="The number of cases.")] = CASES_A_FAMILY,
    seed: Annotated[int, typer.Option(help="Equal seeds freeze equal cases.")] = FREEZING_SEED,
    env: Annotated[str, typer.Option(help="The environment from whose chart the cases are drawn.")] = DEFAULT_ENV,
    validation: Annotated[
        bool, typer.Option("--validation", help="Write validation.jsonl, from the chart of other people.")
    ] = False,
) -> None:
    """Draw a family's canonical cases and write them, with their gold runs, into its folder (for authors)."""
    from mab_gym._content import bundled_folder  # noqa: PLC0415

    tasks = folder or bundled_folder("tasks")
    place = tasks / family
    if not place.is_dir():  # it may lie in a service
        place = next((found.parent for found in tasks.glob(f"*/{family}/task.toml")), place)
    if not place.is_dir():
        raise UsageError(f"there is no family folder {place}")
    scenario = unwrapped(make(env)).scenario
    chosen = load_catalogue(folder).family(family)
    written = freeze_cases(
        chosen, place, scenario.backend, scenario.chart, count=count, seed=seed, validation=validation
    )
    for path in written:
        output.print(f"{count} cases written to {path}", markup=False, soft_wrap=True)
    if not validation:
        output.print("gold.jsonl holds what the gold solutions do: read it before you trust it, tests compare with it")
