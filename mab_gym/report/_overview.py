"""Shows the first part of the page: figures and tables, which need no script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from statistics import fmean, median

from mab_gym.envs._scenario import OFFICIAL
from mab_gym.official._published import LATER, PAPER, PUBLISHED, PublishedResult
from mab_gym.report._elements import address, bars, brief, count, dot, episode_link, interval, line, matrix, rate, track
from mab_gym.report._figures import (
    GROUPINGS,
    NARROWED,
    Pair,
    Setting,
    failures,
    groups,
    histogram,
    pairs,
    repeated,
    settings,
    success,
)
from mab_gym.report._runs import ReportedRun
from mab_gym.runs._causes import CAUSES, causes
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import deferrals, spending, violations
from mab_gym.runs._statistics import Estimate
from mab_gym.tasking.verdict import Failure

MEANING: Mapping[str, str] = {
    "refused": "The model said that it would not do the task.",
    "filtered": "The endpoint's filter kept the message back.",
    "empty": "The message was empty.",
    "length": "The message was cut off at the limit of its tokens.",
    "endless_thoughts": "The thoughts did not come to an end before the limit of tokens.",
    "no_action": "The message held none of GET, POST and FINISH.",
    Failure.MISREAD_CHART: "The answer is not what the chart says.",
    Failure.WRONG_FORMAT: "The answer or the order has not the shape that was asked for.",
    Failure.WRONG_TOOL_USE: "A message was none of GET, POST and FINISH, or not as it should be.",
    Failure.WRONG_ORDER: "An order is due and was written, but not as it should be.",
    Failure.UNSAFE_ORDER: "Something was ordered that could harm: another patient, dose, route, or no reason for it.",
    Failure.MISSING_ORDER: "An order is due and was not written.",
    Failure.GAVE_UP: "It was finished without an answer and without a write.",
    Failure.STEP_LIMIT: "It was not finished within the steps.",
    Failure.CONTEXT_LIMIT: "It became longer than the model can read.",
    Failure.OFFICIAL_RULE: "The official grader refuses it.",
}
"""The causes of failures in a sentence."""
_PAIRS = 7
"""The comparisons that are shown before the others are unfolded."""
_OPEN = 3
"""Up to so many runs their failures and histograms are unfolded."""
_LEAST_P = 0.001
"""Smaller values of p are not told apart."""
_SURE = 0.05
"""The adjusted p below which two runs are told apart."""

_Part = tuple[int, Sequence[EpisodeRecord]]
"""The number of a run, and some of its episodes."""


def overview(runs: Sequence[ReportedRun]) -> Iterator[str]:
    """Yields the sections in order."""
    compared = pairs(runs)
    yield from _result(runs, compared)
    yield from _runs(runs)
    yield from _success(runs)
    yield from _families(runs)
    yield from _published(runs)
    yield from _comparisons(runs, compared)
    yield from _failures(runs)
    yield from _effort(runs)


def _section(name: str, title: str, note: str = "") -> str:
    return f'<section id="{name}"><h2>{escape(title)}</h2>' + (f'<p class="note">{note}</p>' if note else "")


def _result(runs: Sequence[ReportedRun], compared: Sequence[Pair]) -> Iterator[str]:
    """Yields the first screen: the result in a sentence, a plot, and the causes of failures."""
    first, *others = settings(runs)
    yield f'<p class="headline">{headline(first, compared)}</p><div class="first"><section id="result">'
    yield "<h2>Success in %, 95 % intervals</h2>"
    for setting in (first, *others):
        sentence = f'<p class="note">{headline(setting, compared)}</p>' if setting is not first else ""
        yield f"<h3>{escape(setting.title)}</h3>{sentence}{_plot(setting, len(runs))}"
    if others:
        yield '<p class="note">Each environment, choice of its cases and grading has an axis of its own: rates of '
        yield "different ones cannot be compared.</p>"
    if not all(setting.official for setting in (first, *others)):
        yield '<p class="note">The <code>ehr</code> protocol is not comparable with published results.</p>'
    yield '</section><section id="causes"><h2>Failures by cause</h2>'
    found = [causes(run.episodes) for run in runs]
    most = max((n / len(run.counted) for run, each in zip(runs, found, strict=True) for n in each.values()), default=0)
    lines = []
    for cause, label in CAUSES.items():
        cells = [_share(run, cause, each, most, n) for n, (run, each) in enumerate(zip(runs, found, strict=True))]
        if any(cause in each for each in found):
            lines.append(line(f'<span title="{escape(MEANING[cause])}">{escape(label)}</span>', cells))
    if lines:
        yield from matrix("episodes", [(number, run.label) for number, run in enumerate(runs)], len(runs), lines)
    else:
        yield "<p>No episode that counts has failed.</p>"
    yield "</section></div>"


def _share(run: ReportedRun, cause: str, found: Mapping[str, int], most: float, place: int) -> str:
    """Returns the number of a run's episodes that failed by a cause, and a bar: their share by the greatest one."""
    if cause not in found:
        return '<span class="none">–</span>'
    share = found[cause] / len(run.counted)
    return (
        f'<a class="share r{place % 8}" style="--v:{share / most:.4f}" href="{address(run=run.label, failure=cause)}" '
        f'title="{escape(run.label)}: {100 * share:.1f} % of the episodes">{found[cause]:,}'
        f"<small> {100 * share:.1f} %</small></a>"
    )


