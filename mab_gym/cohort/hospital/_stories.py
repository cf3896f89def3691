"""What a person's record holds in notes alone: drawn for each person, with times, before any note is written.

All shares are our choice, so that each person has several such facts and most tasks find people for them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from mab_gym.cohort.hospital._catalogue import ALLERGENS, DRUGS, REACTIONS
from mab_gym.cohort.hospital._facts import Tale
from mab_gym.cohort.hospital._history import NOW, RECORDS_FROM, Allergy, Fact, Prescription, Relative, Staff
from mab_gym.cohort.hospital._history import local as local_time
from mab_gym.cohort.hospital._notes_past import DAY, Past
from mab_gym.cohort.hospital._notes_style import MONTHS_LONG, amount, unit_text
from mab_gym.cohort.hospital._notes_words import RELATIONS
from mab_gym.cohort.hospital._phrases import Draw, phrases, texts

TALKS: Final = frozenset({"clinic", "admission", "telephone", "consult"})
"""Notes of those who ask about drugs."""
MEETINGS: Final = TALKS | {"nursing", "discharge"}
GOALS: Final = frozenset({"clinic", "admission", "consult", "nursing", "discharge", "progress"})
"""Notes in which people talk about how far treatment should go."""
STORIES: Final = "stories"
YEAR: Final = 365 * DAY


def _texts(rule: str) -> tuple[str, ...]:
    return texts(STORIES, rule)


def _has(rule: str) -> bool:
    return rule in phrases(STORIES)


def month(moment: int) -> str:
    """Returns month and year as the tales write them: ``June 2023``."""
    day = local_time(moment)
    return f"{MONTHS_LONG[day.month - 1]} {day.year}"


def month_day(moment: int) -> str:
    """Returns a day as the tales write it: ``June 3, 2023``."""
    day = local_time(moment)
    return f"{MONTHS_LONG[day.month - 1]} {day.day}, {day.year}"


class Stories:
    """Draws the tales of a person.

    Attributes:
        tales: What was drawn.
        letters: Letters from elsewhere that are due: the time, the place in `Staff.outside`, the tale that it tells.
    """

    def __init__(self, staff: Staff, past: Past, draw: Draw) -> None:
        self._staff = staff
        self._past = past
        self._history = past.history
        self._person = past.history.person
        self._draw = draw
        self._end = self._person.died if self._person.died is not None else NOW
        born = datetime(self._person.born.year, self._person.born.month, self._person.born.day, 12, tzinfo=UTC)
        self._born = int(born.timestamp())
        self._age = self._person.age(self._end)
        female = self._person.female
        self._he = {
            "he": "she" if female else "he",
            "him": "her" if female else "him",
            "his": "her" if female else "his",
        }
        self._contact = next((one for one in self._person.relatives if one.contact), None)
        self.tales: list[Tale] = []
        self.letters: list[tuple[int, int, Tale]] = []

    def all(self) -> list[Tale]:
        """Draws all tales and returns them."""
        if not self._history.visits:
            return []
        self._drugs()
        self._over_the_counter()
        self._allergies()
        self._elsewhere()
        self._home()
        if self._age >= 18:
            self._wishes()
            self._agreed()
        return self.tales

    def _between(self, first: int, last: int) -> int:
        return first + int((last - first) * self._draw.number() / (1 << 30))

    def _tale(
        self,
        subject: str,
        rule: str,
        section: str,
        since: int,
        says: dict[str, Any],
        slots: dict[str, str],
        kinds: frozenset[str] = MEETINGS,
        until: int | None = None,
        wrong: bool = True,
    ) -> Tale:
        fact = Fact(subject, {**says, "since": local_time(since).date().isoformat()}, since, until)
        slots = {**slots, "month": month(since), "month_day": month_day(since), "year": slots.get("year", "")}
        tale = Tale(fact, rule, section, slots, kinds, wrong=wrong)
        self.tales.append(tale)
        return tale

    def _fill(self, text: str) -> str:
        return text.format_map(_Filled(self._he, self._relation()))

    def _relation(self, one: Relative | None = None) -> str:
        one = one or self._contact
        if one is None:
            return "neighbor"
        return relation_word(one, self._person.female)

    def _drugs(self) -> None:
        """How drugs for home are really taken; a stop fits to what the pharmacy gave out."""
        for prescription in self._past.home:
            end = min(prescription.end or self._end, self._end)
            if prescription.needed or prescription.times <= 0 or end - prescription.start < 100 * DAY:
                continue
            careless = prescription.adherence < 0.8
            if not self._draw.chance(0.55 if careless else 0.06):
                continue
            self._taken(prescription, end)
        costly = [one for one in self._past.home if one.drug in _COSTLY and (one.end or self._end) - one.start > YEAR]
        if costly and self._draw.chance(0.3):
            one = self._draw.pick(costly)
            since = self._between(max(one.start, RECORDS_FROM), min(one.end or self._end, self._end))
            price = self._draw.between(4, 38) * 10
            slots = {"drug": _name(one.drug), "price": str(price)}
            self._tale(
                f"drug:{one.drug}:cost", "cost", "meds", since, {"dollars_a_month": price}, slots, TALKS, one.end
            )

    def _taken(self, prescription: Prescription, end: int) -> None:
        draw = self._draw
        key = prescription.drug
        klass = DRUGS[key].klass if key in DRUGS else ""
        own = _texts(f"why.{klass}") if klass and _has(f"why.{klass}") else ()
        why = draw.pick(own) if own and draw.chance(0.6) else draw.pick(_texts("why.any"))
        since = self._between(max(prescription.start + 30 * DAY, RECORDS_FROM), max(end - 20 * DAY, RECORDS_FROM))
        if since <= prescription.start or since >= end:
            return
        dose = f"{amount(prescription.dose)} {unit_text(prescription.unit)}"
        slots = {"drug": _name(key), "dose_text": dose, "why": why}
        says: dict[str, Any] = {"why": why}
        last = prescription.dispensed[-1] if prescription.dispensed else None
        ran_out = last is not None and end - last > 150 * DAY
        if ran_out and last is not None:
            since, rule, says = max(since, last + 20 * DAY), "taken_stopped", {"takes": False, **says}
            if since >= end:
                return
        elif prescription.adherence < 0.5 and draw.chance(0.5):
            rule, says = "taken_stopped", {"takes": False, **says}
        elif draw.chance(0.45) and prescription.dose > 1 and prescription.unit == "mg":
            half = prescription.dose / 2
            slots["really"] = f"{amount(half)} mg"
            rule, says = "taken_half", {"takes": True, "dose": half, "unit": "mg", **says}
        else:
            missed = draw.between(2, 4) if prescription.adherence < 0.7 else draw.between(1, 2)
            slots["missed"] = str(missed)
            rule, says = "taken_skips", {"takes": True, "missed_days_a_week": missed, **says}
        self._tale(f"drug:{key}:taken", rule, "meds", since, says, slots, MEETINGS, prescription.end)

    def _over_the_counter(self) -> None:
        draw = self._draw
        pool = _texts("otc.adult") if self._age >= 18 else _texts("otc.child")
        count = 0 if draw.chance(0.3) else 1 + draw.chance(0.3)
        for text in draw.some(pool, count):
            name, dose, number, why = text.split(";")
            since = self._between(max(RECORDS_FROM, self._born + 10 * YEAR), self._end - 30 * DAY)
            if since < RECORDS_FROM or (name == "saw palmetto" and self._person.female):
                continue
            until = since + draw.between(200, 1500) * DAY if draw.chance(0.35) else None
            days = draw.between(2, 7)
            slots = {"otc": name, "otc_dose": dose, "times_w": str(days), "for_w": why}
            says = {"takes": True, "dose_mg": float(number), "days_a_week": days, "for": why}
            key = name.lower().replace(" ", "_").replace("'", "").replace(".", "")
            self._tale(f"otc:{key}", "otc", "meds", since, says, slots, MEETINGS, until)
            if until is not None and until < self._end:
                reason = draw.pick(_texts("why.any"))
                stopped = {"otc": name, "why": reason}
                self._tale(
                    f"otc:{key}", "otc_stopped", "meds", until, {"takes": False, "why": reason}, stopped, MEETINGS
                )

    def _allergies(self) -> None:
        for allergy in self._history.allergies:
            if allergy.recorded <= self._end and self._draw.chance(0.85):
                self._allergy(allergy)

    def _allergy(self, allergy: Allergy) -> None:
        draw = self._draw
        allergen = ALLERGENS[allergy.key].display.lower() if allergy.key in ALLERGENS else allergy.key
        rule = f"reaction.{allergy.reaction}"
        how = self._fill(draw.pick(_texts(rule if _has(rule) else "reaction.any")))
        speed = "quick" if allergy.reaction in _QUICK else "slow" if allergy.reaction in _SLOW else "any"
        after = draw.pick(_texts(f"after.{speed}"))
        grave = allergy.severe == "severe" and allergy.reaction in _GRAVE
        treated = draw.pick(_texts("treated.severe" if grave else "treated.any"))
        year = local_time(allergy.onset).year
        others = sorted(key for key in REACTIONS if key not in (allergy.reaction, "sneezing", "tendon_pain"))
        other = REACTIONS[draw.pick(others)].display.lower()
        slots = {
            "allergen": allergen,
            "how": how,
            "after": after,
            "treated": treated,
            "other": other,
            "year": str(year),
        }
        says = {"reaction": allergy.reaction, "how": how, "year": year, "after": after, "treated": treated}
        since = max(allergy.recorded, RECORDS_FROM)
        subject = f"allergy:{allergy.key}:reaction"
        self._tale(subject, "allergy_detail", "allergies", since, says, slots, MEETINGS, allergy.refuted)
        forbidden = ALLERGENS[allergy.key].drugs if allergy.key in ALLERGENS else ()
        if forbidden and not allergy.refuted and allergy.severe != "severe" and draw.chance(0.2):
            later = self._between(since, self._end)
            given = _name(draw.pick(forbidden))
            told = {"drug": given, "allergen": allergen, "year": str(local_time(later).year)}
            fact = {"drug": given, "year": local_time(later).year}
            self._tale(f"allergy:{allergy.key}:tolerated", "tolerated", "allergies", later, fact, told, TALKS)

    def _elsewhere(self) -> None:
        """Results, vaccines and visits elsewhere; each result comes with a letter."""
        draw = self._draw
        known = {problem.key for problem in self._history.problems if problem.known is not None}
        fitting: list[tuple[str, str, int, str]] = []
        for text in _texts("outside_words.tests"):
            test, words, age, sex, condition, result = text.split(";")
            if self._age >= int(age) and sex in ("", "F" if self._person.female else "M"):
                fitting += [(test, words, int(age), result)] if not condition or condition in known else []
        for test, words, least, result in draw.some(fitting, draw.between(0, 2) if fitting else 0):
            since = self._between(max(RECORDS_FROM, self._born + least * YEAR), self._end - 20 * DAY)
            name, number = result.split("=")
            self._outside(test, words, since, {"words": words, name: float(number)}, "outside_words", words)
        if self._age >= 18 and draw.chance(0.5):
            since = self._between(RECORDS_FROM + 30 * DAY, self._end - 20 * DAY)
            self._outside_number(since, known)
        places = [n for n, name in enumerate(self._staff.outside) if "harmacy" in name or "Drug" in name]
        for text in draw.some(_texts("vaccines.given"), 1) if places and draw.chance(0.35) else ():
            name, age, year, first, last, key = text.split(";")
            years = range(max(int(year), self._person.born.year + int(age) + 1), local_time(self._end).year)
            if years:
                day = datetime(
                    draw.pick(years), draw.between(int(first), int(last)), draw.between(1, 28), 16, tzinfo=UTC
                )
                place = self._staff.outside[draw.pick(places)]
                fact = {"place": place, "month": f"{day:%Y-%m}"}
                moment = int(day.timestamp())
                if RECORDS_FROM < moment < self._end:
                    slots = {"vaccine": name, "place": place}
                    self._tale(f"vaccine:{key}:elsewhere", "vaccine", "pmh", moment, fact, slots, TALKS)

    def _outside_number(self, since: int, known: set[str]) -> None:
        draw = self._draw
        sweet = "type2_diabetes" in known or "type1_diabetes" in known
        ways = [
            ("A1c", draw.between(66, 97) / 10 if sweet else draw.between(49, 56) / 10, "%", 1),
            ("LDL", float(draw.between(68, 165)), "mg/dL", 0),
            ("TSH", draw.between(8, 41) / 10, "mIU/L", 1),
            ("hemoglobin", draw.between(118, 149) / 10, "g/dL", 1),
            ("ferritin", float(draw.between(18, 240)), "ng/mL", 0),
            ("vitamin D", float(draw.between(12, 48)), "ng/mL", 0),
        ]
        if not self._person.female and self._age >= 50:
            ways.append(("PSA", draw.between(5, 38) / 10, "ng/mL", 1))
        test, value, unit, places = draw.pick(ways)
        other = value * draw.pick((0.8, 0.9, 1.12, 1.25))
        text = f"{value:.{places}f} {unit}"
        tale = self._outside(test, text, since, {"value": value, "unit": unit}, "outside_number", text)
        tale.slots["other_value"] = f"{other:.{places}f} {unit}"

    def _outside(self, test: str, value: str, since: int, says: dict[str, Any], rule: str, words: str) -> Tale:
        draw = self._draw
        places = [n for n, name in enumerate(self._staff.outside) if not _shop(name)]
        place = draw.pick(places) if places else 0
        name = self._staff.outside[place]
        slots = {"test": test, "value": value, "place": name, "other_value": words}
        says = {**says, "place": name, "month": local_time(since).strftime("%Y-%m")}
        key = test.lower().replace(" ", "_")
        tale = self._tale(f"result:outside:{key}", rule, "data", since, says, slots, MEETINGS | {"outside"})
        if draw.chance(0.75):
            self.letters.append((since + draw.between(3, 15) * DAY, place, tale))
        return tale

    def _home(self) -> None:
        draw = self._draw
        self._living()
        if self._age < 18:
            return
        old = self._age >= 68 or any(p.key in ("dementia", "prior_stroke", "parkinson") for p in self._history.problems)
        late = self._between(max(RECORDS_FROM, self._end - 4 * YEAR), self._end - 20 * DAY)
        word = self._relation()
        if old and draw.chance(0.55):
            text, who, short, key = (self._fill(part) for part in draw.pick(_texts("pills.kept")).split(";"))
            slots = {"pills": text, "pills_who": who, "pills_short": short}
            self._tale("pills_by", "pills", "social", late, {"by": key, "person": word}, slots)
        if draw.chance(0.5 if old else 0.12):
            text, key = (self._fill(part) for part in draw.pick(_texts("rides.ways")).split(";"))
            late = self._between(max(RECORDS_FROM, self._end - 5 * YEAR), self._end - 20 * DAY)
            self._tale("transport", "transport", "social", late, {"by": key}, {"rides": text})
        if old and draw.chance(0.4):
            text, key = draw.pick(_texts("walks.ways")).split(";")
            late = self._between(max(RECORDS_FROM, self._end - 3 * YEAR), self._end - 20 * DAY)
            self._tale("mobility", "function", "social", late, {"aid": key}, {"walks": text})
        if old and draw.chance(0.3):
            first = self._between(max(RECORDS_FROM, self._end - 3 * YEAR), self._end - 150 * DAY)
            last = first + draw.between(50, 130) * DAY
            count = draw.between(2, 5)
            where = draw.pick(_texts("where.places"))
            slots = {"count": str(count), "where": where}
            tale = self._tale("falls", "falls", "social", last, {"count": count, "where": where}, slots)
            tale.slots |= {"month": month(first), "month2": month(last)}
        if self._person.drinks >= 4 and draw.chance(0.5):
            real = max(round(self._person.drinks), 4)
            slots = {"drinks_n": str(real)}
            self._tale("alcohol", "alcohol", "social", late, {"drinks_a_week": real}, slots)
        if draw.chance(0.05):
            thing = draw.pick(_texts("metal.things"))
            year = self._between(self._born + 18 * YEAR, self._end - YEAR)
            slots = {"metal": thing, "year": str(local_time(year).year)}
            since = max(year, RECORDS_FROM)
            self._tale("metal", "metal", "pmh", since, {"what": thing, "year": local_time(year).year}, slots)
        self._weights(draw)

    def _weights(self, draw: Draw) -> None:
        for problem in self._history.problems:
            if problem.known is None or problem.known >= self._end - 40 * DAY:
                continue
            since = self._between(max(problem.known, RECORDS_FROM), self._end - 20 * DAY)
            if problem.key in ("heart_failure_reduced", "heart_failure_preserved", "esrd") and draw.chance(0.6):
                kilos = round(self._person.weight_kg - draw.between(5, 35) / 10, 1)
                slots = {
                    "kg": f"{kilos:.1f}",
                    "lbs": f"{kilos * 2.2046:.0f}",
                    "kg_old": f"{kilos + draw.pick((-4, -3, 3, 5)):.1f}",
                }
                self._tale("dry_weight", "dry_weight", "plan", since, {"kg": kilos}, slots)
            elif problem.key == "copd" and problem.severity > 0.55 and draw.chance(0.6):
                liters = draw.between(1, 4)
                slots = {"liters": str(liters)}
                self._tale("home_oxygen", "oxygen", "social", since, {"litres_a_minute": liters}, slots)

    def _living(self) -> None:
        """Where and with whom the person lives; at times it changes, and old notes are copied."""
        draw = self._draw
        spouse = next((one for one in self._person.relatives if one.relation in _SPOUSES and one.died is None), None)
        if self._age < 18:
            ways, key = "lives.child", "parents"
        elif spouse is not None and self._person.marital == "M":
            ways, key = "lives.couple", "spouse"
        elif self._age < 32 and draw.chance(0.6):
            ways, key = "lives.shared", "others"
        else:
            ways, key = "lives.alone", "alone"
        fitting = [text for text in _texts(ways) if 40 <= self._age <= 62 or "teenagers" not in text]
        first = self._home_words(draw.pick(fitting), spouse)
        start = self._between(RECORDS_FROM - 8 * YEAR, RECORDS_FROM)
        moves = self._age >= 18 and draw.chance(0.35 if self._age >= 70 else 0.2)
        moved = self._between(RECORDS_FROM + YEAR, self._end - 30 * DAY) if moves else None
        tale = self._tale(
            "lives_with",
            "lives",
            "social",
            start,
            {"with": key, "words": first},
            {"lives": first},
            until=moved,
            wrong=False,
        )
        tale.slots["lives_old"] = first
        if moved is None:
            return
        pools = (
            [("lives.kin", "family"), ("lives.facility", "facility")]
            if self._age >= 70
            else [("lives.shared", "others"), ("lives.alone", "alone")]
        )
        ways, now = draw.pick([pool for pool in pools if pool[1] != key] or pools)
        words = self._home_words(draw.pick(_texts(ways)), spouse)
        if words != first:
            slots = {"lives": words, "lives_old": first}
            self._tale("lives_with", "lives", "social", moved, {"with": now, "words": words}, slots)
        else:
            tale.fact.until = None

    def _home_words(self, text: str, spouse: Relative | None) -> str:
        word = relation_word(spouse, self._person.female) if spouse else "partner"
        return text.replace("{spouse}", word).replace("{his}", self._he["his"])

    def _wishes(self) -> None:
        draw = self._draw
        grave = {"lung_cancer", "cirrhosis", "esrd", "dementia", "heart_failure_reduced", "copd", "parkinson"}
        ill = any(p.key in grave and p.known is not None for p in self._history.problems)
        first = self._between(max(RECORDS_FROM, self._end - 6 * YEAR), self._end - 60 * DAY)
        orders = sorted((one for one in self._history.plans if one.kind == "code_status"), key=lambda one: one.moment)
        if orders:
            self._ordered([(one.moment, one.key) for one in orders if one.moment <= self._end])
        elif self._age >= 60 or ill or draw.chance(0.15):
            frail = (self._age >= 78) + ill
            change = draw.chance((0.06, 0.28, 0.5)[frail])
            until = self._between(first + 30 * DAY, self._end - 10 * DAY) if change else None
            self._code("full", first, until)
            if until is not None:
                self._code(draw.pick(("dnr", "dnr_dni")), until, None)
        if self._contact is not None and draw.chance(0.5 if self._age >= 60 else 0.1):
            one = self._contact
            proxy = f"{one.given} {one.family} ({relation_word(one, self._person.female)})"
            says = {"name": f"{one.given} {one.family}", "relation": relation_word(one, self._person.female)}
            self._tale("proxy", "proxy", "code", first, says, {"proxy": proxy})
            if draw.chance(0.2) and one.phone:
                phone = f"555-{draw.between(200, 999)}-{draw.between(1000, 9999)}"
                later = self._between(first, self._end)
                slots = {"proxy": proxy, "phone": phone}
                self._tale("contact", "contact", "social", later, {**says, "phone": phone}, slots)
        if draw.chance(0.012):
            accepts = draw.pick(_texts("accepts.ways"))
            self._tale("blood_products", "blood", "code", RECORDS_FROM, {"accepts": accepts}, {"accepts": accepts})

    def _ordered(self, orders: list[tuple[int, str]]) -> None:
        """Code status by its orders; a few have changed their mind since, and told it without an order."""
        changes = [one for place, one in enumerate(orders) if not place or one[1] != orders[place - 1][1]]
        ends: list[int | None] = [*(moment for moment, _ in changes[1:]), None]
        last, status = changes[-1] if changes else (self._end, "")
        if self._age >= 60 and status == "full" and self._end - last > 90 * DAY and self._draw.chance(0.25):
            ends[-1] = self._between(last + 30 * DAY, self._end - 20 * DAY)
            self._code(self._draw.pick(("dnr", "dnr_dni")), ends[-1] or last, None)
        for (moment, key), until in zip(changes, ends, strict=True):
            self._code(key, moment, until).fact.structured = True

    def _code(self, status: str, since: int, until: int | None) -> Tale:
        rule = {"full": "code_full", "dnr": "code_dnr", "dnr_dni": "code_dni"}.get(status, "code_comfort")
        slots = {"kinword": self._relation()}
        return self._tale(
            "code_status", rule, "code", since, {"status": status}, slots, GOALS, until, wrong=status != "full"
        )

    def _agreed(self) -> None:
        """What was agreed, and what was planned and given up."""
        draw = self._draw
        known = {p.key: p.known for p in self._history.problems if p.known is not None}
        for rule, share, most in (("deals.deals", 0.75, 2), ("dropped.plans", 0.55, 1)):
            fitting = []
            for text in _texts(rule):
                first, second, condition, age, key = text.split(";")
                if self._age >= int(age) and (not condition or known.get(condition, NOW) < self._end - 60 * DAY):
                    fitting.append((first, second, known.get(condition, RECORDS_FROM), int(age), key))
            if not draw.chance(share):
                continue
            for first, second, start, least, key in draw.some(fitting, draw.between(1, most)):
                if key == "mammogram_two_years" and not self._person.female:
                    continue
                since = self._between(max(start, RECORDS_FROM, self._born + least * YEAR), self._end - 20 * DAY)
                slots = {"deal": self._fill(first), "deal_not": self._fill(second), "reason": self._fill(second)}
                if rule == "deals.deals":
                    says: dict[str, Any] = {"agreed": slots["deal"], "not": slots["deal_not"]}
                    self._tale(f"agreed:{key}", "agreed", "plan", since, says, slots)
                else:
                    says = {"dropped": True, "plan": slots["deal"], "reason": slots["reason"]}
                    self._tale(f"plan:{key}", "dropped", "plan", since, says, slots)


class _Filled(dict[str, str]):
    """Words of a person for the texts of the stories."""

    def __init__(self, he: dict[str, str], kin: str) -> None:
        super().__init__(he, kinword=kin)

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


_COSTLY: Final = frozenset({
    "apixaban", "rivaroxaban", "empagliflozin", "semaglutide", "liraglutide", "sitagliptin", "sacubitril_valsartan",
    "ticagrelor", "insulin_glargine", "insulin_lispro", "tiotropium", "fluticasone_salmeterol", "budesonide_formoterol",
})  # fmt: skip
"""Drugs under a brand alone for most of these years."""
_GRAVE: Final = frozenset({"anaphylaxis", "angioedema", "wheezing", "breathlessness", "hives"})
_QUICK: Final = _GRAVE | {"flushing", "sneezing", "swelling", "itching"}
_SLOW: Final = frozenset({"cough", "muscle_pain", "kidney_injury", "bleeding", "tendon_pain"})
"""Reactions that want treatment at once, that come within hours, and that come after weeks."""
_SPOUSES: Final = ("SPS", "HUSB", "WIFE", "DOMPART")


def relation_word(one: Relative, female: bool) -> str:
    """Returns what a relative is called: wife, son.

    Args:
        one: The relative.
        female: True if the person is a woman, whose spouse is called husband.
    """
    return RELATIONS.get(one.relation, ("relative", "relative"))[female]


def _name(key: str) -> str:
    return DRUGS[key].ingredient if key in DRUGS and DRUGS[key].ingredient else key.replace("_", " ")


def _shop(name: str) -> bool:
    return any(word in name for word in ("harmacy", "Drug", "Apothecary", "Mail Order", "Home Care"))
