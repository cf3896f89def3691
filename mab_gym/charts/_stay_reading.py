"""Reads a stay from plain FHIR resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any, Final

from mab_gym.charts._elements import named, seconds_of
from mab_gym.charts._ranges import RESULTS, Range, readable_unit, reference_range
from mab_gym.charts._series import VOID, Series, add_numbers, dicts
from mab_gym.charts._stay import DrugRow, Given, Moment, ResultRow, Stay

SIGNS: Final = ("8867-4", "8480-6", "systolic", "8462-4", "diastolic", "9279-1", "2708-6", "59408-5", "8310-5")
"""The codes of vital signs: pulse, pressures, breathing, saturation, temperature."""
MOST_RESULTS: Final = 12
"""Kinds of results that are drawn, besides vital signs."""
FEW_RESULTS: Final = 4
"""Kinds of results that are drawn even where each was measured once and was in its range."""
_URGENT: Final = ("urgent", "asap", "stat")
_PAIR: Final = {"8480-6": "8462-4", "systolic": "diastolic"}
_OFFSET: Final = re.compile(r"T.*([+-])(\d\d):(\d\d)$")


def read_stay(
    title: str,
    begin: int,
    end: int,
    resources: Iterable[Mapping[str, Any]],
    zone: tzinfo = UTC,
    female: bool | None = None,
    named_at: Callable[[str], str] = lambda address: "",
) -> Stay:
    """Reads a stay from resources; those outside of its time are left out.

    Args:
        title: What it was.
        begin: Its begin, in seconds since 1970.
        end: Its end.
        resources: Resources of one patient, in any order; of resources with the same address the last one counts.
        zone: The time zone in which times are shown.
        female: The patient's sex, for reference ranges; None if it is not known.
        named_at: Tells the name of a ward by its address, as in ``Location/12``; an empty text where it has none.
    """
    stay = Stay(title, begin, end, zone)
    latest: dict[str, Mapping[str, Any]] = {}
    for number, resource in enumerate(resources):
        kind = str(resource.get("resourceType") or "")
        latest[f"{kind}/{resource.get('id') or f'?{number}'}"] = resource
    series: dict[str, Series] = {}
    drugs: dict[str, DrugRow] = {}
    for address, resource in latest.items():
        _Reading(stay, series, drugs, named_at).read(address.partition("/")[0], resource)
    _choose(stay, series, female)
    for row in drugs.values():
        row.given.sort(key=lambda each: each.time)
        row.orders.sort(key=lambda each: each.time)
    stay.drugs = sorted(drugs.values(), key=_begin)
    stay.moments.sort(key=lambda each: each.time)
    stay.places = _places(stay.places)
    return stay


def _places(found: Iterable[Moment]) -> list[Moment]:
    """Joins places of the same time, such as a ward and its bed."""
    joined: dict[tuple[int, int | None], list[str]] = {}
    for place in found:
        joined.setdefault((place.time, place.end), []).append(place.text)
    places = [Moment(time, "place", ", ".join(names), end) for (time, end), names in joined.items()]
    return sorted(places, key=lambda each: (each.time, -(each.end or 0)))


def _last(series: Series) -> str:
    """Writes the last value of a series that is not drawn."""
    points = series.trusted or series.points
    return f"{series.name} {points[-1].value:g} {readable_unit(series.unit)}".strip()


def _begin(row: DrugRow) -> int:
    return min(*(each.time for each in row.given), *(each.time for each in row.orders), 1 << 62, 1 << 62)


def zone_of(moment: object) -> tzinfo:
    """Returns the zone in which a time of FHIR is written; UTC where it has none."""
    found = _OFFSET.search(moment) if isinstance(moment, str) else None
    if found is None:
        return UTC
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)


def _choose(stay: Stay, series: dict[str, Series], female: bool | None) -> None:
    """Orders the results: vital signs, then those that were out of range or changed, at most `MOST_RESULTS`."""

    def limits(one: Series) -> Range | None:
        found = reference_range(one.code, one.unit, female)
        return one.stated if one.stated is not None else found.limits if found is not None else None

    def outside(one: Series) -> int:
        low, high = limits(one) or (None, None)
        over = (point.value for point in one.valid)
        return sum((low is not None and v < low) or (high is not None and v > high) for v in over)

    for one in series.values():
        one.points.sort(key=lambda point: point.time)
    signs = [code for code in SIGNS if code in series and code not in _PAIR.values()]
    rest = sorted((c for c in series if c not in SIGNS), key=lambda c: (-outside(series[c]), -len(series[c].points), c))
    telling = [code for code in rest if outside(series[code]) or len(series[code].points) > 1]
    drawn = telling[:MOST_RESULTS] if len(telling) >= FEW_RESULTS else rest[:FEW_RESULTS]
    for code in (*signs, *drawn):
        both = [series[each] for each in (code, _PAIR.get(code, "")) if each in series]
        known = RESULTS.get(code)
        name = "Blood pressure" if len(both) > 1 else known.name if known else both[0].name
        stay.results.append(ResultRow(name, both, [limits(each) for each in both]))
    stay.left_out = [_last(series[code]) for code in rest if code not in drawn]


class _Reading:
    """The reading of resources into a stay."""

    def __init__(
        self, stay: Stay, series: dict[str, Series], drugs: dict[str, DrugRow], named_at: Callable[[str], str]
    ) -> None:
        self._stay, self._series, self._drugs, self._named_at = stay, series, drugs, named_at

    def read(self, kind: str, resource: Mapping[str, Any]) -> None:
        """Reads one resource."""
        if resource.get("status") in VOID and kind != "Observation":
            return
        match kind:
            case "Observation":
                time = _first(resource, "effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued")
                if self._inside(time):
                    add_numbers(self._series, resource, time)
            case "MedicationAdministration":
                self._given(resource)
            case "MedicationRequest":
                self._ordered(resource)
            case "ServiceRequest" | "NutritionOrder" | "DeviceRequest":
                self._add(_first(resource, "authoredOn", "dateTime"), "order", _order(resource))
            case "DiagnosticReport":
                said = " – ".join(each for each in (named(resource.get("code")), _text(resource, "conclusion")) if each)
                if resource.get("conclusion") or not resource.get("result"):
                    self._add(_first(resource, "issued", "effectiveDateTime", "effectivePeriod"), "report", said)
            case "Communication":
                said = " ".join(_text(part, "contentString") for part in dicts(resource.get("payload")))
                alarm = resource.get("priority") in _URGENT
                self._add(_first(resource, "sent", "received"), "message", said or named(resource.get("topic")), alarm)
            case "DocumentReference":
                title = _text(resource, "description") or named(resource.get("type")) or "note"
                self._add(_first(resource, "date"), "note", title)
            case "Procedure":
                self._lasting(resource.get("performedPeriod") or resource.get("performedDateTime"), resource)
            case "Specimen":
                self._specimen(resource)
            case "Condition":
                said = named(resource.get("code"))
                self._add(_first(resource, "recordedDate"), "event", f"diagnosis: {said}" if said else "")
            case "Encounter":
                self._encounter(resource)

    def _inside(self, time: int | None) -> bool:
        return time is not None and self._stay.begin <= time <= self._stay.end

    def _add(self, time: int | None, kind: str, text: str, alarm: bool = False, end: int | None = None) -> None:
        if time is not None and self._inside(time) and text:
            self._stay.moments.append(Moment(time, kind, text, end, alarm))

    def _row(self, resource: Mapping[str, Any]) -> DrugRow:
        concept = resource.get("medicationCodeableConcept") or resource.get("medicationReference")
        name = named(concept) or "(drug without a name)"
        return self._drugs.setdefault(name.casefold(), DrugRow(name))

    def _given(self, resource: Mapping[str, Any]) -> None:
        period = resource.get("effectivePeriod")
        time = seconds_of(resource.get("effectiveDateTime") or period)
        if time is None or not self._stay.begin <= time <= self._stay.end:
            return
        dosage = resource.get("dosage")
        said = dosage if isinstance(dosage, dict) else {}
        if resource.get("status") == "not-done":
            why = named(resource.get("statusReason")) or "not given"
            self._row(resource).given.append(Given(time, why, missed=True))
            return
        end = seconds_of(period.get("end")) if isinstance(period, dict) and period.get("end") else None
        lasts = isinstance(period, dict)
        rate = _rate(said)
        text = _text(said, "text") or ", ".join(part for part in (_amount(said), named(said.get("route"))) if part)
        goes_on = lasts and end is None
        given = Given(time, text, end if lasts else None, rate if lasts else None, goes_on)
        self._row(resource).given.append(given)

    def _ordered(self, resource: Mapping[str, Any]) -> None:
        time = _first(resource, "authoredOn")
        if time is None or not self._inside(time):
            return
        said = next((_text(each, "text") for each in dicts(resource.get("dosageInstruction"))), "")
        row = self._row(resource)
        row.orders.append(Moment(time, "order", f"{row.name}: {said}" if said else row.name))

    def _lasting(self, when: Any, resource: Mapping[str, Any]) -> None:
        end = seconds_of(when.get("end")) if isinstance(when, dict) and when.get("end") else None
        self._add(seconds_of(when), "event", named(resource.get("code")), end=end)

    def _specimen(self, resource: Mapping[str, Any]) -> None:
        said = [named(each) for each in dicts(resource.get("condition"))]
        collected = resource.get("collection")
        time = _first(collected, "collectedDateTime", "collectedPeriod") if isinstance(collected, dict) else None
        if said:
            kind = named(resource.get("type")) or "specimen"
            self._add(time or _first(resource, "receivedTime"), "event", f"{kind}: {', '.join(said).lower()}", True)

    def _encounter(self, resource: Mapping[str, Any]) -> None:
        for each in dicts(resource.get("location")):
            period = each.get("period") or resource.get("period")
            place = each.get("location")
            time = seconds_of(period)
            if not isinstance(place, dict) or not isinstance(period, dict) or time is None:
                continue
            name = str(place.get("display") or self._named_at(str(place.get("reference") or "")))
            end = seconds_of(period.get("end")) if period.get("end") else self._stay.end
            if name and end is not None and end >= self._stay.begin and time <= self._stay.end:
                began, ended = max(time, self._stay.begin), min(end, self._stay.end)
                self._stay.places.append(Moment(began, "place", name, ended))


def _first(resource: Mapping[str, Any], *names: str) -> int | None:
    return next((found for name in names if (found := seconds_of(resource.get(name))) is not None), None)


def _text(resource: Mapping[str, Any], name: str) -> str:
    value = resource.get(name)
    return value.strip() if isinstance(value, str) else ""


def _order(resource: Mapping[str, Any]) -> str:
    diet = resource.get("oralDiet")
    said = named(resource.get("code")) or (named(diet.get("type")) if isinstance(diet, dict) else "")
    extra = _text(resource, "priority")
    return f"{said} ({extra})" if said and extra in _URGENT else said


def _amount(dosage: Mapping[str, Any]) -> str:
    parts = []
    for name in ("dose", "rateQuantity"):
        quantity = dosage.get(name)
        if isinstance(quantity, dict) and "value" in quantity:
            unit = str(quantity.get("unit") or quantity.get("code") or "")
            parts.append(f"{quantity['value']} {unit}".strip())
    return ", ".join(parts)


def _rate(dosage: Mapping[str, Any]) -> float | None:
    quantity = dosage.get("rateQuantity")
    if not isinstance(quantity, dict):
        ratio = dosage.get("rateRatio")
        quantity = ratio.get("numerator") if isinstance(ratio, dict) else dosage.get("dose")
    value = quantity.get("value") if isinstance(quantity, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
