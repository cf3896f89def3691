"""Microbiology and the blood bank: what grew, and what it is susceptible to.

How often cultures are positive: urine in symptomatic infection about 85 %, blood in sepsis 30 to 40 % and in
pneumonia under 10 %, contaminants 2 to 3 % of blood cultures (Doern et al., Clin Microbiol Rev 2019;33:e00009-19).
Blood groups: US donors, Garratty et al., Transfusion 2004;44:703. Antibodies: Tormey et al., Transfusion 2008 (about
2 % of patients).
"""

from __future__ import annotations

from typing import Final

from mab_gym.cohort.hospital._catalogue_results import ORGANISMS, Organism
from mab_gym.cohort.hospital.care._chance import Luck

_POSITIVE: Final = {
    "urine_culture": {"urinary_infection": 0.85, "pyelonephritis": 0.88, "sepsis": 0.3},
    "blood_culture": {"sepsis": 0.38, "pyelonephritis": 0.18, "pneumonia": 0.07, "cellulitis": 0.04,
                      "cholecystitis": 0.1},
    "sputum_culture": {"pneumonia": 0.5, "copd_exacerbation": 0.4},
    "wound_culture": {"cellulitis": 0.75},
    "stool_culture": {"gastroenteritis": 0.16},
    "c_difficile_test": {"c_difficile": 0.97},
    "covid_test": {"covid": 0.95},
    "influenza_test": {"influenza": 0.9},
    "strep_test": {"strep_throat": 0.92},
    "mrsa_screen": {},
    "hiv_screen": {"hiv": 1.0},
    "hepatitis_c_screen": {"hepatitis_c": 1.0},
}  # fmt: skip
_OTHERWISE: Final = {"urine_culture": 0.05, "wound_culture": 0.5, "c_difficile_test": 0.03, "covid_test": 0.004,
                     "strep_test": 0.03, "mrsa_screen": 0.07, "sputum_culture": 0.1}  # fmt: skip
_CONTAMINATED: Final = 0.025
_SOURCES: Final = {"urine_culture": "urine", "blood_culture": "blood", "sputum_culture": "sputum",
                   "wound_culture": "wound", "stool_culture": "stool", "mrsa_screen": "nares"}  # fmt: skip
_SIMPLE: Final = {
    "c_difficile_test": ("difficile", "Toxigenic Clostridioides difficile", "toxin B gene"),
    "strep_test": ("pyogenes", "Group A streptococcal antigen", ""),
    "covid_test": ("sars_cov_2", "SARS-CoV-2 RNA", ""),
}
_BETA_LACTAMS: Final = frozenset({
    "ampicillin", "cefazolin", "ceftriaxone", "cefepime", "piperacillin-tazobactam", "meropenem",
    "amoxicillin-clavulanate", "oxacillin", "penicillin",
})  # fmt: skip
_CONCENTRATIONS: Final = {
    "ampicillin": ("<=2", ">=32"), "cefazolin": ("<=4", ">=64"), "ceftriaxone": ("<=1", ">=64"),
    "cefepime": ("<=1", ">=32"), "piperacillin-tazobactam": ("<=4", ">=128"), "ciprofloxacin": ("<=0.25", ">=4"),
    "levofloxacin": ("<=0.5", ">=8"), "trimethoprim-sulfamethoxazole": ("<=20", ">=320"),
    "nitrofurantoin": ("<=16", "256"), "gentamicin": ("<=1", ">=16"), "meropenem": ("<=0.25", ">=8"),
    "vancomycin": ("1", ">=32"), "linezolid": ("2", ">=8"), "oxacillin": ("0.5", ">=4"),
    "clindamycin": ("0.25", ">=8"), "doxycycline": ("<=0.5", ">=16"), "penicillin": ("<=0.06", "4"),
    "azithromycin": ("<=0.5", ">=8"), "amoxicillin-clavulanate": ("<=2", ">=32"), "metronidazole": ("<=0.5", "32"),
    "fluconazole": ("<=0.5", "16"),
}  # fmt: skip
"""Minimal inhibitory concentrations in ug/mL as machines print them, susceptible and resistant; near the breakpoints of
CLSI M100 (2023)."""
_GROUPS: Final = ("O", "A", "B", "AB")
_GROUP_WEIGHTS: Final = (44.0, 42.0, 10.0, 4.0)
_ANTIBODIES: Final = ("anti-E", "anti-K", "anti-D", "anti-Jka", "anti-Fya")
Result = tuple[str, str, tuple[str, ...], tuple[tuple[str, str, str], ...]]
"""Findings, conclusion, keys of organisms, and drug, interpretation and concentration."""


