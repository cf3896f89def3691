"""Shows the first part of the page: figures and tables, which need no script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from statistics import fmean, median

from mab_gym.envs._scenario import OFFICIAL
from mab_gym.official._published import LATER, PAPER, PUBLISHED
from mab_gym.report._elements import address, bars, brief, count, episode_link, rate
from mab_gym.report._figures import GROUPINGS, failures, groups, histogram, pairs, repeated, success
from mab_gym.report._runs import ReportedRun
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import spending, violations
from mab_gym.tasking.verdict import Failure

MEANING = {
    Failure.MISREAD_CHART: "The answer is not what the chart says.",
    Failure.WRONG_FORMAT: "The answer or the order has not the shape that was asked for.",
    Failure.WRONG_TOOL_USE: "A message was none of GET, POST and FINISH.",
    Failure.WRONG_ORDER: "An order is due and was written, but not as it should be.",
    Failure.UNSAFE_ORDER: "Something was ordered that could harm: another patient, dose, route, or no reason for it.",
    Failure.MISSING_ORDER: "An order is due and was not written.",
    Failure.GAVE_UP: "It was finished without an answer and without a write.",
    Failure.STEP_LIMIT: "It was not finished within the steps.",
    Failure.CONTEXT_LIMIT: "It became longer than the model can read.",
    Failure.OFFICIAL_RULE: "The official grader refuses it.",
}


def overview(runs: Sequence[ReportedRun]) -> Iterator[str]:
    """Yields the sections in order."""
    yield from _runs(runs)
    yield from _success(runs)
    yield from _families(runs)
    yield from _published(runs)
    yield from _comparisons(runs)
    yield from _failures(runs)
    yield from _effort(runs)


def _head(runs: Sequence[ReportedRun], first: str) -> str:
    columns = "".join(f'<th class="r{n % 8}"><i class="dot"></i>{escape(run.label)}</th>' for n, run in enumerate(runs))
    return f"<thead><tr><th>{first}</th>{columns}</tr></thead>"


def _section(name: str, title: str, note: str = "") -> str:
    return f'<section id="{name}"><h2>{escape(title)}</h2>' + (f'<p class="note">{note}</p>' if note else "")


def _runs(runs: Sequence[ReportedRun]) -> Iterator[str]:
    yield _section("runs", "Runs")
    yield '<div class="wide"><table><thead><tr><th>run</th><th>agent</th><th>environment</th><th>protocol</th>'
    yield '<th class="n">solved</th><th class="n">unsafe</th><th class="n">episodes</th><th class="n">do not count</th>'
    yield '<th class="n">steps</th><th class="n">tokens in</th><th class="n">out</th><th class="n">cost</th>'
    yield "<th>played with</th></tr></thead><tbody>"
    for number, run in enumerate(runs):
        spent = spending(run.episodes)
        costs = [record.cost for record in run.episodes if record.cost is not None]
        known = spent.unknown < len(run.episodes)
        unsafe = violations(run.episodes).rate
        version = f"mab_gym {run.about.get('mab_gym', '?')}, records {str(run.about.get('archive', '?'))[:8]}"
        narrowed = [f"{n} {run.about[n]}" for n in ("family", "difficulty", "variant", "form") if run.about.get(n)]
        yield f'<tr class="r{number % 8}"><th scope="row"><i class="dot"></i>'
        yield f'<a href="{address(run=run.label)}">{escape(run.label)}</a></th>'
        yield f"<td>{escape(run.agent)}</td><td>{escape(run.env.removeprefix('mab_gym/'))}</td>"
        yield f'<td>{escape(run.protocol)}</td><td class="n">{rate(success(run.episodes), number)}</td>'
        yield f'<td class="n">{"–" if unsafe is None else f"{100 * unsafe:.1f}"}</td>'
        yield f'<td class="n">{len(run.episodes):,}</td><td class="n">{len(run.episodes) - len(run.counted):,}</td>'
        yield f'<td class="n">{fmean(record.steps for record in run.episodes):.2f}</td>'
        yield f'<td class="n">{f"{spent.tokens_in:,}" if known else "–"}</td>'
        yield f'<td class="n">{f"{spent.tokens_out:,}" if known else "–"}</td>'
        yield f'<td class="n">{f"{sum(costs):,.4f}" if costs else "–"}</td>'
        yield f"<td>{escape(', '.join([version, *narrowed]))}</td></tr>"
    yield "</tbody></table></div></section>"


def _success(runs: Sequence[ReportedRun]) -> Iterator[str]:
    yield _section(
        "success",
        "Success",
        "In percent of the cases, each with its 95 % interval (Wilson) drawn from 0 to 100, and the number of cases. "
        "Episodes that the record system or the model's endpoint spoiled do not count.",
    )
    yield f'<div class="wide"><table class="rates">{_head(runs, "cases")}<tbody>'
    yield _row("all", [run.episodes for run in runs], "all")
    for name in ("kind", "difficulty"):
        of = GROUPINGS[name]
        parts = [groups(run.episodes, of) for run in runs]
        for group in dict.fromkeys(key for part in parts for key in part):
            yield _row(group, [part.get(group, []) for part in parts], name)
    yield "</tbody></table></div>"
    for number, run in enumerate(runs):
        rows = repeated(run)
        if rows:
            yield f'<h3 class="r{number % 8}"><i class="dot"></i>{escape(run.label)}: tries at the same case</h3>'
            yield '<div class="wide"><table class="rates"><thead><tr><th>k</th><th>pass@k: any of k tries succeeds</th>'
            yield "<th>pass^k: all of them do</th></tr></thead><tbody>"
            for k, at, hat in rows:
                yield f"<tr><th scope='row'>{k}</th><td>{rate(at, number)}</td><td>{rate(hat, number)}</td></tr>"
            yield "</tbody></table></div>"
    yield "</section>"


def _row(title: str, parts: Sequence[Sequence[EpisodeRecord]], kind: str) -> str:
    cells = "".join(f"<td>{rate(success(part), number)}</td>" for number, part in enumerate(parts))
    return f'<tr class="{kind}"><th scope="row">{escape(title)}</th>{cells}</tr>'


def _families(runs: Sequence[ReportedRun]) -> Iterator[str]:
    yield _section("families", "Families and their branches", "A branch is one of a family's clinical situations.")
    parts = [groups(run.episodes, GROUPINGS["family"]) for run in runs]
    for family in dict.fromkeys(key for part in parts for key in part):
        episodes = [part.get(family, []) for part in parts]
        first = next(record for part in episodes for record in part)
        cells = "".join(rate(success(part), number) for number, part in enumerate(episodes))
        link = address(family=family)
        yield f'<details class="family"><summary><span class="name"><b>{escape(family.replace("_", " "))}</b> '
        yield f"<small>{escape(first.kind)}, {escape(first.difficulty)}</small></span>{cells}</summary>"
        yield f'<div class="wide"><table class="rates">{_head(runs, "branch")}<tbody>'
        branches = [groups(part, lambda record: record.branch) for part in episodes]
        for branch in dict.fromkeys(key for part in branches for key in part):
            yield _row(branch.replace("_", " "), [part.get(branch, []) for part in branches], "branch")
        yield f'</tbody></table></div><p><a href="{link}">the episodes of this family</a></p></details>'
    yield "</section>"


def _published(runs: Sequence[ReportedRun]) -> Iterator[str]:
    official = [run for run in runs if run.protocol == OFFICIAL]
    note = "Success rates in percent on the official 300 tasks, official protocol and grading."
    if len(official) < len(runs):
        note += (
            " <strong>Runs by another protocol stand apart: they are not comparable</strong> (other prompts, POSTs are "
            "executed, verdicts judge by meaning, other people in the record)."
        )
    if official:
        note += " A run is comparable where it was played on the official records, not on a stand-in chart."
    yield _section("published", "Beside published results", note)
    rows: list[tuple[float, str]] = []
    for number, run in enumerate(runs):
        kinds = groups(run.episodes, GROUPINGS["kind"])
        parts = [success(run.episodes), *(success(kinds.get(kind, [])) for kind in ("query", "action"))]
        values = [None if part is None else 100 * part.value for part in parts]
        name = f'<i class="dot"></i>{escape(run.label)} ({escape(run.agent)})'
        rank = (values[0] or 0.0) + (0 if run.protocol == OFFICIAL else 1_000)
        rows.append((rank, _result(name, values, f"this report, {run.protocol}", f"ours r{number % 8}")))
    for result in PUBLISHED:
        if result.overall is not None:
            source = "paper" if result.source == PAPER else "self-reported"
            values = [result.overall, result.query, result.action]
            rows.append((result.overall, _result(escape(result.model), values, source, "theirs")))
    yield '<div class="wide"><table class="published"><thead><tr><th>model</th><th>overall</th><th class="n">query</th>'
    yield '<th class="n">action</th><th>source</th></tr></thead><tbody>'
    yield from (row for _, row in sorted(rows, key=lambda row: -row[0]))
    yield f'</tbody></table></div><p class="note">Paper: {escape(PAPER)}. Others: {escape(LATER)}.</p></section>'


def _result(name: str, values: Sequence[float | None], source: str, kind: str) -> str:
    overall = values[0] or 0.0
    shown = ["–" if value is None else f"{value:.1f}" for value in values]
    return (
        f'<tr class="{kind}"><th scope="row">{name}</th><td><span class="bar"><b>{shown[0]}</b>'
        f'<span style="--v:{overall / 100:.4f}"></span></span></td>'
        f'<td class="n">{shown[1]}</td><td class="n">{shown[2]}</td><td>{escape(source)}</td></tr>'
    )


def _comparisons(runs: Sequence[ReportedRun]) -> Iterator[str]:
    if len(runs) < 2:
        return
    yield _section(
        "pairs",
        "Run against run",
        "On the cases that both played. The difference is in percentage points, with its 95 % interval (bootstrap over "
        "cases). p is McNemar's, exact, or of flipped signs where cases were tried several times; where several pairs "
        "are compared, it is adjusted for that (Holm).",
    )
    found = pairs(runs)
    if not found:
        yield "<p>No two runs have a case in common.</p></section>"
        return
    yield '<div class="wide"><table><thead><tr><th>runs</th><th class="n">cases</th><th class="n">difference</th>'
    yield '<th>interval</th><th class="n">p</th><th>only the first solved</th><th>only the second solved</th></tr>'
    yield "</thead><tbody>"
    for pair in found:
        c = pair.comparison
        sure = ' class="sure"' if pair.adjusted < 0.05 else ""
        other = "" if pair.same_records else " <small>(on other records)</small>"
        yield f"<tr{sure}><th scope='row'>{escape(pair.ours.label)} less {escape(pair.theirs.label)}{other}</th>"
        yield f'<td class="n">{c.cases:,}</td><td class="n"><b>{100 * c.difference:+.1f}</b></td>'
        yield f"<td>{100 * c.low:+.1f} to {100 * c.high:+.1f}</td>"
        yield f'<td class="n">{_p(pair.adjusted)}</td>'
        for run, records in ((pair.ours, pair.only_ours), (pair.theirs, pair.only_theirs)):
            shown = ", ".join(episode_link(run.label, record) for record in records[:3])
            yield f"<td>{len(records):,}{': ' if shown else ''}{shown}{' …' if len(records) > 3 else ''}</td>"
        yield "</tr>"
    yield "</tbody></table></div></section>"


def _p(value: float) -> str:
    return "&lt; 0.001" if value < 0.001 else f"{value:.3f}"


def _failures(runs: Sequence[ReportedRun]) -> Iterator[str]:
    yield _section(
        "failures", "How episodes failed", "By the gravest thing that was found, with examples of different families."
    )
    for number, run in enumerate(runs):
        found = failures(run.episodes)
        failed = sum(each.count for each in found)
        yield f'<h3 class="r{number % 8}"><i class="dot"></i>{escape(run.label)} <small>{failed:,} of '
        yield f"{count(len(run.counted), 'episode')} failed</small></h3>"
        if not found:
            continue
        yield '<div class="wide"><table><thead><tr><th>failure</th><th class="n">episodes</th><th>what was found</th>'
        yield "<th>examples</th></tr></thead><tbody>"
        for each in found:
            meaning = MEANING.get(Failure(each.kind), "") if each.kind in list(Failure) else ""
            reasons = ", ".join(f"{code.replace('_', ' ')} ({number_of:,})" for code, number_of in each.reasons[:4])
            link = address(run=run.label, failure=each.kind)
            yield f'<tr><th scope="row"><a href="{link}">{escape(each.kind.replace("_", " "))}</a>'
            yield f'<small class="meaning">{escape(meaning)}</small></th>'
            yield f'<td class="n">{each.count:,}<small> {100 * each.count / failed:.0f} %</small></td>'
            yield f"<td>{escape(reasons)}</td><td>"
            yield ", ".join(episode_link(run.label, record) for record in each.examples)
            yield "</td></tr>"
        yield "</tbody></table></div>"
    yield "</section>"


def _effort(runs: Sequence[ReportedRun]) -> Iterator[str]:
    yield _section("effort", "Steps, tokens and costs")
    yield '<div class="wide"><table><thead><tr><th>run</th><th class="n">steps: mean</th><th class="n">median</th>'
    yield '<th class="n">of solved</th><th class="n">tokens an episode</th><th class="n">cost an episode</th>'
    yield '<th class="n">cost a solved case</th></tr></thead><tbody>'
    for number, run in enumerate(runs):
        steps = [record.steps for record in run.episodes]
        solved = [record for record in run.counted if record.verdict["success"]]
        costs = [record.cost for record in run.episodes if record.cost is not None]
        tokens = _tokens(run)
        yield f'<tr class="r{number % 8}"><th scope="row"><i class="dot"></i>{escape(run.label)}</th>'
        yield f'<td class="n">{fmean(steps):.2f}</td><td class="n">{median(steps):g}</td>'
        yield f'<td class="n">{f"{fmean(r.steps for r in solved):.2f}" if solved else "–"}</td>'
        yield f'<td class="n">{f"{fmean(tokens):,.0f}" if tokens else "–"}</td>'
        yield f'<td class="n">{f"{fmean(costs):.5f}" if costs else "–"}</td>'
        yield f'<td class="n">{f"{sum(costs) / len(solved):.5f}" if costs and solved else "–"}</td></tr>'
    yield '</tbody></table></div><div class="plots">'
    for number, run in enumerate(runs):
        limit = max([*(record.steps for record in run.episodes), int(run.about.get("max_steps") or 0)])
        by_steps = {step: Counter[str]() for step in range(1, limit + 1)}
        for record in run.counted:
            by_steps.setdefault(record.steps, Counter())["solved" if record.verdict["success"] else "not solved"] += 1
        columns = [(str(step), by_steps[step]) for step in sorted(by_steps)]
        yield bars(run.label, "steps an episode", columns, ("solved", "not solved"), number)
    for what, values_of in (("tokens an episode", _tokens), ("cost an episode", _costs)):
        for number, run in enumerate(runs):
            spread = histogram(values_of(run))
            if spread:
                labelled = [(brief(round(low, 9)), {"episodes": number_of}) for low, _, number_of in spread]
                yield bars(run.label, what, labelled, ("episodes",), number)
    yield "</div></section>"


def _tokens(run: ReportedRun) -> list[float]:
    """Returns the tokens of each episode for which they are known."""
    told = [(record.tokens_in, record.tokens_out) for record in run.episodes]
    return [float(one + other) for one, other in told if one is not None and other is not None]


def _costs(run: ReportedRun) -> list[float]:
    return [record.cost for record in run.episodes if record.cost is not None]
