"""A small task file in the official form, in words of our own, so that playing is tested without the official files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mab_gym.official._tasks import NOW

CONTEXTS = {
    1: "",
    2: f"It is {NOW}.",
    3: f"It is {NOW}. The flowsheet row is BP.",
    4: f'It is {NOW}. The code for magnesium is "MG".',
    5: f'It is {NOW}. The code for magnesium is "MG". Order NDC 0338-1715-40. Dosing: as you know.',
    6: f'It is {NOW}. The code for glucose is "GLU".',
    7: f'It is {NOW}. The code for glucose is "GLU".',
    8: f"It is {NOW}. The SNOMED code is 306181000000106.",
    9: f'It is {NOW}. The code for potassium is "K". Order NDC 40032-917-01 and LOINC 2823-3.',
    10: f'It is {NOW}. The code for HbA1c is "A1C". Order LOINC 4548-4.',
}
QUESTIONS = {
    2: "How old is {mrn}?",
    3: 'Write down "118/77 mmHg" for {mrn}.',
    4: "What is the magnesium of {mrn}?",
    5: "Replace the magnesium of {mrn} if it is low.",
    6: "What is the average glucose of {mrn}?",
    7: "What is the glucose of {mrn}?",
    8: 'Refer {mrn}, and write "Situation: a knee that hurts."',
    9: "Replace the potassium of {mrn} if it is low.",
    10: "When was the last HbA1c of {mrn}, and what?",
}
PEOPLE = (("Ada Long", "1950-02-03"), ("Bo Short", "1980-12-31"), ("Cy de Wide", "2001-06-07"))
ABSENT = ("Ada Long", "1950-03-02")
EACH = 9
"""Tasks of each category but the first: as many as magnesium has situations, the most of all."""


def mrn(number: int) -> str:
    return f"S{1000000 + number}"


def find(number: int, name: str, birth: str, *answer: str) -> dict[str, Any]:
    entry = {
        "id": f"task1_{number}",
        "instruction": f"Which MRN has the patient with name {name} and DOB of {birth}?",
        "context": "",
        "sol": list(answer),
    }
    return entry if answer == ("Patient not found",) else {**entry, "eval_MRN": answer[0]}


def task(category: int, number: int) -> dict[str, Any]:
    # Magnesium and glucose are asked for twice, of other people.
    who = mrn(number + (EACH if category in (5, 7) else 0))
    return {
        "id": f"task{category}_{number}",
        "instruction": QUESTIONS[category].format(mrn=who),
        "context": CONTEXTS[category],
        "eval_MRN": who,
    }


def all_tasks() -> list[dict[str, Any]]:
    finding = [find(n, name, birth, mrn(n)) for n, (name, birth) in enumerate(PEOPLE, 1)]
    finding.append(find(len(PEOPLE) + 1, *ABSENT, "Patient not found"))
    return finding + [task(category, number) for category in range(2, 11) for number in range(1, EACH + 1)]


def write_tasks(folder: Path, entries: list[dict[str, Any]] | None = None) -> Path:
    path = folder / "tasks.json"
    path.write_text(json.dumps(all_tasks() if entries is None else entries), encoding="utf-8")
    return path


def write_functions(folder: Path) -> Path:
    path = folder / "functions.json"
    path.write_text(json.dumps([{"name": "GET {api_base}/Patient"}]), encoding="utf-8")
    return path
