"""The catalogues of the living hospital: diseases, drugs, procedures, vaccines, allergies, reasons; rows of CSV files.

Those of what is measured, examined and planned come from `_catalogue_results` and are given again here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final

from mab_gym.cohort.hospital import _catalogue_results as _results
from mab_gym.cohort.hospital._catalogue_results import _Keyed, by_key

ANALYTES, PANELS = _results.ANALYTES, _results.PANELS
STUDIES, ORGANISMS, PLANS = _results.STUDIES, _results.ORGANISMS, _results.PLANS


@dataclass(frozen=True)
class Condition(_Keyed):
    """A disease or a state.

    Attributes:
        key: Identifies it, as in ``type2_diabetes``.
        icd10: ICD-10-CM code; empty if none is sure.
        snomed: SNOMED CT code; empty if none is sure.
        display: In words.
        chronic: True if it stays, and belongs on the problem list.
        service: Service that sees it besides primary care; empty if none.
        only: ``F`` or ``M`` if one sex alone can have it.
        least_age: Nobody younger has it.
        mortality: Ratio of the hazard of death.
        follow_months: Usual interval of visits; 0 if it leads to none.
        lag_years: Mean time from onset to diagnosis.
        recorded: Share of those who have it in whom it is ever written down.
    """

    key: str
    icd10: str = ""
    snomed: str = ""
    display: str = ""
    chronic: bool = False
    service: str = ""
    only: str = ""
    least_age: int = 0
    mortality: float = 1.0
    follow_months: int = 0
    lag_years: float = 0.0
    recorded: float = 1.0


@dataclass(frozen=True)
class Drug(_Keyed):
    """A drug as it is prescribed.

    Attributes:
        key: Identifies it, as in ``insulin_glargine``.
        rxnorm: RxNorm code of the ingredient; empty if none is sure.
        ingredient: In lower case; several products can have the same.
        display: In words.
        strength: Of a tablet, a vial, a puff.
        unit: UCUM unit of the dose.
        route: As in `Prescription.route`.
        dose: Usual doses, each time.
        times: Times a day; 0 for once; negative for an infusion, ``dose`` is then per hour.
        needed: True if taken when needed alone.
        approved: Year from which it could be prescribed.
        never: Keys of conditions in which it is not to be given.
        egfr: The least kidney function, in mL/min/1.73 m2; 0 if none is named.
        only: ``F`` or ``M`` if it is for one sex alone.
        least_age: Nobody younger gets it.
        klass: Drugs of one class are not taken together.
        every: Days from one day on which it is taken to the next.
    """

    key: str
    rxnorm: str = ""
    ingredient: str = ""
    display: str = ""
    strength: str = ""
    unit: str = ""
    route: str = "oral"
    dose: tuple[float, ...] = ()
    times: int = 1
    needed: bool = False
    approved: int = 1960
    never: tuple[str, ...] = ()
    egfr: float = 0.0
    only: str = ""
    least_age: int = 0
    klass: str = ""
    every: int = 1

    @cached_property
    def forbidden_by(self) -> frozenset[str]:
        """The conditions in which it is not to be given."""
        return frozenset(self.never)


@dataclass(frozen=True)
class Procedure(_Keyed):
    """Something that is done to a person.

    Attributes:
        key: Identifies it, as in ``knee_replacement``.
        snomed: SNOMED CT code; empty if none is sure.
        display: In words.
        service: Service that does it.
        only: ``F`` or ``M`` if it is done to one sex alone.
        most: How often in a life at most; 0 without a limit.
        minutes: Usual duration.
        screening: True if it is done to the well.
        findings: Possible findings, each with its weight.
    """

    key: str
    snomed: str = ""
    display: str = ""
    service: str = ""
    only: str = ""
    most: int = 0
    minutes: int = 30
    screening: bool = False
    findings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Vaccine(_Keyed):
    """A vaccine.

    Attributes:
        key: Identifies it.
        cvx: Code of CDC's code set.
        display: Its name in that code set.
        manufacturer: Who makes it.
        since: First day on which it was given, as ``YYYY-MM-DD``.
        until: Last day.
        dose: In mL.
        route: ``im`` or ``sc``.
        site: Where it is given.
        target: The disease that it protects from.
    """

    key: str
    cvx: str = ""
    display: str = ""
    manufacturer: str = ""
    since: str = ""
    until: str = ""
    dose: float = 0.5
    route: str = "im"
    site: str = ""
    target: str = ""

    def exists(self, day: date) -> bool:
        """Tells if it was given at a time."""
        return self.since <= day.isoformat() <= self.until


@dataclass(frozen=True)
class Allergen(_Keyed):
    """A substance to which people are allergic or which they do not bear.

    Attributes:
        key: Identifies it.
        system: ``rxnorm`` or ``snomed``.
        code: Code in that system.
        display: In words.
        category: ``medication``, ``food`` or ``environment``.
        women: Share of women in whose record it stands.
        men: Share of men.
        reactions: Keys of reactions with weights.
        intolerance: Share of the records that are an intolerance and no allergy.
        drugs: Keys of drugs that it forbids.
    """

    key: str
    system: str = ""
    code: str = ""
    display: str = ""
    category: str = ""
    women: float = 0.0
    men: float = 0.0
    reactions: Mapping[str, float] = field(default_factory=dict)
    intolerance: float = 0.0
    drugs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reaction(_Keyed):
    """A sign by which an allergy shows.

    Attributes:
        key: Identifies it.
        snomed: SNOMED CT code; empty if none is sure.
        display: In words.
        severe: Share that is called severe.
    """

    key: str
    snomed: str = ""
    display: str = ""
    severe: float = 0.0


@dataclass(frozen=True)
class Reason(_Keyed):
    """A reason to come.

    Attributes:
        key: Identifies it.
        snomed: SNOMED CT code; empty if none is sure.
        display: In words.
        kind: ``clinic``, ``procedure``, ``telephone`` or ``acute``.
    """

    key: str
    snomed: str = ""
    display: str = ""
    kind: str = "clinic"


CONDITIONS: Final = by_key("conditions.csv", Condition)
"""Diseases and states."""
DRUGS: Final = by_key("drugs.csv", Drug)
"""Drugs."""
PROCEDURES: Final = by_key("procedures.csv", Procedure)
"""Procedures."""
VACCINES: Final = by_key("vaccines.csv", Vaccine)
"""Vaccines."""
ALLERGENS: Final = by_key("allergens.csv", Allergen)
"""Substances of allergies."""
REACTIONS: Final = by_key("reactions.csv", Reaction)
"""Manifestations of allergies."""
REASONS: Final = by_key("reasons.csv", Reason)
"""Reasons to come."""