def headline(setting: Setting, compared: Sequence[Pair]) -> str:
    """Returns the result of some runs in one sentence, as HTML."""
    ranked = setting.ranked
    if not ranked:
        return "No episode counts: the record system or the model's endpoint failed in each."
    (_, best, rate_of_best), *others = ranked
    share = f"<b>{100 * rate_of_best.value:.1f} %</b> of {count(rate_of_best.cases, 'case')}"
    within = f"(95 % interval {interval(rate_of_best)})"
    if not others:
        return f"<b>{escape(best.label)}</b> solved {share} {within}."
    _, second, rate_of_second = others[0]
    pair = next((each for each in compared if {each.ours.label, each.theirs.label} == {best.label, second.label}), None)
    if pair is None:
        apart = f"it has no case in common with {escape(second.label)}"
        return f"<b>{escape(best.label)}</b> solved {share} {within}; {apart}."
    sign = 1 if pair.ours is best else -1
    low, high = sorted((100 * sign * pair.comparison.low, 100 * sign * pair.comparison.high))
    points = 100 * sign * pair.comparison.difference
    p = f"p {_p(pair.adjusted)}" if pair.adjusted < _LEAST_P else f"p = {_p(pair.adjusted)}"
    adjusted = f", adjusted for {len(compared)} comparisons" if len(compared) > 1 else ""
    sure = f"(95 % interval {low:+.1f} to {high:+.1f}; {p}{adjusted})"
    if pair.adjusted < _SURE:
        return (
            f"<b>{escape(best.label)}</b> solved most, {share} {within}, {points:.1f} points more than "
            f"{escape(second.label)} {sure}."
        )
    return (
        f"<b>{escape(best.label)}</b> with {share} {within} and <b>{escape(second.label)}</b> with "
        f"{100 * rate_of_second.value:.1f} % cannot be told apart: the difference is {points:.1f} points {sure}."
    )


def _plot(setting: Setting, runs: int) -> str:
    """Returns the rates of some runs on one axis, the best first.

    Beside official runs stand the best published results, below a run alone its rates by kind and difficulty.
    """
    rows = []
    for number, run, found in setting.ranked:
        name = f"{dot(number, runs)}{escape(run.label)}"
        rows.append((found.value, _plotted(name, run.label, found, interval(found), f"r{number % 8}", run=run.label)))
    for source, result in _best_published() if setting.official else ():
        value = (result.overall or 0.0) / 100
        name, point = f'<i class="dot"></i>{escape(result.model)}', Estimate(value, value, value, 0)
        rows.append((value, _plotted(name, result.model, point, source, "theirs")))
    rows.sort(key=lambda row: -row[0])
    if runs == 1:
        for name in ("kind", "difficulty"):
            for group, part in groups(setting.runs[0][1].episodes, GROUPINGS[name]).items():
                if (found_of := success(part)) is not None:
                    shown = _plotted(escape(group), group, found_of, interval(found_of), "r0 part", **{name: group})
                    rows.append((0.0, shown))
    ticks = "".join(f'<i style="--v:{tick / 100}">{tick}</i>' for tick in (0, 25, 50, 75, 100))
    axis = f'<div class="row axis"><span class="track">{ticks}</span></div>'
    return f'<div class="forest">{"".join(row for _, row in rows)}{axis}</div>'


def _plotted(name: str, label: str, found: Estimate, beside: str, style: str, **wanted: str) -> str:
    """Returns a row of a plot: a name, the rate drawn and in figures, and a word beside it."""
    link = "#published" if style == "theirs" else address(**wanted)
    words = f"{escape(label)}: {100 * found.value:.1f} %, {beside}"
    return (
        f'<a class="row {style}" href="{link}"><span class="who" title="{escape(label)}">{name}</span>'
        f"{track(found, words)}<b>{100 * found.value:.1f}</b><small>{beside}</small></a>"
    )


