"""Things that no life may hold, as functions that name each place where one does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date

from mab_gym.cohort.hospital._catalogue import ALLERGENS, CONDITIONS, DRUGS, PROCEDURES, REASONS, VACCINES
from mab_gym.cohort.hospital._history import NOW, RECORDS_FROM, History, Staff, local
from mab_gym.cohort.hospital.life._lives import baseline_egfr

Finder = Callable[[History, Staff], Iterator[str]]
DAY, HOUR, YEAR = 86_400, 3_600, 31_557_600


def _end(history: History) -> int:
    return NOW if history.person.died is None else history.person.died


def _born(history: History) -> int:
    return (history.person.born.toordinal() - date(1970, 1, 1).toordinal()) * DAY


def condition_of_the_other_sex(history: History, staff: Staff) -> Iterator[str]:
    for problem in history.problems:
        only = CONDITIONS[problem.key].only
        if only and (only == "F") != history.person.female:
            yield problem.key


def procedure_of_the_other_sex(history: History, staff: Staff) -> Iterator[str]:
    for operation in history.operations:
        only = PROCEDURES[operation.key].only
        if only and (only == "F") != history.person.female:
            yield operation.key


def drug_of_the_other_sex(history: History, staff: Staff) -> Iterator[str]:
    for order in history.prescriptions:
        only = DRUGS[order.drug].only
        if only and (only == "F") != history.person.female:
            yield order.drug


def pregnancy_outside_its_ages(history: History, staff: Staff) -> Iterator[str]:
    if not history.person.female:
        yield from ("pregnant man" for _ in history.person.pregnancies)
    for begins, _ in history.person.pregnancies:
        age = (begins - history.person.born).days / 365.25
        if not 15 <= age <= 47:
            yield f"pregnant at {age:.0f}"


def two_pregnancies_at_once(history: History, staff: Staff) -> Iterator[str]:
    for (_, ended), (begins, _) in zip(history.person.pregnancies, history.person.pregnancies[1:], strict=False):
        if begins <= ended:
            yield str(begins)


def more_operations_than_a_body_bears(history: History, staff: Staff) -> Iterator[str]:
    for key, count in Counter(operation.key for operation in history.operations).items():
        if PROCEDURES[key].most and count > PROCEDURES[key].most:
            yield f"{count} {key}"


def birth_after_hysterectomy(history: History, staff: Staff) -> Iterator[str]:
    done = [operation.start for operation in history.operations if operation.key == "hysterectomy"]
    for operation in history.operations:
        if done and operation.key in ("caesarean", "vaginal_delivery", "cervical_smear") and operation.start > done[0]:
            yield operation.key


def appendicitis_without_an_appendix(history: History, staff: Staff) -> Iterator[str]:
    for taken, ill in (("appendectomy", "appendicitis"), ("cholecystectomy", "cholecystitis")):
        done = [operation.start for operation in history.operations if operation.key == taken]
        for problem in history.problems:
            if done and problem.key == ill and problem.onset > min(done) + DAY:
                yield ill


def disease_too_young(history: History, staff: Staff) -> Iterator[str]:
    for problem in history.problems:
        age = (problem.onset - _born(history)) / YEAR
        if age < CONDITIONS[problem.key].least_age - 0.1:
            yield f"{problem.key} at {age:.1f}"


def known_before_its_onset(history: History, staff: Staff) -> Iterator[str]:
    for problem in history.problems:
        if problem.known is not None and problem.known < problem.onset:
            yield problem.key


def over_before_its_onset(history: History, staff: Staff) -> Iterator[str]:
    for problem in history.problems:
        if problem.abated is not None and problem.abated < problem.onset:
            yield problem.key


def two_of_one_chronic_disease(history: History, staff: Staff) -> Iterator[str]:
    for key, count in Counter(problem.key for problem in history.problems if problem.chronic).items():
        if count > 1:
            yield key


def diagnosed_outside_its_visit(history: History, staff: Staff) -> Iterator[str]:
    for problem in history.problems:
        if problem.visit is not None:
            visit = history.visits[problem.visit]
            if problem.known is None or not visit.start <= problem.known <= (visit.end or NOW):
                yield f"{problem.key} {visit.kind}"


def both_diabetes(history: History, staff: Staff) -> Iterator[str]:
    if {"type1_diabetes", "type2_diabetes"} <= {problem.key for problem in history.problems}:
        yield "both"


def anything_after_death(history: History, staff: Staff) -> Iterator[str]:
    end = _end(history)
    for visit in history.visits:
        if visit.start > end or (visit.end is not None and visit.end > end) or (visit.end is None and end < NOW):
            yield f"{visit.kind} {visit.reason}"
    for order in history.prescriptions:
        if order.start > end or (order.end or 0) > end or any(moment > end for moment in order.dispensed):
            yield order.drug
    yield from (operation.key for operation in history.operations if operation.end > end)
    yield from (vaccination.key for vaccination in history.vaccinations if vaccination.moment > end)
    yield from (problem.key for problem in history.problems if max(problem.onset, problem.known or 0) > end)
    yield from (problem.key for problem in history.problems if (problem.abated or 0) > end)
    yield from (allergy.key for allergy in history.allergies if allergy.recorded > end)


def two_visits_at_once(history: History, staff: Staff) -> Iterator[str]:
    for before, after in zip(history.visits, history.visits[1:], strict=False):
        if before.end is None or after.start < before.end:
            yield f"{before.kind} {before.reason} and {after.kind} {after.reason}"


def visit_backwards(history: History, staff: Staff) -> Iterator[str]:
    for visit in history.visits:
        if visit.end is not None and visit.end <= visit.start:
            yield visit.kind


def visit_before_the_records_or_adulthood(history: History, staff: Staff) -> Iterator[str]:
    for visit in history.visits:
        if visit.start < RECORDS_FROM or (visit.start - _born(history)) / YEAR < 17.99:
            yield visit.kind


def clinic_at_night_or_on_a_weekend(history: History, staff: Staff) -> Iterator[str]:
    for visit in history.visits:
        if visit.kind in ("ambulatory", "telephone", "virtual"):
            begins = local(visit.start)
            if begins.weekday() > 4 or not 8 <= begins.hour < 18:
                yield f"{visit.reason} {begins}"


def unknown_key(history: History, staff: Staff) -> Iterator[str]:
    yield from (visit.reason for visit in history.visits if visit.reason not in REASONS)
    yield from (order.drug for order in history.prescriptions if order.drug not in DRUGS)
    yield from (allergy.key for allergy in history.allergies if allergy.key not in ALLERGENS)


def somebody_who_cannot(history: History, staff: Staff) -> Iterator[str]:
    """A visit with the wrong kind of practitioner, nurse, place or bed."""
    for visit in history.visits:
        doctor = staff.practitioners[visit.practitioner]
        if doctor.role != "physician" or doctor.service != visit.service:
            yield f"{visit.kind} {visit.service} seen by {doctor.role} of {doctor.service}"
        if visit.nurse is not None and staff.practitioners[visit.nurse].role != "nurse":
            yield "nurse"
        if (visit.bed is not None) != (visit.kind == "inpatient"):
            yield f"bed of {visit.kind}"
        if visit.bed is not None:
            bed = staff.places[visit.bed]
            if bed.kind != "bed" or bed.service != visit.service or bed.part_of != visit.place:
                yield "wrong bed"


def row_without_a_reason(history: History, staff: Staff) -> Iterator[str]:
    for order in history.prescriptions:
        if order.problem is None and not order.reason:
            yield order.drug


def order_outside_its_visit(history: History, staff: Staff) -> Iterator[str]:
    for order in history.prescriptions:
        if order.visit is None:
            continue
        visit = history.visits[order.visit]
        if not visit.start <= order.start <= (visit.end or NOW):
            yield order.drug
        if order.inpatient and (
            visit.kind != "inpatient" or (order.end is not None and order.end > (visit.end or NOW))
        ):
            yield f"{order.drug} after the stay"


def operation_outside_its_visit(history: History, staff: Staff) -> Iterator[str]:
    for operation in history.operations:
        if operation.visit is None:
            if operation.start >= RECORDS_FROM:
                yield f"{operation.key} without a visit"
        else:
            visit = history.visits[operation.visit]
            if not visit.start <= operation.start < operation.end <= (visit.end or NOW):
                yield operation.key


def vaccination_outside_its_visit(history: History, staff: Staff) -> Iterator[str]:
    for vaccination in history.vaccinations:
        if vaccination.visit is not None:
            visit = history.visits[vaccination.visit]
            if not visit.start <= vaccination.moment <= (visit.end or NOW):
                yield vaccination.key


def vaccine_that_did_not_exist(history: History, staff: Staff) -> Iterator[str]:
    for vaccination in history.vaccinations:
        if not VACCINES[vaccination.key].exists(local(vaccination.moment).date()):
            yield vaccination.key


def covid_before_it_was_there(history: History, staff: Staff) -> Iterator[str]:
    for problem in history.problems:
        if problem.key == "covid" and local(problem.known or NOW).date() < date(2020, 3, 1):
            yield "covid"


def drug_before_it_was_approved(history: History, staff: Staff) -> Iterator[str]:
    for order in history.prescriptions:
        if local(order.start).year < DRUGS[order.drug].approved:
            yield order.drug


def drug_before_its_indication(history: History, staff: Staff) -> Iterator[str]:
    for order in history.prescriptions:
        if order.problem is not None:
            problem = history.problems[order.problem]
            if order.start < problem.onset or problem.known is None or order.start < problem.known:
                yield f"{order.drug} for {problem.key}"


def contraindicated_without_saying_so(history: History, staff: Staff) -> Iterator[str]:
    for order in history.prescriptions:
        if order.mistake:
            continue
        never = DRUGS[order.drug].never
        for problem in history.problems:
            there = problem.known is not None and problem.known <= order.start
            if problem.key in never and there and (problem.abated is None or order.start < problem.abated):
                yield f"{order.drug} in {problem.key}"


def drug_with_weak_kidneys(history: History, staff: Staff) -> Iterator[str]:
    for order in history.prescriptions:
        least = DRUGS[order.drug].egfr
        if least and not order.mistake and baseline_egfr(history.person, history.problems, order.start) < least - 0.5:
            yield order.drug


def drug_despite_an_allergy(history: History, staff: Staff) -> Iterator[str]:
    for allergy in history.allergies:
        for order in history.prescriptions:
            if order.drug in ALLERGENS[allergy.key].drugs and order.start > allergy.recorded and not order.mistake:
                yield f"{order.drug} with {allergy.key}"


def same_drug_twice(history: History, staff: Staff) -> Iterator[str]:
    home = [order for order in history.prescriptions if not order.inpatient]
    for number, order in enumerate(home):
        for other in home[number + 1 :]:
            if DRUGS[order.drug].ingredient != DRUGS[other.drug].ingredient:
                continue
            if DRUGS[order.drug].route != DRUGS[other.drug].route:
                continue
            first, second = sorted((order, other), key=lambda each: each.start)
            if (first.end or _end(history)) > second.start and "duplicate" not in (first.mistake, second.mistake):
                yield order.drug


def dispensed_outside_its_time(history: History, staff: Staff) -> Iterator[str]:
    for order in history.prescriptions:
        if any(not order.start <= moment <= (order.end or NOW) for moment in order.dispensed):
            yield order.drug
        if order.dispensed != sorted(order.dispensed) or (order.inpatient and order.dispensed):
            yield f"{order.drug} dispensed"


def emergency_that_leads_nowhere(history: History, staff: Staff) -> Iterator[str]:
    led = {visit.came_from for visit in history.visits if visit.came_from is not None}
    for number, visit in enumerate(history.visits):
        if (visit.disposition == "admitted") != (number in led):
            yield f"{visit.kind} {visit.disposition}"
        if visit.came_from is not None and history.visits[visit.came_from].end != visit.start:
            yield "a gap before the stay"


def died_in_hospital_elsewhere(history: History, staff: Staff) -> Iterator[str]:
    for visit in history.visits:
        if visit.disposition == "died" and visit.end != history.person.died:
            yield str(visit.end)


def relative_who_cannot_be(history: History, staff: Staff) -> Iterator[str]:
    born = history.person.born.year
    for relative in history.person.relatives:
        if relative.relation in ("MTH", "FTH") and not 13 <= born - relative.born <= 60:
            yield f"parent born {relative.born}"
        if relative.relation in ("SON", "DAU") and relative.born - born < 15:
            yield f"child born {relative.born}"
        if relative.died is not None and relative.born + relative.died > 2024:
            yield "dies in the future"
        for key, age in relative.conditions:
            if age > (2024 - relative.born if relative.died is None else relative.died):
                yield f"{key} after death"
            if CONDITIONS[key].only and (CONDITIONS[key].only == "F") != (relative.relation in ("MTH", "SIS", "DAU")):
                yield key


ALL: tuple[Finder, ...] = (
    condition_of_the_other_sex, procedure_of_the_other_sex, drug_of_the_other_sex, pregnancy_outside_its_ages,
    two_pregnancies_at_once, more_operations_than_a_body_bears, birth_after_hysterectomy,
    appendicitis_without_an_appendix, disease_too_young, known_before_its_onset, over_before_its_onset,
    two_of_one_chronic_disease, diagnosed_outside_its_visit, both_diabetes, anything_after_death, two_visits_at_once,
    visit_backwards, visit_before_the_records_or_adulthood, clinic_at_night_or_on_a_weekend, unknown_key,
    somebody_who_cannot, row_without_a_reason, order_outside_its_visit, operation_outside_its_visit,
    vaccination_outside_its_visit, vaccine_that_did_not_exist, covid_before_it_was_there, drug_before_it_was_approved,
    drug_before_its_indication, contraindicated_without_saying_so, drug_with_weak_kidneys, drug_despite_an_allergy,
    same_drug_twice, dispensed_outside_its_time, emergency_that_leads_nowhere, died_in_hospital_elsewhere,
    relative_who_cannot_be,
)  # fmt: skip
