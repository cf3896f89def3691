import pytest

from mab_gym.fhir.hapi._costs import reading_order
from tests.fhir.serving import ids, observation, patient, serve


@pytest.mark.parametrize(
    ("far", "near", "tokens", "first"),
    [
        # An upper bound is cheaper than a lower one, and between equals the resource's own date comes first.
        ("lt", ("ge",), 0, "F"),
        ("lt", ("lt",), 0, "D"),
        ("ge", ("ge",), 0, "D"),
        ("lt", ("ne",), 0, "F"),
        ("eq", ("le",), 0, "FD"),
        ("eq", ("ge",), 1, "F"),
        ("ge", ("le",), 1, "T"),
        ("lt", (), 1, "F"),
        ("sa", (), 1, "T"),
    ],
)
def test_what_is_read_first(far: str, near: tuple[str, ...], tokens: int, first: str) -> None:
    assert reading_order(far, False, near, False, tokens).startswith(first)


def test_a_time_of_day_lies_in_other_columns() -> None:
    assert reading_order("lt", False, ("ge",), False, 0)[0] == "F"
    assert reading_order("lt", False, ("ge",), True, 0)[0] == "D"


def test_results_come_by_the_far_date_or_by_the_near_one() -> None:
    session = serve(
        [
            patient("young", birthDate="1955-01-01"),
            patient("old", birthDate="1935-01-01"),
            observation("o1", "young", effectiveDateTime="2023-01-02"),
            observation("o2", "old", effectiveDateTime="2023-01-03"),
            observation("o3", "old", effectiveDateTime="2023-01-01"),
        ]
    )

    assert ids(session, "Observation?patient.birthdate=lt1960&date=ge2022") == ["o2", "o3", "o1"]
    assert ids(session, "Observation?patient.birthdate=lt1960&date=lt2024") == ["o3", "o1", "o2"]
    assert ids(session, "Observation?patient.birthdate=lt1960&code=K") == ["o2", "o3", "o1"]
    assert ids(session, "Observation?patient.birthdate=sa1930&code=K") == ["o1", "o2", "o3"]
