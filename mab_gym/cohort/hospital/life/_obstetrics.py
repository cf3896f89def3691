"""Prenatal visits and births."""

from __future__ import annotations

from mab_gym.cohort._spec import DAY, HOUR, MINUTE
from mab_gym.cohort.hospital.life._chance import any_hour, day_number
from mab_gym.cohort.hospital.life._clinic import course_of
from mab_gym.cohort.hospital.life._queue import FOLLOW, PRENATAL, Course, clinic_start
from mab_gym.cohort.hospital.life._stays import elective
from mab_gym.cohort.hospital.life._treatment import prescribe, review, stop


def prenatal(course: Course, moment: int, number: int) -> None:
    """A prenatal visit, and the planning of the next."""
    life = course.life
    pregnancy = course.pregnancies[number]
    start = clinic_start(course, moment, PRENATAL, number)
    if start is None:
        return
    day = day_number(start)
    if day >= pregnancy.ends - 1:
        return
    if not life.pregnant:
        life.pregnant = True
        place = life.add_problem("pregnancy", pregnancy.begins * DAY + 14 * DAY, start + 10 * MINUTE, None, 0.2, False)
        course.pregnancy = place
        ends = pregnancy.ends * DAY
        life.history.problems[place].abated = ends if ends < course.end else None
        visit = life.add_clinic(start, 40, "obstetrics", "prenatal", [place])
        life.history.problems[place].visit = visit
        review(life, visit, start + 12 * MINUTE)
        prescribe(life, "prenatal_vitamin", place, visit, start + 14 * MINUTE)
    else:
        visit = life.add_clinic(start, 20, "obstetrics", "prenatal", [course.pregnancy])
        week = (day - pregnancy.begins) // 7
        for there, key, since in (
            (pregnancy.diabetes, "gestational_diabetes", 26),
            (pregnancy.preeclampsia, "preeclampsia", 33),
        ):
            if (
                there
                and week >= since
                and not any(p.key == key and p.onset > pregnancy.begins * DAY for p in life.history.problems)
            ):
                place = life.add_problem(key, start - 6 * DAY, start + 10 * MINUTE, visit, 0.4, False)
                ends = (pregnancy.ends + 20) * DAY
                life.history.problems[place].abated = ends if ends < course.end else None
                life.history.visits[visit].problems.append(place)
    week = (day - pregnancy.begins) // 7
    course.queue.push(start + (28 if week < 28 else 14 if week < 36 else 7) * DAY, PRENATAL, number)


def birth(course: Course, moment: int, number: int) -> None:
    """A birth in hospital."""
    life, chance = course.life, course.life.chance
    moment = max(moment, life.busy + HOUR)
    pregnancy = course.pregnancies[number]
    life.pregnant = True
    if course.pregnancy < 0:
        course.pregnancy = life.add_problem("pregnancy", (pregnancy.begins + 14) * DAY, moment, None, 0.2, False)
    start = any_hour(chance, day_number(moment))
    if start < life.busy + HOUR or start > course.last - 6 * DAY:
        life.pregnant = False
        course.pregnancy = -1
        return
    done = elective(
        life, "caesarean" if pregnancy.caesarean else "vaginal_delivery", course.pregnancy, start, course_of(course)
    )
    life.pregnant = False
    problem = life.history.problems[course.pregnancy]
    if done is not None:
        visit = life.history.visits[done]
        problem.abated = visit.end
        if problem.visit is None:
            problem.visit, problem.known = done, visit.start
        course.queue.push((visit.end or start) + chance.whole(35, 48) * DAY, FOLLOW, ("postpartum", [course.pregnancy]))
        taken = life.taking.get("prenatal_vitamin")
        if taken is not None:
            stop(life, taken, (visit.end or start) + 60 * DAY, "completed")
    course.pregnancy = -1
