"""``mab-gym data show`` and ``mab-gym data patients``: one patient's chart for people, and the list of patients."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mab_gym import _tables as t
from mab_gym.charts._chart import read_chart
from mab_gym.charts._page import page
from mab_gym.charts._summary import patients
from mab_gym.charts._terminal import chart_tables, rendered
from mab_gym.cli import _options as o
from mab_gym.cli._cohorts import DEFAULT, MEANT, Cohort, CohortOption, cohort_and_patient, meant, opened
from mab_gym.cli._console import output
from mab_gym.cli._output import present
from mab_gym.errors import UsageError
from mab_gym.fhir.http._server import DEFAULT_NOW


def show(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[COHORT] MRN",
            help=f"{MEANT} [default: {DEFAULT}] Then the MRN of the patient; `mab-gym data patients` lists them.",
        ),
    ],
    option: CohortOption = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots to this file instead.")] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="Show long lists to their ends, every stay, and the texts of notes.")
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Show a patient's chart: stays on one time axis, conditions, medications, results, notes."""
    cohort, mrn = cohort_and_patient(words, option)
    archive = opened(cohort)
    chart, now = read_chart(archive, mrn), archive.now or DEFAULT_NOW
    if html is None:
        if as_json:
            age = chart.age(now)
            person = {"mrn": chart.mrn, "name": chart.name, "gender": chart.gender, "born": chart.born, "age": age}
            present(*chart_tables(chart), as_json=True, patient=person, facts=chart.facts)
            return
        for piece in rendered(chart, now, whole=whole):
            output.print(piece)
        return
    text = page(chart, now)
    try:
        html.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{html} cannot be written: {error.strerror}") from None
    output.print(f"{html} ({len(text.encode()) / 1e6:.1f} MB)", markup=False, soft_wrap=True)


def list_patients(
    cohort: Cohort = None,
    option: CohortOption = None,
    find: Annotated[
        str, typer.Option(help="Only people whose name or MRN contains this, without regard to case and accents.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="The greatest number of people.")] = 50,
    as_json: o.Json = False,
) -> None:
    """List the people of a cohort."""
    shown = list(islice(patients(opened(meant(cohort, option)), find), limit + 1))
    columns = [
        t.Column("MRN", "mrn"),
        t.Column("name", "name", t.PROSE),
        t.Column("sex", "gender"),
        t.Column("born", "born"),
        t.Column("observations", "observations", t.COUNT),
    ]
    table = t.Table("patients", "", columns, shown[:limit])
    lines = [] if shown else [f"nobody's name or MRN holds {find!r}"]
    more = len(shown) > limit
    lines += [f"and more (--limit, --find); these are the first {limit}"] if more else []
    present(*([table] if shown or as_json else ()), as_json=as_json, lines=lines, more=more)
