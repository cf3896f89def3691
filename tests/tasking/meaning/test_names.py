"""Names of other drugs, tests and procedures by value."""

from __future__ import annotations

import pytest

from mab_gym.tasking.meaning._names import others_in

DRUGS = "heparin Metformin WARFARIN kcl mgso4 merrem coumadin insulin potassium acetaminophen zolpidem"
TESTS = "sodium a1c x-ray d-dimer b12 hba1c ct stress-test cryoprecipitate albumin plasma-exchange"
STEMS = """
xacillin xamycin xamicin xafloxacin xacycline xaconazole xanidazole xaazole xaprazole xaoprazole xapril xasartan xaolol
xadipine xastatin xatidine xasetron xaparin xaxaban xagatran xagliptin xagliflozin xaglitazone xaglutide xamab xanib
xavir xacaine xaazepam xaazolam xazolam xabarbital xaoxetine xatriptan xacurium xaphylline xathiazide xasemide xasolone
xaasone xaterol xatropium xaprofen xacoxib xadronate xadronic xafibrate xapenem xaplatin xarubicin xataxel xapoetin
xagrastim xakinra xaprost cefabcd cephabcd sulfaabcd
"""


@pytest.mark.parametrize("name", f"{DRUGS} {TESTS} {STEMS}".split())
def test_what_names_another(name: str) -> None:
    for text in (name, name.upper(), f"some {name}, please", f"({name})", f"a_{name}_b"):
        assert list(others_in(text)) == [name.upper() if text == name.upper() else name]


@pytest.mark.parametrize(
    "text",
    ["", "replacement therapy for this patient, as ordered", "xheparin7", "7heparin", "heparin7", "cefabc", "cephabc",
     "sulfaabc", "amab", "pril", "mab", "april showers"],
)  # fmt: skip
def test_what_names_none(text: str) -> None:
    assert list(others_in(text)) == []


def test_all_that_are_named_are_told_in_their_order() -> None:
    assert list(others_in("heparin and Sodium")) == ["heparin", "Sodium"]
    assert list(others_in("ceftobiprole, bisoprolol, rituximab")) == ["ceftobiprole", "bisoprolol", "rituximab"]
    assert list(others_in("x-ray of platelets")) == ["x-ray", "platelets"]
