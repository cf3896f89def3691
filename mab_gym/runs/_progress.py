"""Counts the episodes of a run while it goes on: successes, tokens and their cost."""

from __future__ import annotations

from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import Prices, Spending, spending


class RunProgress:
    """The counts of a run so far.

    Args:
        total: The number of episodes in the whole run.
        prices: The prices of tokens, or None.

    Attributes:
        total: As given.
        cost: The sum of the costs that the records state; None if none does.
    """

    def __init__(self, total: int, prices: Prices | None = None) -> None:
        self.total = total
        self._prices = prices
        self._last: dict[tuple[int, int], EpisodeRecord] = {}
        self._counted = self._solved = 0
        self._spent = Spending(0, 0, 0)
        self._lines = 0
        self.cost: float | None = None

    def add(self, record: EpisodeRecord) -> None:
        """Adds a record. It replaces an earlier record of the same episode, but the tokens of both count."""
        before = self._last.get((record.seed, record.repeat))
        self._last[record.seed, record.repeat] = record
        for each, sign in ((before, -1), (record, 1)):
            if each is not None and each.counts:
                self._counted += sign
                self._solved += sign * bool(each.verdict["success"])
        self._spent += spending([record])
        self._lines += 1
        if record.cost is not None:
            self.cost = (self.cost or 0.0) + record.cost

    @property
    def spending(self) -> Spending | None:
        """The tokens of all records; None if no endpoint reported any."""
        return None if self._spent.unknown == self._lines else self._spent

    @property
    def played(self) -> int:
        """The number of episodes that have ended, with those that do not count."""
        return len(self._last)

    @property
    def records(self) -> list[EpisodeRecord]:
        """One record per episode, in the order of the assignments."""
        return [self._last[key] for key in sorted(self._last, key=lambda key: (key[1], key[0]))]

    @property
    def line(self) -> str:
        """The state of the run, in one line."""
        return f"{self.played} of {self.total} played, {self.rate}"

    @property
    def rate(self) -> str:
        """The success rate so far, the episodes that do not count, and the tokens, in words."""
        rate = f"{100 * self._solved / self._counted:.1f}" if self._counted else "–"
        parts = [f"{rate} % solved"]
        if self.played > self._counted:
            parts.append(f"{self.played - self._counted} do not count")
        spent = self.spent
        return ", ".join(parts if spent is None else [*parts, spent])

    @property
    def spent(self) -> str | None:
        """The tokens and their cost, in words; None if no endpoint reported any."""
        spent = self.spending
        if spent is None:
            return None
        text = f"{spent.tokens_in:,} tokens in, {spent.tokens_out:,} out"
        cost = None if self._prices is None else self._prices.cost(spent.tokens_in, spent.tokens_out)
        text += "" if cost is None else f", cost {cost:,.4f}"
        return text if not spent.unknown else f"{text} (without {spent.unknown} episodes of unknown tokens)"
