"""What ``mab-gym eval`` shows: how a run is going, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mab_gym.cli._console import errors, output
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import Prices, Spending, spending, tries
from mab_gym.runs._statistics import Estimate, estimate, pass_at_1, pass_hat_k

_SILENCE = 30.0
"""Seconds after which a pipe gets a line again, however little was done."""
_LINES = 10
"""Lines that a pipe gets otherwise."""


class Tally:
    """The episodes of a run so far.

    Args:
        total: How many there are to be.
        prices: What tokens cost, None where nobody said.
    """

    def __init__(self, total: int, prices: Prices | None = None) -> None:
        self.total = total
        self._prices = prices
        self._last: dict[tuple[int, int], EpisodeRecord] = {}
        self._counted = self._solved = 0
        self._spent = Spending(0, 0, 0)
        self._lines = 0

    def add(self, record: EpisodeRecord) -> None:
        """Takes a record; of an episode that was played again the last one stands, and the tokens of all."""
        before = self._last.get((record.seed, record.repeat))
        self._last[record.seed, record.repeat] = record
        for each, sign in ((before, -1), (record, 1)):
            if each is not None and each.counts:
                self._counted += sign
                self._solved += sign * bool(each.verdict["success"])
        self._spent += spending([record])
        self._lines += 1

    @property
    def played(self) -> int:
        """How many episodes have ended, those that do not count included."""
        return len(self._last)

    @property
    def records(self) -> list[EpisodeRecord]:
        """One record an episode, in the order of what was to be played."""
        return [self._last[key] for key in sorted(self._last, key=lambda key: (key[1], key[0]))]

    @property
    def line(self) -> str:
        """How it is going, in a line."""
        return f"{self.played} of {self.total} played, {self.rate}"

    @property
    def rate(self) -> str:
        """The success rate so far, what does not count, and what was spent, in words."""
        rate = f"{100 * self._solved / self._counted:.1f}" if self._counted else "–"
        parts = [f"{rate} % solved"]
        if self.played > self._counted:
            parts.append(f"{self.played - self._counted} do not count")
        spent = self.spent
        return ", ".join(parts if spent is None else [*parts, spent])

    @property
    def spent(self) -> str | None:
        """Tokens and what they cost, in words; None where no endpoint told of any."""
        spent = self._spent
        if spent.unknown == self._lines:
            return None
        text = f"{spent.tokens_in:,} tokens in, {spent.tokens_out:,} out"
        cost = None if self._prices is None else self._prices.cost(spent.tokens_in, spent.tokens_out)
        text += "" if cost is None else f", cost {cost:,.4f}"
        return text if not spent.unknown else f"{text} (and those of {spent.unknown} episodes that nobody counted)"


@contextmanager
def watching(title: str, tally: Tally) -> Iterator[Callable[[], None]]:
    """Shows how a run is going: a bar on a terminal, a line now and then elsewhere. Call what it yields at each record.

    Args:
        title: Who plays what.
        tally: What is shown.
    """
    if not errors.is_terminal:
        errors.print(title, markup=False, soft_wrap=True)
        said_at, said_of = time.monotonic(), tally.played

        def tell() -> None:
            nonlocal said_at, said_of
            done = tally.played
            if (
                time.monotonic() - said_at >= _SILENCE
                or (done - said_of) * _LINES >= tally.total
                or done == tally.total
            ):
                said_at, said_of = time.monotonic(), done
                errors.print(tally.line, markup=False, soft_wrap=True)

        yield tell
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(
        TextColumn("{task.description}"), *columns, TextColumn("{task.fields[rate]}"), console=errors
    ) as bars:
        task = bars.add_task(title, total=tally.total, completed=tally.played, rate=tally.rate)
        yield lambda: bars.update(task, completed=tally.played, rate=tally.rate)


def show_estimates(records: Sequence[EpisodeRecord], repeat: int, seed: int) -> None:
    """Prints pass@1, and pass@k and pass^k where cases were played several times.

    Args:
        records: One an episode.
        repeat: How often each case was played.
        seed: Of the bootstrap.
    """
    cases = tries(records)
    _show("pass@1", pass_at_1(cases))
    for k in sorted({k for k in (2, 3, 4, 5, 8, 16, 32, 64) if k < repeat} | {repeat} - {1}):
        _show(f"pass@{k}", estimate(cases, k, seed=seed))
        _show(f"pass^{k}", estimate(cases, k, pass_hat_k, seed))


def _show(name: str, found: Estimate | None) -> None:
    if found is None:
        output.print(f"{name}: –")
        return
    between = f"{100 * found.low:.1f} to {100 * found.high:.1f}"
    output.print(f"{name}: {100 * found.value:.1f} % (95 % interval {between}, {found.cases} cases)", markup=False)
