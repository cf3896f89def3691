"""``mab-gym data info``: the contents of an archive, in figures."""

from __future__ import annotations

import dataclasses

from mab_gym import _tables as t
from mab_gym.charts._summary import KindFigures, People, summarize
from mab_gym.cli import _options as o
from mab_gym.cli._cohorts import Cohort, CohortOption, existing_archive, meant
from mab_gym.cli._output import present, write_json
from mab_gym.fhir.http._server import DEFAULT_NOW
from mab_gym.fhir.store._archive import open_archive


def info(
    cohort: Cohort = None,
    option: CohortOption = None,
    as_json: o.Json = False,
) -> None:
    """Show what a cohort's archive holds: counts, people, conditions, results."""
    name = meant(cohort, option)
    path = existing_archive(name)
    archive = open_archive(path)
    found = summarize(archive, archive.now or DEFAULT_NOW)
    if as_json:
        more = {"path": str(path), "bytes": path.stat().st_size, "digest": archive.digest, "about": dict(archive.about)}
        write_json({**dataclasses.asdict(found), **more})
        return
    records = sum(count for kind, count in found.counts.items() if kind != "Patient")
    counts = [t.Column("resource type", "type"), t.Column("count", "count", t.COUNT)]
    rows = [*found.counts.items(), ("records (without Patient)", records)]
    tables = [t.Table("counts", f"{name}: {path}", counts, rows), _people(found.profiles, found.everybody)]
    if found.conditions:
        tables.append(_kinds("condition", found.conditions, found.profiles.count, values=False))
    if found.results:
        tables.append(_kinds("result", found.results, found.profiles.count, values=True))
    lines = []
    if found.observations:
        least, median, most = found.observations
        span = f"{found.first} to {found.last}"
        lines.append(f"observations a person: median {median:,} ({least:,} to {most:,}), {span}")
    seed = archive.about.get("seed")
    made = f"seed: {seed}" if seed is not None else f"from: {archive.about.get('source', '–')}"
    lines += [f"{made}, size: {path.stat().st_size / 1e6:.1f} MB", f"digest: {archive.digest}"]
    present(*tables, as_json=False, lines=lines)


def _people(profiles: People, everybody: People) -> t.Table:
    columns = [
        t.Column("people", "people"),
        t.Column("count", "count", t.COUNT),
        t.Column("mean age", "mean_age", t.TWO),
        t.Column("SD", "spread", t.TWO),
        t.Column("female, %", "female", t.WHOLE_PERCENT),
    ]
    said = (("with a chart", profiles), ("all", everybody))
    rows = [(who, each.count, each.mean_age, each.spread, each.female) for who, each in said]
    return t.Table("people", "", columns, rows)


def _kinds(what: str, kinds: list[KindFigures], people: int, *, values: bool) -> t.Table:
    columns = [
        t.Column(what, "name", t.PROSE),
        t.Column("count", "count", t.COUNT),
        t.Column("people, %", "share", t.WHOLE_PERCENT),
    ]
    if values:
        columns += [t.Column(share, share, t.NUMBER) for share in ("5 %", "median", "95 %")]
        columns.append(t.Column("unit", "unit"))
    rows = []
    for kind in kinds:
        row = (kind.name, kind.count, kind.people / people if people else None)
        rows.append((*row, *(kind.quantiles or (None, None, None)), kind.unit) if values else row)
    return t.Table(f"{what}s", "", columns, rows)
