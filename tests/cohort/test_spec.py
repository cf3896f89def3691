from __future__ import annotations

import pytest

from mab_gym.cohort._spec import CANONICAL, TRAIN, VALIDATION, CohortSpec, scaled
from mab_gym.errors import UsageError


def test_the_canonical_counts_sum_up_to_the_published_number_of_records() -> None:
    spec = CANONICAL
    assert spec.observations + spec.procedures + spec.conditions + spec.medication_requests == 785_207
    assert (spec.patients, spec.background_patients) == (100, 595)


def test_scaling_keeps_the_records_a_person() -> None:
    spec = scaled(10)
    assert (spec.patients, spec.background_patients, spec.observations) == (10, 59, 56_342)
    assert scaled(1000).procedures == 1_249_690
    assert scaled(10, TRAIN).seed == TRAIN.seed


def test_canonical_and_train_have_a_share_of_people_each_for_themselves() -> None:
    shares = [spec.share for spec in (CANONICAL, TRAIN, VALIDATION, scaled(100), CohortSpec("mine", 1))]
    assert len({*shares[:3]}) == 3
    assert not {*shares[:3]} & {*shares[3:]}
    assert scaled(1000, TRAIN, 7).share == TRAIN.share
    assert scaled(1000, VALIDATION, 7).share == VALIDATION.share


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"seed": 1 << 32},
        {"patients": 0},
        {"background_patients": -1},
        {"observations": 29_999},
        {"conditions": 100},
        {"patients": 2_000_000},
    ],
)
def test_a_spec_that_cannot_be_met_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        CohortSpec(**({"name": "wrong", "seed": 1} | wrong))  # type: ignore[arg-type]
