"""Statistics of repeated play: pass@1, pass@k and pass^k with 95 % confidence intervals, and paired comparisons.

Sources: pass@k by the unbiased estimator of Chen et al. 2021 (arXiv 2107.03374); pass^k, the chance that k tries all
succeed, by its counterpart in Yao et al. 2024 (tau-bench, arXiv 2406.12045); the interval of a share by Wilson 1927;
two agents on the same cases by McNemar 1947, in its exact form; several comparisons by Holm 1979.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
"""The normal quantile that leaves 2.5 % on either side."""
RESAMPLES = 10_000
"""The number of bootstrap samples."""
_BLOCK = 100_000
"""So many values are drawn at once: the same as one sample after another, in a tenth of the time, within a megabyte."""


@dataclass(frozen=True, slots=True)
class Tries:
    """The outcomes of the tries at one case.

    Attributes:
        played: The number of tries that count.
        solved: The number of successful tries.
    """

    played: int
    solved: int

    def __post_init__(self) -> None:
        if not 0 <= self.solved <= self.played:
            raise ValueError(f"{self.solved} of {self.played} tries cannot have succeeded")


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated share with its confidence interval; all values from 0 to 1.

    Attributes:
        value: The estimate.
        low: The lower end of the 95 % confidence interval.
        high: The upper end of the 95 % confidence interval.
        cases: The number of cases.
    """

    value: float
    low: float
    high: float
    cases: int


def pass_at_k(tries: Tries, k: int) -> float:
    """Estimates the chance that at least one of ``k`` tries at a case succeeds (pass@k), without bias.

    Raises:
        ValueError: ``k`` is below 1, or there are fewer than ``k`` tries.
    """
    _check(tries, k)
    failed = tries.played - tries.solved
    return 1.0 - math.comb(failed, k) / math.comb(tries.played, k)


def pass_hat_k(tries: Tries, k: int) -> float:
    """Estimates the chance that all of ``k`` tries at a case succeed (pass^k), without bias.

    Raises:
        ValueError: ``k`` is below 1, or there are fewer than ``k`` tries.
    """
    _check(tries, k)
    return math.comb(tries.solved, k) / math.comb(tries.played, k)


def _check(tries: Tries, k: int) -> None:
    if not 1 <= k <= tries.played:
        raise ValueError(f"k is a whole number from 1 to the {tries.played} tries there are, not {k}")


def wilson(share: float, count: int, z: float = Z95) -> tuple[float, float]:
    """Returns the score interval of a share of ``count`` independent trials.

    Args:
        share: The share, from 0 to 1.
        count: The number of trials, at least 1.
        z: The normal quantile of the confidence level.

    Raises:
        ValueError: The count is below 1, or the share is not between 0 and 1.
    """
    if count < 1 or not 0.0 <= share <= 1.0:
        raise ValueError(f"a share from 0 to 1 of at least one thing is wanted, not {share} of {count}")
    squared = z * z
    centre = share + squared / (2 * count)
    spread = z * math.sqrt(share * (1.0 - share) / count + squared / (4 * count * count))
    whole = 1.0 + squared / count
    low, high = (centre - spread) / whole, (centre + spread) / whole
    # At the two ends the formula is exact, but floating-point arithmetic is not.
    return (0.0 if share == 0.0 else max(0.0, low)), (1.0 if share == 1.0 else min(1.0, high))


