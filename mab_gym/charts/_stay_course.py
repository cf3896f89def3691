"""A stay on the clock as an episode's record tells it (`mab_gym.tasking.stay.StayRecord.to_data`), on one time axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mab_gym.charts._ranges import RESULTS, Range, flag, readable_unit
from mab_gym.charts._series import ResultPoint, Series
from mab_gym.charts._stay import DrugRow, Given, Moment, ResultRow, Stay

_ROWS: Final = 8
"""Rows of results, at most, besides those whose true course is known."""
_MANY: Final = 400
"""Actions that are shown, at most."""
_UNITS: Final = {"[iU]": "units", "meq": "mEq", "ug": "mcg", "[iU]/h": "units/h"}
_METERS: Final = ("glucose_poc", "glucose_meter")
"""Analytes that the nurses' meter tells; their true course is that of glucose."""
_TRUE: Final = {"gfr": ("Filtration", "mL/min"), "insulin": ("Insulin in plasma", "mU/L")}
"""Names and units of true values that no laboratory measures."""
_SHOWN: Final = ("accepted", "changed", "stopped", "refused")


def course_stay(told: Mapping[str, Any], title: str, actions: Sequence[str] = ()) -> Stay:
    """Returns the stay of an episode: results, doses, orders, events, messages and the agent's actions.

    Args:
        told: The stay, as `StayRecord.to_data` gives it.
        title: What it was, such as the case's id.
        actions: The agent's messages, as the environment received them; those that reached the record system are told
            by the record of the stay, the last one ends it.
    """
    return _Telling(told).stay(title, actions)


