import numpy as np
import pytest

from mab_gym.fhir.model._dates import DateComparison, date_error, parse_comparison, read_date, stored_period
from mab_gym.fhir.model._outcome import FhirError


@pytest.mark.parametrize(
    ("text", "low_day", "high_day"),
    [("2023", 20230101, 20231231), ("2023-02", 20230201, 20230228), ("2024-02", 20240201, 20240229)],
)
def test_a_partial_date_is_all_of_its_days(text: str, low_day: int, high_day: int) -> None:
    period = read_date(text)

    assert period is not None
    assert (period.low_day, period.high_day) == (low_day, high_day)
    assert not period.timed


def test_days_are_read_off_the_text_in_the_zone_in_which_it_is_written() -> None:
    period = read_date("2023-11-12T23:30:00-08:00")

    assert period is not None
    assert period.low_day == 20231112
    assert period.low == read_date("2023-11-13T07:30:00Z").low  # type: ignore[union-attr]


def test_a_stored_time_is_an_instant_and_an_asked_one_a_second() -> None:
    asked, stored = read_date("2023-11-12T10:15:00Z"), stored_period("2023-11-12T10:15:00Z")

    assert asked is not None
    assert stored is not None
    assert asked.high - asked.low == 999
    assert stored.high == stored.low


@pytest.mark.parametrize("text", ["2023-13", "2023-02-30", "23", "", "2023-11-12T25:00", "2023-11-12T10:15:00+24:00"])
def test_what_is_no_date(text: str) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_the_ends_of_the_calendar_can_be_written_in_any_zone(text: str) -> None:
    assert read_date(text) is not None


def test_an_open_period_reaches_to_the_end_of_time() -> None:
    period = stored_period({"start": "2023-01-01"})

    assert period is not None
    assert period.high_day == 90000101


def holds(question: str, stored: str) -> bool:
    period = stored_period(stored)
    assert period is not None
    return parse_comparison(question).matches(period)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("2023-11-12", True),
        ("eq2023-11", True),
        ("ne2023-11-12", False),
        ("gt2023-11-12", False),
        ("ge2023-11-12", True),
        ("lt2023-11-12", False),
        ("le2023-11-12", True),
        ("sa2023-11-11", True),
        ("eb2023-11-13", True),
        (">2023-11-11", True),
        ("<=2023-11-11", False),
        ("ge2023-11-12T10:15:01Z", False),
        ("le2023-11-12T10:15:00Z", True),
    ],
)
def test_comparators(question: str, found: bool) -> None:
    assert holds(question, "2023-11-12T10:15:00Z") is found


def test_a_day_is_compared_by_day_number_whatever_the_zone() -> None:
    assert holds("2023-11-12", "2023-11-12T23:30:00-08:00")


def test_from_a_year_on_begins_with_its_last_day() -> None:
    """HAPI compares ``ge`` of a partial date with the far end of the period."""
    assert not holds("ge2023", "2023-11-12T10:15:00Z")
    assert holds("ge2023", "2023-12-31T10:15:00Z")


def test_arrays_and_single_values_agree() -> None:
    stored = [stored_period(f"2023-11-{day:02}T0{day % 10}:00:00Z") for day in range(1, 29)]
    columns = [np.array([getattr(p, name) for p in stored]) for name in ("low", "high", "low_day", "high_day")]

    for question in ("2023-11-12", "ge2023-11-12", "lt2023-11-12T02:00:00Z", "ne2023-11-20", "sa2023-11-20"):
        comparison: DateComparison = parse_comparison(question)
        one_by_one = [comparison.matches(period) for period in stored if period is not None]
        assert comparison.matches_array(*columns).tolist() == one_by_one


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("foo2023", "HAPI-1941: Invalid prefix"),
        ("yesterday", "HAPI-1940: Invalid date/time/quantity format"),
        ("ap2023-11-12", "HAPI-1925: Unknown comparator"),
        ("ge-P1D", 'HAPI-1882: Invalid date/time format: "-P1D"'),
        ("2023-13-01", "HAPI-1882"),
    ],
)
def test_questions_that_hapi_refuses(text: str, start: str) -> None:
    with pytest.raises(FhirError) as refused:
        parse_comparison(text)

    assert refused.value.status == 400
    assert refused.value.issues[0].diagnostics.startswith(start)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2023/11/12", "Expected character '-' at index 4 but found /"),
        ("2023-11-12 10:15:00", "Expected character 'T' at index 10 but found  "),
        ("2023-11-12T10.15:00", "Expected character ':' at index 13 but found ."),
        ("2023-11-12T10:15:00+0100", 'Timezone offset must be in the form "Z", "-HH:mm", or "+HH:mm"'),
    ],
)
def test_a_refusal_names_the_place_that_is_wrong(text: str, end: str) -> None:
    assert date_error(text) == f'HAPI-1883: Invalid date/time format: "{text}": {end}'
