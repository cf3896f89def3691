"""Statistics of repeated play: pass@1, pass@k and pass^k with 95 % confidence intervals, and paired comparisons.

Sources: pass@k by the unbiased estimator of Chen et al. 2021 (arXiv 2107.03374); pass^k, the chance that k tries all
succeed, by its counterpart in Yao et al. 2024 (tau-bench, arXiv 2406.12045); the interval of a share by Wilson 1927;
two players on the same cases by McNemar 1947, in its exact form; several comparisons by Holm 1979.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
"""The normal quantile that leaves 2.5 % on either side."""
RESAMPLES = 10_000
"""How often the bootstrap draws."""


@dataclass(frozen=True, slots=True)
class Tries:
    """What became of the tries at one case.

    Attributes:
        played: How many tries count.
        solved: How many of them succeeded.
    """

    played: int
    solved: int

    def __post_init__(self) -> None:
        if not 0 <= self.solved <= self.played:
            raise ValueError(f"{self.solved} of {self.played} tries cannot have succeeded")


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated share with its interval; all from 0 to 1.

    Attributes:
        value: The estimate.
        low: The lower end of the 95 % confidence interval.
        high: The upper end.
        cases: Over how many cases.
    """

    value: float
    low: float
    high: float
    cases: int


def pass_at_k(tries: Tries, k: int) -> float:
    """The chance that at least one of ``k`` tries at a case succeeds, estimated without bias from more tries than that.

    Raises:
        ValueError: ``k`` is below 1, or there are fewer than ``k`` tries.
    """
    _check(tries, k)
    failed = tries.played - tries.solved
    return 1.0 - math.comb(failed, k) / math.comb(tries.played, k)


def pass_hat_k(tries: Tries, k: int) -> float:
    """The chance that all of ``k`` tries at a case succeed (pass^k), estimated without bias.

    Raises:
        ValueError: As for `pass_at_k`.
    """
    _check(tries, k)
    return math.comb(tries.solved, k) / math.comb(tries.played, k)


def _check(tries: Tries, k: int) -> None:
    if not 1 <= k <= tries.played:
        raise ValueError(f"k is a whole number from 1 to the {tries.played} tries there are, not {k}")


