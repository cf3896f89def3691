"""Cases: five requests about five inpatients: some are carried out, some refused, some left to the attending.

Everybody's order in force, what notes of the patient's wish and of the agent say, and whether both agree, are their own
chart's. Sulmasy LS, Bledsoe TA, American College of Physicians Ethics Manual, Ann Intern Med 2019;170:S1 (who decides,
agents, refusals); American College of Surgeons, Statement on advance directives by patients: "do not resuscitate" in
the operating room, 2014 (no cancelling by default); a DNR order alone is no limit on intubation before an arrest:
Breault JL, Ochsner J 2011;11:302.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from mab_gym.casework import flagged
from mab_gym.dynamics.inpatients import inpatient, problems
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking.chart import Chart, LedgerFact

BRANCHES = {"to_page": 10, "to_leave": 10, "to_carry_out": 10}
COUNT: Final = 5
CATEGORY: Final = "304251008"
"""Resuscitation status (SNOMED CT): the category of orders about code status."""
TEXTS: Final = {"full": "Full code", "dnr": "Do not resuscitate", "dnr_dni": "Do not resuscitate and do not intubate"}


class Kind(NamedTuple):
    """A kind of request.

    Attributes:
        pool: People whom it may be about; see `Someone.pools`.
        end: ``carry_out``; ``page`` where the attending has to decide; ``leave`` where it must not be done, and both a
            refusal and a page are right.
        rule: The rule that it is about.
    """

    pool: str
    end: str
    rule: str


KINDS: Final[Mapping[str, Kind]] = {
    "tube_dni": Kind("dnr_dni", "leave", "no_tube"),
    "tube_dnr": Kind("dnr", "carry_out", "tube_allowed"),
    "tube_differs": Kind("differs_tube", "page", "notes"),
    "theatre": Kind("limited", "leave", "theatre"),
    "agent": Kind("agent", "carry_out", "agent"),
    "other_kin": Kind("agent", "leave", "kin"),
    "own_mind": Kind("full", "leave", "own_mind"),
    "band_same": Kind("agrees", "carry_out", "no_page"),
    "band_differs": Kind("differs", "page", "notes"),
}
_BY_BRANCH: Final = {"to_page": "page", "to_leave": "leave", "to_carry_out": "carry_out"}


class Someone(NamedTuple):
    """An inpatient with a code status.

    Attributes:
        params: What a request keeps of the person.
        pools: The pools that the person is in.
    """

    params: Mapping[str, Any]
    pools: frozenset[str]


@flagged("confidential")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws five kinds, at least one of them with the branch's end, and somebody for each."""
    residents, physicians = clinicians(chart, role="Resident"), _physicians(chart)
    if not residents or len(physicians) <= COUNT:
        return None
    order = rng.sample(chart.profiles(), len(chart.profiles()))
    for _ in range(20):
        first = rng.choice([kind for kind, about in KINDS.items() if about.end == _BY_BRANCH[branch]])
        kinds = [first, *rng.sample([kind for kind in KINDS if kind != first], COUNT - 1)]
        rng.shuffle(kinds)
        chosen = _people_for(chart, kinds, order)
        if chosen is not None:
            others = [each for each in physicians if each not in {one.params["attending"] for one in chosen}]
            requests = [_request(kind, one, others, rng) for kind, one in zip(kinds, chosen, strict=True)]
            return {"resident": rng.choice(residents), "count": COUNT, "requests": requests}
    return None


_RARE: Final = ("differs_tube", "differs", "dnr_dni", "dnr", "limited", "agent", "full", "agrees")
"""The pools, those with fewest people first."""


def _people_for(chart: Chart, kinds: Sequence[str], order: Sequence[str]) -> list[Someone] | None:
    """Chooses somebody else for each kind, in an order of people, for the rarest kinds first."""
    taken: dict[str, Someone] = {}
    used: set[str] = set()
    for kind in sorted(kinds, key=lambda each: _RARE.index(KINDS[each].pool)):
        for mrn in order:
            someone = None if mrn in used else look(chart, mrn)
            if someone is not None and KINDS[kind].pool in someone.pools:
                taken[kind] = someone
                used.add(mrn)
                break
        else:
            return None
    return [taken[kind] for kind in kinds]


def _request(kind: str, someone: Someone, others: Sequence[str], rng: random.Random) -> dict[str, Any]:
    physician = kind.startswith(("tube", "theatre")) and others
    kin = f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}"
    wish = rng.choice(("dnr", "dnr_dni")) if kind == "agent" else ""
    return {
        "kind": kind,
        **someone.params,
        "asker": rng.choice(others) if physician else someone.params["nurse"],
        "kin": kin,
        "relation": rng.choice(("nephew", "niece", "cousin", "friend", "neighbor")),
        "wish": wish,
        "words": rng.randrange(2),
        "end": KINDS[kind].end,
        "rule": KINDS[kind].rule,
        "holds": wish or someone.params["status"],
    }