def _best_published() -> Iterator[tuple[str, PublishedResult]]:
    """Yields the best published result of the paper, and the best self-reported one, with their sources."""
    for self_reported, source in ((False, "paper"), (True, "self-reported")):
        known = [each for each in PUBLISHED if each.overall is not None and each.self_reported == self_reported]
        yield source, max(known, key=lambda each: each.overall or 0.0)


def _runs(runs: Sequence[ReportedRun]) -> Iterator[str]:
    yield _section("runs", "Runs")
    yield '<div class="wide"><table><thead><tr><th>run</th><th class="n">solved</th><th class="n">unsafe</th>'
    asked = any(deferrals(run.episodes).judged for run in runs)
    if asked:
        yield '<th class="n">over-deferred</th><th class="n">under-deferred</th>'
    yield '<th class="n">episodes</th><th class="n">do not count</th><th class="n">steps</th>'
    yield '<th class="n">tokens in</th><th class="n">out</th><th class="n">cost</th><th>agent</th>'
    yield "<th>environment</th><th>protocol</th><th>played with</th></tr></thead><tbody>"
    for number, run in enumerate(runs):
        spent = spending(run.episodes)
        costs = [record.cost for record in run.episodes if record.cost is not None]
        known = spent.unknown < len(run.episodes)
        unsafe = violations(run.episodes).rate
        found = success(run.episodes)
        version = f"mab_gym {run.about.get('mab_gym', '?')}, grading {run.about.get('grading', '?')}"
        version += f", records {str(run.about.get('archive', '?'))[:8]}"
        narrowed = [f"{n} {run.about[n]}" for n in NARROWED if run.about.get(n)]
        yield f'<tr><th scope="row">{dot(number, len(runs))}<a href="{address(run=run.label)}">{escape(run.label)}</a>'
        yield f'</th><td class="n">{"–" if found is None else f"{100 * found.value:.1f}"}</td>'
        yield f'<td class="n">{"–" if unsafe is None else f"{100 * unsafe:.1f}"}</td>'
        if asked:
            left = deferrals(run.episodes)
            for rate in (left.over_rate, left.under_rate):
                yield f'<td class="n">{"–" if rate is None else f"{100 * rate:.1f}"}</td>'
        yield f'<td class="n">{len(run.episodes):,}</td><td class="n">{len(run.episodes) - len(run.counted):,}</td>'
        yield f'<td class="n">{fmean(record.steps for record in run.episodes):.2f}</td>'
        yield f'<td class="n">{f"{spent.tokens_in:,}" if known else "–"}</td>'
        yield f'<td class="n">{f"{spent.tokens_out:,}" if known else "–"}</td>'
        yield f'<td class="n">{f"{sum(costs):,.4f}" if costs else "–"}</td>'
        yield f"<td>{escape(run.agent)}</td><td>{escape(run.env.removeprefix('mab_gym/'))}</td>"
        yield f"<td>{escape(run.protocol)}</td><td>{escape(', '.join([version, *narrowed]))}</td></tr>"
    yield "</tbody></table></div></section>"


def _success(runs: Sequence[ReportedRun]) -> Iterator[str]:
    yield _section(
        "success",
        "Success",
        "In percent of the cases, each with its 95 % interval (Wilson) drawn from 0 to 100. Episodes that the record "
        "system or the model's endpoint spoiled do not count.",
    )
    yield from _by_setting(runs, "cases", _success_lines)
    for number, run in enumerate(runs):
        rows = repeated(run)
        if rows:
            yield f"<h3>{dot(number, len(runs))}{escape(run.label)}: tries at the same case</h3>"
            yield '<div class="wide"><table class="rates"><thead><tr><th>k</th><th>pass@k: any of k tries succeeds</th>'
            yield "<th>pass^k: all of them do</th></tr></thead><tbody>"
            for k, at, hat in rows:
                yield f"<tr><th scope='row'>{k}</th><td>{rate(at, number)}</td><td>{rate(hat, number)}</td></tr>"
            yield "</tbody></table></div>"
    yield "</section>"


def _by_setting(
    runs: Sequence[ReportedRun], first: str, lines: Callable[[Sequence[_Part]], Iterator[str]]
) -> Iterator[str]:
    """Yields a matrix for each group of runs that can be compared."""
    found = settings(runs)
    for setting in found:
        if len(found) > 1:
            yield f"<h3>{escape(setting.title)}</h3>"
        wholes = [(number, run.episodes) for number, run in setting.runs]
        yield from matrix(first, [(number, run.label) for number, run in setting.runs], len(runs), lines(wholes))