class Laboratory:
    """Results of one person, whose blood group does not change."""

    def __init__(self, luck: Luck) -> None:
        """Draws the blood group.

        Args:
            luck: Draws of this part alone.
        """
        self._luck = luck
        group = _GROUPS[luck.pick(_GROUP_WEIGHTS)]
        positive, antibody, which = luck.some(3)
        self.group = f"{group} {'positive' if positive < 0.84 else 'negative'}"
        self._grown: dict[int, str] = {}
        self._antibody = _ANTIBODIES[int(which * len(_ANTIBODIES))] if antibody < 0.02 else ""

    def result(self, study: str, active: dict[str, int]) -> Result:
        """Returns a result.

        Args:
            study: Key of ``studies.csv``.
            active: Problems that are there, with their places; one illness has one germ.
        """
        if study == "type_screen":
            screen = f"Antibody screen positive: {self._antibody}." if self._antibody else "Antibody screen negative."
            return f"ABO and Rh group: {self.group}. {screen}", f"{self.group}; {screen.lower()}", (), ()
        chance = _OTHERWISE.get(study, 0.0)
        illness = -1
        for key, share in _POSITIVE[study].items():
            if key in active and share > chance:
                chance, illness = share, active[key]
        drawn = self._luck.one()
        if study in ("hiv_screen", "hepatitis_c_screen"):
            reactive = "Reactive" if drawn < chance else "Nonreactive"
            return f"{reactive}.", f"{reactive}.", (), ()
        if study in _SIMPLE:
            key, name, more = _SIMPLE[study]
            said = "detected" if drawn < chance else "not detected"
            extra = f" ({more})" if more else ""
            return f"{name}{extra}: {said}.", f"{name} {said}.", (key,) if drawn < chance else (), ()
        if study == "influenza_test":
            return self._influenza(drawn < chance)
        return self._culture(study, drawn, chance, illness)

    def _influenza(self, positive: bool) -> Result:
        kind = "influenza_a" if self._luck.one() < 0.8 else "influenza_b"
        name = ORGANISMS[kind].display
        if positive:
            other = "B" if kind.endswith("a") else "A"
            return f"{name}: detected. Influenza {other} virus: not detected.", f"{name} detected.", (kind,), ()
        return "Influenza A virus: not detected. Influenza B virus: not detected.", "Not detected.", (), ()

    def _culture(self, study: str, drawn: float, chance: float, illness: int) -> Result:
        source = _SOURCES[study]
        if drawn >= chance:
            if source == "blood" and drawn > 1 - _CONTAMINATED:
                found = ORGANISMS["epidermidis"]
                words = "Growth in one of four bottles after 31 hours: Staphylococcus epidermidis."
                return words, "Probable skin contaminant.", (found.key,), ()
            return self._nothing(source)
        names = [one for one in ORGANISMS.values() if source in one.found]
        chosen = names[self._luck.pick([one.found[source] for one in names])]
        chosen = ORGANISMS[self._grown.setdefault(illness, chosen.key)] if illness >= 0 else chosen
        if source == "nares":
            return "MRSA isolated from the nares.", "MRSA carrier.", (chosen.key,), ()
        details = self._susceptibilities(chosen, source)
        amount = {
            "urine": (">100,000 CFU/mL", "50,000 to 100,000 CFU/mL"), "blood": ("4 of 4 bottles", "2 of 4 bottles"),
            "sputum": ("heavy growth", "moderate growth"), "wound": ("heavy growth", "moderate growth"),
            "stool": ("isolated", "isolated"),
        }[source][int(self._luck.one() < 0.35)]  # fmt: skip
        gram = f"Gram stain: {chosen.gram.lower()}. " if chosen.gram and source != "urine" else ""
        return f"{gram}{chosen.display}, {amount}.", f"{chosen.display}, {amount}.", (chosen.key,), details

    def _nothing(self, source: str) -> Result:
        mixed = self._luck.one()
        if source == "urine" and mixed < 0.3:
            words = "Mixed urogenital flora, three or more organisms, probable contamination."
        elif source == "urine":
            words = "No growth." if mixed < 0.75 else "Less than 10,000 CFU/mL, insignificant growth."
        elif source == "blood":
            words = "No growth after 5 days."
        elif source == "sputum":
            words = "Normal respiratory flora." if mixed < 0.8 else "Many epithelial cells; specimen not cultured."
        elif source == "stool":
            words = "No Salmonella, Shigella, Campylobacter or Shiga toxin found."
        elif source == "nares":
            words = "No MRSA isolated."
        else:
            words = "Mixed skin flora."
        return words, words, (), ()

    def _susceptibilities(self, organism: Organism, source: str) -> tuple[tuple[str, str, str], ...]:
        """Draws what helps; beta-lactams fall in the order of their strength."""
        shared, *others = self._luck.some(1 + len(organism.susceptible))
        rows = []
        for (drug, share), own in zip(organism.susceptible.items(), others, strict=True):
            if drug == "nitrofurantoin" and source != "urine":
                continue
            helps = (shared if drug in _BETA_LACTAMS else own) < share
            rows.append((drug, "S" if helps else "R", _CONCENTRATIONS[drug][0 if helps else 1]))
        return tuple(rows)