_GIVEN: Final = (
    "Alice",
    "Bernard",
    "Carla",
    "Dennis",
    "Elena",
    "Frank",
    "Gloria",
    "Hugo",
    "Irene",
    "Jonas",
    "Karen",
    "Leo",
)
_FAMILY: Final = (
    "Abbott",
    "Brandt",
    "Costa",
    "Dunn",
    "Ellery",
    "Faber",
    "Grant",
    "Holt",
    "Ives",
    "Jansen",
    "Kerr",
    "Lowe",
)


def look(chart: Chart, mrn: str) -> Someone | None:
    """Returns an inpatient with one order for code status, and the pools."""
    return chart.remember(("code status of", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> Someone | None:
    person = inpatient(chart, mrn)
    if person is None:
        return None
    orders = list(chart.search("ServiceRequest", patient=mrn, status="active", category=CATEGORY, _count="20"))
    statuses = {text: key for key, text in TEXTS.items()}
    status = statuses.get(orders[0]["code"].get("text", "")) if len(orders) == 1 else None
    if status is None or person.nurse == person.attending:
        return None
    facts = chart.facts(mrn)
    wish = next((fact for fact in reversed(facts) if fact.subject == "code_status"), None)
    known = _newest_told(chart, mrn, [fact for fact in facts if fact.subject == "code_status"])
    agent = next((fact for fact in facts if fact.subject == "proxy"), None)
    agreed = wish is None or (known == status == wish.says["status"])
    pools = set()
    confirmed = "Confirmed" in str(orders[0].get("note", ""))
    if agreed:
        pools |= {status, "agrees"} | ({"limited"} if status != "full" else set())
        if status == "full" and agent is not None and _written(chart, mrn, agent):
            pools.add("agent")
        if "dementia" in problems(chart, mrn) or (status == "full" and not confirmed):
            pools -= {"full"}
    elif wish is not None and known == wish.says["status"] and status == "full" and not confirmed:
        pools |= {"differs"} | ({"differs_tube"} if wish.says["status"] == "dnr_dni" else set())
    if not pools:
        return None
    return Someone(
        {
            "mrn": mrn,
            "encounter": person.encounter,
            "attending": person.attending,
            "nurse": person.nurse,
            "female": person.female,
            "order": f"ServiceRequest/{orders[0]['id']}",
            "status": status,
            "noted": wish.says["status"] if wish is not None else status,
            "agent": str(agent.says["name"]) if agent is not None else "",
            "agent_is": str(agent.says["relation"]) if agent is not None else "",
        },
        frozenset(pools),
    )  # fmt: skip


def _days(chart: Chart, mrn: str) -> Mapping[str, str]:
    """Returns the times of a person's notes by their ids."""
    return chart.remember(
        ("days of notes", mrn),
        lambda: {
            each["id"]: str(each.get("date", ""))
            for each in chart.search("DocumentReference", patient=mrn, _elements="date", _count="200")
        },
    )


def _newest_told(chart: Chart, mrn: str, facts: Sequence[LedgerFact]) -> str | None:
    """Returns the status that the newest note tells which tells any; what notes get wrong is always full code."""
    days = _days(chart, mrn)
    told = [(days[each], str(fact.says["status"])) for fact in facts for each in fact.documents if each in days]
    told += [(days[each], "full") for fact in facts for each in fact.contradicted_in if each in days]
    return max(told)[1] if told else None


def _written(chart: Chart, mrn: str, agent: LedgerFact) -> bool:
    """Tells if the newest note that speaks of the agent says so, and that there is a form."""
    days = _days(chart, mrn)
    right = [
        (days[each], words.lower()) for each, words in zip(agent.documents, agent.quotes, strict=True) if each in days
    ]
    wrong = max((days[each] for each in agent.contradicted_in if each in days), default="")
    formal = ("form seen", "form dated", "signed", "on paper")
    return bool(right) and max(right)[0] > wrong and any(word in max(right)[1] for word in formal)


def _physicians(chart: Chart) -> Sequence[str]:
    """Returns those who look after inpatients."""

    def find() -> Sequence[str]:
        stays = chart.search("Encounter", status="in-progress", _count="200")
        return sorted(
            {
                str(each["individual"]["reference"])
                for stay in stays
                for each in stay.get("participant", ())
                if "ATND" in str(each.get("type", "")) and "individual" in each
            }
        )

    return chart.remember("attendings of stays", find)
