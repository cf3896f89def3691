"""Estimates of repeated play against what can be counted by hand, enumerated or looked up."""

from __future__ import annotations

import itertools
from statistics import fmean

import pytest

from mab_gym.runs._statistics import Tries, bootstrap, estimate, holm, paired, pass_at_1, pass_at_k, pass_hat_k, wilson


@pytest.mark.parametrize(("played", "solved"), [(1, 0), (1, 1), (4, 2), (5, 1), (6, 6)])
def test_both_estimators_are_the_means_over_all_ways_to_choose_k_tries(played: int, solved: int) -> None:
    outcomes = [1] * solved + [0] * (played - solved)
    for k in range(1, played + 1):
        chosen = list(itertools.combinations(outcomes, k))
        assert pass_at_k(Tries(played, solved), k) == pytest.approx(fmean(max(way) for way in chosen))
        assert pass_hat_k(Tries(played, solved), k) == pytest.approx(fmean(min(way) for way in chosen))


def test_more_tries_than_there_were_are_refused() -> None:
    for k in (0, 4):
        with pytest.raises(ValueError, match="from 1 to the 3 tries"):
            pass_at_k(Tries(3, 1), k)
    with pytest.raises(ValueError, match="cannot have succeeded"):
        Tries(2, 3)


def test_wilson_gives_the_published_intervals() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    for solved, played, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ):  # fmt: skip
        assert wilson(solved / played, played) == pytest.approx((low, high), abs=5e-5)


def test_the_bootstrap_follows_its_seed_and_covers_the_mean() -> None:
    values = [0.0] * 40 + [1.0] * 60
    low, high = bootstrap(values, seed=3)
    assert (low, high) == bootstrap(values, seed=3)
    assert low < 0.6 < high
    # Half of the width is 1.96 standard errors, sqrt(0.6 * 0.4 / 100) each.
    assert (high - low) / 2 == pytest.approx(1.96 * 0.049, rel=0.1)


def test_pass_at_1_weighs_cases_alike_and_leaves_out_what_does_not_count() -> None:
    found = pass_at_1([Tries(2, 2), Tries(1, 0), Tries(0, 0)])
    assert found is not None
    assert (found.value, found.cases) == (0.5, 2)
    assert (found.low, found.high) == wilson(0.5, 2)
    assert pass_at_1([Tries(0, 0)]) is None


def test_where_every_case_came_out_the_same_the_interval_still_has_a_width() -> None:
    found = estimate([Tries(3, 3)] * 10, 2)
    assert found is not None
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(0.722, abs=1e-3)
    assert estimate([Tries(1, 1)], 2) is None


def test_pass_at_k_rises_and_pass_hat_k_falls_with_k() -> None:
    cases = [Tries(4, solved) for solved in (0, 1, 2, 3, 4)]
    at = [estimate(cases, k) for k in (1, 2, 3, 4)]
    every = [estimate(cases, k, pass_hat_k) for k in (1, 2, 3, 4)]
    assert [e.value for e in at if e] == pytest.approx([0.5, 2 / 3, 0.75, 0.8])
    assert [e.value for e in every if e] == pytest.approx([0.5, 1 / 3, 0.25, 0.2])
    assert all(e is not None and e.low <= e.value <= e.high for e in (*at, *every))


def test_two_players_are_compared_by_mcnemars_exact_test() -> None:
    # Of eight cases that only one side solved it has seven: of the 2^8 ways 1 + 8 have at most one on the other side.
    ours = [1.0] * 7 + [0.0] + [1.0] * 10
    theirs = [0.0] * 7 + [1.0] + [1.0] * 10
    found = paired(ours, theirs)
    assert found.p == pytest.approx(2 * (1 + 8) / 2**8)
    assert (found.better, found.worse, found.cases) == (7, 1, 18)
    assert found.difference == pytest.approx(6 / 18)
    assert found.low < found.difference < found.high
    mirrored = paired(theirs, ours)
    assert (mirrored.p, mirrored.difference) == (found.p, -found.difference)


def test_equals_are_not_told_apart() -> None:
    found = paired([1.0, 0.0] * 20, [1.0, 0.0] * 20)
    assert (found.difference, found.p) == (0.0, 1.0)


@pytest.mark.parametrize("change", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_equal_changes_of_a_few_cases_do_not_make_certainty(change: float) -> None:
    found = paired([max(change, 0.0)] * 10, [max(-change, 0.0)] * 10)
    assert found.difference == change
    assert -1.0 <= found.low <= change <= found.high <= 1.0
    assert found.high - found.low > 0.2
    if change == 0.0:  # as Tango's interval (1998) without discordant pairs: z^2 / (n + z^2)
        assert [found.low, found.high] == pytest.approx([-0.2775, 0.2775], abs=1e-4)


def test_shares_of_several_tries_are_compared_by_flipped_signs() -> None:
    # With two cases of the same difference, a quarter of the flips are as extreme on either side: p is a half.
    assert paired([0.75, 0.75], [0.25, 0.25]).p == pytest.approx(0.5, abs=0.02)
    strong = paired([0.75] * 12, [0.25] * 12)
    assert strong.p < 0.01
    assert strong == paired([0.75] * 12, [0.25] * 12)


def test_nothing_cannot_be_compared() -> None:
    for ours in ([], [1.0]):
        with pytest.raises(ValueError, match="the same cases"):
            paired(ours, [])


def test_holms_adjustment_multiplies_step_by_step_and_never_falls() -> None:
    # By hand: 4 * 0.01, 3 * 0.02, at least as much as that, 1 * 0.09.
    assert holm([0.01, 0.02, 0.022, 0.09]) == pytest.approx([0.04, 0.06, 0.06, 0.09])
    assert holm([0.09, 0.01]) == pytest.approx([0.09, 0.02])
    assert holm([]) == []