def _success_lines(wholes: Sequence[_Part]) -> Iterator[str]:
    yield _line("all", wholes, "all")
    for name in ("kind", "difficulty"):
        yield from (_line(group, parts) for group, parts in _parted(wholes, GROUPINGS[name]))


def _parted(wholes: Sequence[_Part], of: Callable[[EpisodeRecord], str]) -> Iterator[tuple[str, list[_Part]]]:
    """Yields each group of the runs' episodes, with the part of each run in it."""
    parts = [(number, groups(episodes, of)) for number, episodes in wholes]
    for group in dict.fromkeys(key for _, part in parts for key in part):
        yield group, [(number, part.get(group, [])) for number, part in parts]


def _line(title: str, parts: Sequence[_Part], kind: str = "", more: str = "") -> str:
    """Returns a line with the success of each run; the label says the number of cases."""
    found = [(number, success(part)) for number, part in parts]
    numbers = sorted({each.cases for _, each in found if each is not None})
    cases = "–".join(f"{number:,}" for number in dict.fromkeys((*numbers[:1], *numbers[-1:])))
    label = f"<b>{escape(title)}</b> <small>{more}{cases} {'case' if cases == '1' else 'cases'}</small>"
    return line(label, [rate(each, number) for number, each in found], kind)


def _families(runs: Sequence[ReportedRun]) -> Iterator[str]:
    yield _section("families", "Families and their branches", "A branch is one of a family's clinical situations.")
    yield from _by_setting(runs, "family", _family_lines)
    yield "</section>"


def _family_lines(wholes: Sequence[_Part]) -> Iterator[str]:
    for family, parts in _parted(wholes, GROUPINGS["family"]):
        first = next(record for _, part in parts for record in part)
        told = f"{escape(first.kind)}, {escape(first.difficulty)}, "
        yield f"<details><summary>{_line(family.replace('_', ' '), parts, 'family', told)}</summary>"
        for branch, parts_of_branch in _parted(parts, lambda record: record.branch):
            yield _line(branch.replace("_", " "), parts_of_branch, "branch")
        yield f'<p><a href="{address(family=family)}">the episodes of this family</a></p></details>'


def _published(runs: Sequence[ReportedRun]) -> Iterator[str]:
    official = [(number, run) for number, run in enumerate(runs) if run.protocol == OFFICIAL]
    if not official:
        return
    yield _section(
        "published",
        "Beside published results",
        "Success rates in percent on the official 300 tasks, official protocol and grading. A run is comparable where "
        "it was played on the official records, not on a stand-in chart.",
    )
    rows: list[tuple[float, str]] = []
    for number, run in official:
        kinds = groups(run.episodes, GROUPINGS["kind"])
        parts = [success(run.episodes), *(success(kinds.get(kind, [])) for kind in ("query", "action"))]
        values = [None if part is None else 100 * part.value for part in parts]
        name = f"{dot(number, len(runs))}{escape(run.label)} ({escape(run.agent)})"
        rows.append((values[0] or 0.0, _published_row(name, values, "this report", f"ours r{number % 8}")))
    for result in PUBLISHED:
        if result.overall is not None:
            source = "paper" if result.source == PAPER else "self-reported"
            values = [result.overall, result.query, result.action]
            rows.append((result.overall, _published_row(escape(result.model), values, source, "theirs")))
    yield '<div class="wide"><table class="published"><thead><tr><th>model</th><th>overall</th><th class="n">query</th>'
    yield '<th class="n">action</th><th>source</th></tr></thead><tbody>'
    yield from (row for _, row in sorted(rows, key=lambda row: -row[0]))
    yield f'</tbody></table></div><p class="note">Paper: {escape(PAPER)}. Others: {escape(LATER)}.</p></section>'


def _published_row(name: str, values: Sequence[float | None], source: str, kind: str) -> str:
    overall = values[0] or 0.0
    shown = ["–" if value is None else f"{value:.1f}" for value in values]
    return (
        f'<tr class="{kind}"><th scope="row">{name}</th><td><span class="bar"><b>{shown[0]}</b>'
        f'<span style="--v:{overall / 100:.4f}"></span></span></td>'
        f'<td class="n">{shown[1]}</td><td class="n">{shown[2]}</td><td>{escape(source)}</td></tr>'
    )