def bootstrap(values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Returns the 95 % percentile interval of a mean, by the bootstrap over cases.

    Args:
        values: One value per case. Tries at one case are correlated, so cases are drawn and not tries.
        seed: The seed; equal seeds give equal intervals.
        resamples: The number of bootstrap samples.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("there is nothing to draw from")
    chance = np.random.default_rng(seed)
    array = np.asarray(values, dtype=np.float64)
    means = [array[chance.integers(0, len(array), shape)].mean(axis=1) for shape in _blocks(resamples, len(array))]
    low, high = np.percentile(np.concatenate(means), (2.5, 97.5))
    return float(low), float(high)


def _blocks(count: int, length: int) -> Iterator[tuple[int, int]]:
    """Yields the shapes in which so many samples of a length are drawn."""
    most = max(1, _BLOCK // length)
    for start in range(0, count, most):
        yield min(most, count - start), length


def numbers_of_tries(most: int) -> list[int]:
    """Returns the k for which pass@k and pass^k are shown, beside pass@1.

    Args:
        most: The number of tries at each case.
    """
    return sorted({k for k in (2, 3, 4, 5, 8, 16, 32, 64) if k < most} | ({most} if most > 1 else set()))


def pass_at_1(cases: Sequence[Tries]) -> Estimate | None:
    """Estimates the success rate of a single try, with Wilson's interval over the cases; None if no try counts.

    With several tries per case the interval is conservative: it treats the tries at a case as one.
    """
    shares = [tries.solved / tries.played for tries in cases if tries.played]
    if not shares:
        return None
    mean = math.fsum(shares) / len(shares)
    return Estimate(mean, *wilson(mean, len(shares)), len(shares))


def estimate(
    cases: Sequence[Tries], k: int, of_case: Callable[[Tries, int], float] = pass_at_k, seed: int = 0
) -> Estimate | None:
    """Estimates pass@k or pass^k over cases, with a bootstrap interval; None if no case has ``k`` tries.

    If all cases have the same value, the bootstrap interval would have no width; Wilson's is returned then.

    Args:
        cases: The tries at each case; cases with fewer than ``k`` are left out.
        k: The number of tries.
        of_case: The estimate for one case: `pass_at_k` or `pass_hat_k`.
        seed: The seed of the bootstrap.
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
    """A comparison of two agents on the same cases.

    Attributes:
        difference: The mean of ours minus theirs, from -1 to 1.
        low: The lower end of the 95 % confidence interval.
        high: The upper end of the 95 % confidence interval.
        p: The two-sided p value: the chance of so large a difference between equal agents.
        cases: The number of cases.
        better: The number of cases on which ours was better.
        worse: The number of cases on which theirs was better.
    """

    difference: float
    low: float
    high: float
    p: float
    cases: int
    better: int
    worse: int


def paired(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Comparison:
    """Compares two agents case by case.

    With one try per case the test is McNemar's, exact. With several tries it is a permutation test: the signs of the
    cases' differences are flipped at random. The interval is a bootstrap over cases. If all cases differ by the same
    amount, the bootstrap has nothing to vary; then as many cases as Wilson's interval allows count as different.

    Args:
        ours: Our share of successes in each case, from 0 to 1.
        theirs: Their share of successes in the same cases, in the same order.
        seed: The seed of the bootstrap and of the flips.

    Raises:
        ValueError: There are no cases, or the two numbers of cases differ.
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
    """Returns McNemar's exact two-sided p value: by chance, each side solves half of the discordant cases."""
    discordant = better + worse
    tail = sum(math.comb(discordant, k) for k in range(min(better, worse) + 1))
    return float(min(1.0, 2 * tail / 2**discordant))


def _sign_flips(differences: Sequence[float], seed: int) -> float:
    chance = np.random.default_rng(seed)
    array = np.asarray([d for d in differences if d], dtype=np.float64)
    found = abs(array.sum())
    signs = (chance.choice((-1.0, 1.0), shape) for shape in _blocks(RESAMPLES, len(array)))
    as_far = sum(int((abs((array * each).sum(axis=1)) >= found - 1e-9).sum()) for each in signs)
    return (1 + as_far) / (RESAMPLES + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusts the p values of several comparisons by Holm's method, so that the family-wise error rate holds."""
    adjusted = [0.0] * len(ps)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        least = max(least, min(1.0, ps[place] * (len(ps) - rank)))
        adjusted[place] = least
    return adjusted