def wilson(share: float, count: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share of ``count`` independent things.

    Args:
        share: From 0 to 1; for whole things the number of successes by ``count``.
        count: How many there are.
        z: The normal quantile of the wanted confidence.

    Raises:
        ValueError: There is nothing to say anything of, or the share is none.
    """
    if count < 1 or not 0.0 <= share <= 1.0:
        raise ValueError(f"a share from 0 to 1 of at least one thing is wanted, not {share} of {count}")
    squared = z * z
    centre = share + squared / (2 * count)
    spread = z * math.sqrt(share * (1.0 - share) / count + squared / (4 * count * count))
    whole = 1.0 + squared / count
    low, high = (centre - spread) / whole, (centre + spread) / whole
    # At the two ends the formula is exact and the arithmetic is not.
    return (0.0 if share == 0.0 else max(0.0, low)), (1.0 if share == 1.0 else min(1.0, high))


def bootstrap(values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % percentile interval of a mean, by drawing cases anew with replacement.

    Args:
        values: One a case; tries at one case are alike, so cases are drawn and not tries.
        seed: Equal seeds give equal intervals.
        resamples: How often to draw.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("there is nothing to draw from")
    chance = np.random.default_rng(seed)
    array = np.asarray(values, dtype=np.float64)
    # In pieces: ten thousand draws of a thousand cases at once would take 80 MB.
    means = [array[chance.integers(0, len(array), len(array))].mean() for _ in range(resamples)]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def pass_at_1(cases: Sequence[Tries]) -> Estimate | None:
    """The mean success rate of a single try, with Wilson's interval over the cases; None where nothing counts.

    With several tries a case the interval is on the safe side: it takes a case's tries for as good as one.
    """
    shares = [tries.solved / tries.played for tries in cases if tries.played]
    if not shares:
        return None
    mean = math.fsum(shares) / len(shares)
    return Estimate(mean, *wilson(mean, len(shares)), len(shares))


def estimate(
    cases: Sequence[Tries], k: int, of_case: Callable[[Tries, int], float] = pass_at_k, seed: int = 0
) -> Estimate | None:
    """The mean over cases of `pass_at_k` or `pass_hat_k`, with a bootstrap interval; None without cases of ``k`` tries.

    Where all cases came out the same the bootstrap would give an interval without width; Wilson's is given then.

    Args:
        cases: The tries at each case; cases with fewer than ``k`` are left out.
        k: How many tries.
        of_case: What to estimate.
        seed: Of the bootstrap.
    """
    values = [of_case(tries, k) for tries in cases if tries.played >= k]
    if not values:
        return None
    mean = math.fsum(values) / len(values)
    alike = min(values) == max(values)
    low, high = wilson(mean, len(values)) if alike else bootstrap(values, seed)
    return Estimate(mean, low, high, len(values))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One player against another on the same cases.

    Attributes:
        difference: Mean of ours less theirs, from -1 to 1.
        low: The lower end of the 95 % confidence interval.
        high: The upper end.
        p: How likely a difference as large, either way, is by chance between equals.
        cases: Over how many cases.
        better: On how many of them ours was better.
        worse: On how many theirs was.
    """

    difference: float
    low: float
    high: float
    p: float
    cases: int
    better: int
    worse: int


def paired(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Comparison:
    """Compares two players case by case.

    With one try a case the test is McNemar's, exact. With shares of several tries signs of the cases' differences are
    flipped by chance. The interval is a bootstrap over cases; where all cases differ alike it has nothing to vary, and
    as many cases as Wilson's interval allows are taken to be otherwise.

    Args:
        ours: One share of successes a case, from 0 to 1.
        theirs: Theirs, of the same cases in the same order.
        seed: Of the bootstrap and of the flips.

    Raises:
        ValueError: There are no cases, or not as many of the one as of the other.
    """
    if not ours or len(ours) != len(theirs):
        raise ValueError(f"the same cases are wanted on both sides, not {len(ours)} and {len(theirs)}")
    differences = [one - other for one, other in zip(ours, theirs, strict=True)]
    mean = math.fsum(differences) / len(differences)
    if min(differences) == max(differences):
        otherwise = wilson(0.0, len(differences))[1]
        low, high = mean - otherwise * (1.0 + mean), mean + otherwise * (1.0 - mean)
    else:
        low, high = bootstrap(differences, seed)
    better, worse = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    whole = all(d in (-1.0, 0.0, 1.0) for d in differences)
    p = _mcnemar(better, worse) if whole else _sign_flips(differences, seed)
    return Comparison(mean, low, high, p, len(differences), better, worse)


def _mcnemar(better: int, worse: int) -> float:
    """Two-sided, exact: of the cases that only one side solved each side has half, by chance."""
    discordant = better + worse
    tail = sum(math.comb(discordant, k) for k in range(min(better, worse) + 1))
    return float(min(1.0, 2 * tail / 2**discordant))


def _sign_flips(differences: Sequence[float], seed: int) -> float:
    chance = np.random.default_rng(seed)
    array = np.asarray([d for d in differences if d], dtype=np.float64)
    found = abs(array.sum())
    flips = (abs((array * chance.choice((-1.0, 1.0), len(array))).sum()) for _ in range(RESAMPLES))
    return (1 + sum(bool(flipped >= found - 1e-9) for flipped in flips)) / (RESAMPLES + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values of several comparisons, each made larger so that all together err in 5 % of reports at most."""
    adjusted = [0.0] * len(ps)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        least = max(least, min(1.0, ps[place] * (len(ps) - rank)))
        adjusted[place] = least
    return adjusted