def _comparisons(runs: Sequence[ReportedRun], found: Sequence[Pair]) -> Iterator[str]:
    if len(runs) < 2:
        return
    yield _section(
        "pairs",
        "Run against run",
        "On the cases that both played. The difference is in percentage points, with its 95 % interval (bootstrap over "
        "cases). p is McNemar's, exact, or of flipped signs where cases were tried several times; where several pairs "
        "are compared, it is adjusted for that (Holm).",
    )
    if not found:
        yield "<p>No two runs have a case in common.</p></section>"
        return
    yield from _pair_rows(found[:_PAIRS])
    if found[_PAIRS:]:
        yield f"<details><summary>{len(found) - _PAIRS} more</summary>"
        yield from _pair_rows(found[_PAIRS:])
        yield "</details>"
    yield "</section>"


def _pair_rows(found: Sequence[Pair]) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th>runs</th><th class="n">difference</th><th>interval</th>'
    yield '<th class="n">p</th><th class="n">cases</th><th>only the first solved</th><th>only the second solved</th>'
    yield "</tr></thead><tbody>"
    for pair in found:
        c = pair.comparison
        sure = ' class="sure"' if pair.adjusted < _SURE else ""
        other = "" if pair.same_records else " <small>(on other records)</small>"
        other += "" if pair.same_grading else " <small>(by another grading)</small>"
        yield f"<tr{sure}><th scope='row'>{escape(pair.ours.label)} less {escape(pair.theirs.label)}{other}</th>"
        yield f'<td class="n"><b>{100 * c.difference:+.1f}</b></td><td>{100 * c.low:+.1f} to {100 * c.high:+.1f}</td>'
        yield f'<td class="n">{_p(pair.adjusted)}</td><td class="n">{c.cases:,}</td>'
        for run, records in ((pair.ours, pair.only_ours), (pair.theirs, pair.only_theirs)):
            shown = ", ".join(episode_link(run.label, record) for record in records[:3])
            yield f"<td>{len(records):,}{': ' if shown else ''}{shown}{' …' if len(records) > 3 else ''}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"


def _p(value: float) -> str:
    return f"&lt; {_LEAST_P}" if value < _LEAST_P else f"{value:.3f}"


def _failures(runs: Sequence[ReportedRun]) -> Iterator[str]:
    yield _section(
        "failures",
        "How episodes failed",
        "By the message that ended the episode, else by the gravest thing that was found; with examples of different "
        "families.",
    )
    for number, run in enumerate(runs):
        found = failures(run.episodes)
        failed = sum(each.count for each in found)
        yield f"<details{' open' if len(runs) <= _OPEN else ''}><summary><h3>{dot(number, len(runs))}"
        yield f"{escape(run.label)} <small>{failed:,} of {count(len(run.counted), 'episode')} failed</small></h3>"
        yield '</summary><div class="wide"><table><thead><tr><th>failure</th><th class="n">episodes</th>'
        yield "<th>what was found</th>"
        yield "<th>examples</th></tr></thead><tbody>"
        for each in found:
            reasons = ", ".join(f"{code.replace('_', ' ')} ({number_of:,})" for code, number_of in each.reasons[:4])
            link = address(run=run.label, failure=each.kind)
            yield f'<tr><th scope="row"><a href="{link}">{escape(CAUSES.get(each.kind, each.kind))}</a>'
            yield f'<small class="meaning">{escape(MEANING.get(each.kind, ""))}</small></th>'
            yield f'<td class="n">{each.count:,}<small> {100 * each.count / failed:.0f} %</small></td>'
            yield f"<td>{escape(reasons)}</td><td>"
            yield ", ".join(episode_link(run.label, record) for record in each.examples)
            yield "</td></tr>"
        yield "</tbody></table></div></details>"
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
        yield f'<tr><th scope="row">{dot(number, len(runs))}{escape(run.label)}</th>'
        yield f'<td class="n">{fmean(steps):.2f}</td><td class="n">{median(steps):g}</td>'
        yield f'<td class="n">{f"{fmean(r.steps for r in solved):.2f}" if solved else "–"}</td>'
        yield f'<td class="n">{f"{fmean(tokens):,.0f}" if tokens else "–"}</td>'
        yield f'<td class="n">{f"{fmean(costs):.5f}" if costs else "–"}</td>'
        yield f'<td class="n">{f"{sum(costs) / len(solved):.5f}" if costs and solved else "–"}</td></tr>'
    yield f"</tbody></table></div><details{' open' if len(runs) <= _OPEN else ''}><summary>histograms</summary>"
    yield '<div class="plots">'
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
    yield "</div></details></section>"


def _tokens(run: ReportedRun) -> list[float]:
    """Returns the tokens of each episode for which they are known."""
    told = [(record.tokens_in, record.tokens_out) for record in run.episodes]
    return [float(one + other) for one, other in told if one is not None and other is not None]


def _costs(run: ReportedRun) -> list[float]:
    return [record.cost for record in run.episodes if record.cost is not None]