class _Telling:
    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told
        begun = datetime.fromisoformat(str(told["begun"]))
        self.begin = int(begun.timestamp())
        self.end = self.at(max(int(told["minute"]), 1))
        self.zone = begun.tzinfo

    def at(self, minute: float) -> int:
        """Returns the time of a minute."""
        return self.begin + int(60 * minute)

    def rows(self, name: str) -> Sequence[Mapping[str, Any]]:
        """Returns one of the lists of the record."""
        found: Sequence[Mapping[str, Any]] = self.told.get(name) or ()
        return found

    def stay(self, title: str, actions: Sequence[str]) -> Stay:
        """Returns the whole stay."""
        stay = Stay(title, self.begin, self.end, *(() if self.zone is None else (self.zone,)))
        stay.results = self.results(stay)
        stay.drugs = self.drugs()
        for event in self.rows("events"):
            stay.moments.append(
                Moment(self.at(event["minute"]), "event", str(event["text"]), alarm=bool(event["harm"]))
            )
        for message in self.rows("messages"):
            text = f"the agent: {message['text']}" if message["by_agent"] else str(message["text"])
            stay.moments.append(Moment(self.at(message["minute"]), "message", text, alarm=bool(message["urgent"])))
        for order in self.rows("orders"):
            if order["by_agent"] and order["what"] in _SHOWN:
                text = f"{order['what']}: {order['text']}"
                stay.moments.append(Moment(self.at(order["minute"]), "order", text, alarm=order["what"] == "refused"))
        stay.moments += self.actions(actions)
        stay.moments.sort(key=lambda each: each.time)
        return stay

    def actions(self, said: Sequence[str]) -> list[Moment]:
        """Returns the agent's requests, and its end."""
        found = [
            Moment(self.at(each["minute"]), "action", f"{each['method']} {each['target']} → {each['status']}")
            for each in self.rows("actions")
        ][:_MANY]
        left = self.told.get("left")
        if left is not None and said and said[-1].lstrip().startswith("FINISH"):
            found.append(Moment(self.at(left), "action", " ".join(said[-1].split())[:300]))
        return found

    def results(self, stay: Stay) -> list[ResultRow]:
        """Returns a row for each analyte: those that the body decides, with their true course, then others.

        Further results are named in the stay's `left_out`.
        """
        series: dict[str, Series] = {}
        for each in self.rows("results"):
            key, time = str(each["analyte"]), self.at(each["drawn"])
            name, unit, _ = _about(key)
            if each["value"] is None:
                text = f"{name}: {'haemolysed' if each['haemolysed'] else 'no value'}"
                stay.moments.append(Moment(time, "event", text, alarm=True))
                continue
            found = series.setdefault(key, Series(key, name, unit or _UNITS.get(each["unit"], str(each["unit"]))))
            found.points.append(ResultPoint(time, float(each["value"]), False, "final", bool(each["haemolysed"])))
        true: Mapping[str, Sequence[Sequence[float]]] = self.told.get("truth") or {}
        shown = {key for key in true if key.endswith("_rate")}  # the row of the drug shows it
        shown |= {"glucose"} if any(key in _METERS for key in series) else set()
        rows: list[ResultRow] = []
        judged = [key for key in series if key in true or key in _METERS]
        others = sorted((key for key in series if key not in judged), key=lambda key: not _outside(key, series[key]))
        for key in (*judged, *(key for key in true if key not in series and key not in shown), *others):
            name, unit, limits = _about(key)
            one = series.get(key, Series(key, name, unit))
            one.points.sort(key=lambda point: point.time)
            found_true = true.get(key) or (true.get("glucose", ()) if key in _METERS else ())
            course = [(self.at(minute), float(value)) for minute, value in found_true]
            row = ResultRow(name, [one], [limits], course)
            if course or (len(rows) < _ROWS and (len(one.points) > 1 or _outside(key, one))):
                rows.append(row)
            else:
                stay.left_out.append(f"{name} {one.points[-1].value:g} {readable_unit(one.unit)}".strip())
        return rows

    def drugs(self) -> list[DrugRow]:
        """Returns a row for each drug, those that the agent ordered first."""
        rows: dict[str, DrugRow] = {}
        ends = {(each["order"], each["minute"]) for each in self.rows("given") if each["status"] == "stopped"}
        given = [each for each in self.rows("given") if each["status"] != "stopped"]
        for place, each in enumerate(given):
            row = rows.setdefault(each["drug"], DrugRow(str(each["drug"])))
            if each["status"] == "held":
                row.given.append(Given(self.at(each["minute"]), f"held: {each['reason']}", missed=True))
                continue
            later = [
                other["minute"]
                for other in given[place + 1 :]
                if other["order"] == each["order"] and other["status"] == "given"
            ]
            row.given.append(self.dose(each, later, [minute for order, minute in ends if order == each["order"]]))
        accepted = {order["order"]: order for order in self.rows("orders") if _is_new(order)}
        for address in dict.fromkeys(each["order"] for each in given):
            order = accepted.get(address)
            if order is not None:
                drug = next(each["drug"] for each in given if each["order"] == address)
                rows[drug].orders.append(Moment(self.at(order["minute"]), "order", str(order["text"])))
        return sorted(rows.values(), key=lambda row: not row.orders)

    def dose(self, each: Mapping[str, Any], later: Sequence[int], stops: Sequence[int]) -> Given:
        """Returns a dose, with the end of an infusion: its own, a stop, or the next rate of the same order."""
        minute, amount = each["minute"], float(each["amount"])
        unit = _UNITS.get(each["unit"], str(each["unit"]))
        lasts = each["minutes"]
        if lasts == 0:
            return Given(self.at(minute), f"{amount:g} {unit} {each['route']}")
        known = [stop for stop in stops if stop >= minute]
        if lasts is None:
            known += [next_ for next_ in later if next_ > minute]
            end = min(known, default=None)
            text, rate = f"{amount:g} {unit}/h {each['route']}", amount
        else:
            end = min([minute + lasts, *known])
            rate = 60 * amount / lasts
            text = f"{amount:g} {unit} {each['route']} over {_spoken(lasts)}"
        over = self.end if end is None else min(self.at(end), self.end)
        return Given(self.at(minute), text, over, float(f"{rate:.4g}"), goes_on=end is None)


def _outside(key: str, series: Series) -> bool:
    limits = _about(key)[2]
    return any(flag(point.value, limits) for point in series.trusted)


def _is_new(order: Mapping[str, Any]) -> bool:
    return bool(order["by_agent"]) and order["what"] == "accepted"


def _spoken(minutes: float) -> str:
    return f"{minutes / 60:g} h" if minutes >= 120 else f"{minutes:g} min"


def _about(key: str) -> tuple[str, str, Range | None]:
    """Returns an analyte's name, its unit and its reference range (that of both sexes together)."""
    from mab_gym.cohort.hospital._catalogue_results import ANALYTES  # noqa: PLC0415  (tables are read with it)

    analyte = ANALYTES.get(key)
    if analyte is None:
        return *_TRUE.get(key, (key.replace("_", " "), "")), None
    lows = [value for value in (analyte.women_low, analyte.men_low) if not math.isnan(value)]
    highs = [value for value in (analyte.women_high, analyte.men_high) if not math.isnan(value)]
    limits = (min(lows) if lows else None, max(highs) if highs else None)
    known = RESULTS.get(analyte.loinc)
    return known.name if known else analyte.short, analyte.unit, None if limits == (None, None) else limits
