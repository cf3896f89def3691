"""The meaning of codes: drugs, tests and procedures, their other names, and those they may be mistaken for.

Sources: RxNorm (ingredients), LOINC 2.76 (long common names), SNOMED CT International (preferred terms), HL7
terminology (code system task-code). A code that is not here still gets every rewriting that needs no names.
"""

from __future__ import annotations

from typing import Any, NamedTuple

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance"
CPT = "http://www.ama-assn.org/go/cpt"


class Code(NamedTuple):
    """A code of a code system."""

    system: str
    code: str
    display: str

    def coding(self, display: bool = True) -> dict[str, Any]:
        """The same as a FHIR Coding."""
        named = {"system": self.system, "code": self.code, "display": self.display}
        return named if display else {"system": self.system, "code": self.code}


class Concept(NamedTuple):
    """The thing that a code stands for.

    Attributes:
        kind: ``drug``, ``test``, ``procedure``, ``referral``, ``task``, ``vital`` or ``status``.
        names: What it is called; the first is its display.
        same: Codes for the same in other systems.
    """

    kind: str
    names: tuple[str, ...]
    same: tuple[Code, ...] = ()


def _drug(*names: str, rxnorm: str = "", also: tuple[Code, ...] = ()) -> Concept:
    known = (Code(RXNORM, rxnorm, names[0].lower()),) if rxnorm else ()
    return Concept("drug", names, known + also)


_BP = Concept(
    "vital",
    ("BP", "Blood pressure"),
    (
        Code(LOINC, "85354-9", "Blood pressure panel with all children optional"),
        Code(LOINC, "55284-4", "Blood pressure systolic and diastolic"),
        Code("http://hospital.example/flowsheet", "BP", "Blood pressure"),
    ),
)
CONCEPTS: dict[tuple[str, str], Concept] = {
    (NDC, "40032-917-01"): _drug(
        "Potassium chloride",
        "KCl",
        "potassium chloride",
        "POTASSIUM CHLORIDE",
        "Potassium Chloride (KCl)",
        "Replacement potassium",
        "potassium chloride oral",
        rxnorm="8591",
        also=(Code(SNOMED, "8631001", "Potassium chloride"),),
    ),
    (NDC, "0338-1715-40"): _drug(
        "Magnesium sulfate",
        "MgSO4",
        "magnesium sulphate",
        "Magnesium sulfate (MgSO4)",
        "MAGNESIUM SULFATE",
        "Replacement IV magnesium",
        "magnesium sulfate IV",
        rxnorm="6585",
        also=(Code(SNOMED, "387202002", "Magnesium sulfate"),),
    ),
    (RXNORM, "29561"): _drug(
        "meropenem", "Meropenem", "Merrem", "MEROPENEM", also=(Code(SNOMED, "387540000", "Meropenem"),)
    ),
    (RXNORM, "11289"): _drug(
        "warfarin", "Warfarin", "Coumadin", "warfarin sodium", also=(Code(SNOMED, "372756006", "Warfarin"),)
    ),
    (RXNORM, "8308"): _drug(
        "phytonadione", "Phytonadione", "vitamin K", "Vitamin K1", "phytomenadione", "Vitamin K (phytonadione)"
    ),
    (RXNORM, "723"): _drug("amoxicillin", "Amoxicillin", "amoxycillin"),
    (RXNORM, "1191"): _drug("aspirin", "Aspirin", "acetylsalicylic acid"),
    (RXNORM, "2670"): _drug("codeine", "Codeine"),
    (RXNORM, "5640"): _drug("ibuprofen", "Ibuprofen"),
    (RXNORM, "2551"): _drug("ciprofloxacin", "Ciprofloxacin", "CIPROFLOXACIN"),
    (RXNORM, "11124"): _drug("vancomycin", "Vancomycin"),
    (RXNORM, "2180"): _drug("cefazolin", "Cefazolin", "cephazolin"),
    (RXNORM, "21212"): _drug("clarithromycin", "Clarithromycin"),
    (RXNORM, "7052"): _drug("morphine", "Morphine"),
    (RXNORM, "10180"): _drug("sulfamethoxazole", "Sulfamethoxazole", "sulphamethoxazole"),
    (LOINC, "2823-3"): Concept(
        "test",
        (
            "Potassium [Moles/volume] in Serum or Plasma",
            "Serum potassium",
            "serum potassium",
            "Potassium, serum",
            "Potassium SerPl-sCnc",
        ),
    ),
    (LOINC, "4548-4"): Concept(
        "test",
        (
            "Hemoglobin A1c/Hemoglobin.total in Blood",
            "HbA1c",
            "Hemoglobin A1c",
            "haemoglobin A1c",
            "A1C",
            "Haemoglobin A1c",
        ),
    ),
    (LOINC, "718-7"): Concept(
        "test", ("Hemoglobin [Mass/volume] in Blood", "Hemoglobin", "haemoglobin", "Hgb", "Hgb Bld-mCnc")
    ),
    (LOINC, "2160-0"): Concept(
        "test",
        (
            "Creatinine [Mass/volume] in Serum or Plasma",
            "Serum creatinine",
            "creatinine",
            "Creatinine, serum",
            "Creat SerPl-mCnc",
        ),
    ),
    (LOINC, "6301-6"): Concept(
        "test",
        (
            "INR in Platelet poor plasma by Coagulation assay",
            "INR",
            "INR PPP",
            "Next INR",
            "International normalized ratio",
        ),
    ),
    (SNOMED, "306181000000106"): Concept(
        "referral",
        (
            "Referral to orthopaedic surgery service",
            "Orthopaedic surgery referral",
            "orthopedic surgery referral",
            "Order orthopedic surgery referral",
        ),
    ),
    (SNOMED, "116863004"): Concept(
        "procedure",
        (
            "Transfusion of red blood cells",
            "Red blood cell transfusion",
            "transfusion of red cells",
            "Transfusion of one unit of red cells",
        ),
        (Code(CPT, "36430", "Transfusion, blood or blood components"),),
    ),
    (TASK_CODE, "suspend"): Concept(
        "task", ("Suspend the focal resource", "suspend", "Hold the order", "Hold warfarin")
    ),
    (TASK_CODE, "abort"): Concept(
        "task", ("Mark the focal resource as no longer active", "abort", "Stop the order", "Stop the duplicate order")
    ),
    ("", "BP"): _BP,
    (CATEGORY, "vital-signs"): Concept("status", ("Vital Signs", "Vital signs")),
    (f"{ALLERGY}-clinical", "active"): Concept("status", ("Active", "active")),
    (f"{ALLERGY}-verification", "confirmed"): Concept("status", ("Confirmed", "confirmed")),
}
OTHERS: dict[str, tuple[Code, ...]] = {
    "drug": (
        Code(RXNORM, "5224", "heparin"),
        Code(RXNORM, "3407", "digoxin"),
        Code(RXNORM, "5856", "insulin"),
        Code(SNOMED, "387467008", "Heparin"),
        Code(NDC, "63323-0262-01", "Heparin sodium"),
    ),
    "test": (
        Code(LOINC, "2951-2", "Sodium [Moles/volume] in Serum or Plasma"),
        Code(LOINC, "6598-7", "Troponin T.cardiac"),
        Code(SNOMED, "104934005", "Sodium measurement, serum"),
        Code(CPT, "84295", "Sodium, serum"),
    ),
    "procedure": (
        Code(SNOMED, "12719002", "Platelet transfusion"),
        Code(SNOMED, "76746007", "Cardiovascular stress testing"),
        Code(LOINC, "2951-2", "Sodium [Moles/volume] in Serum or Plasma"),
        Code(CPT, "93000", "Electrocardiogram"),
    ),
    "referral": (
        Code(SNOMED, "183519002", "Referral to cardiology service"),
        Code(LOINC, "2951-2", "Sodium [Moles/volume] in Serum or Plasma"),
        Code(CPT, "93000", "Electrocardiogram"),
    ),
    "task": (
        Code(TASK_CODE, "resume", "Re-activate the focal resource"),
        Code(TASK_CODE, "fulfill", "Fulfill the focal request"),
        Code(TASK_CODE, "approve", "Activate/approve the focal resource"),
        Code(TASK_CODE, "change", "Change the focal resource"),
        Code(TASK_CODE, "replace", "Replace the focal resource with the input resource"),
    ),
    "vital": (
        Code(LOINC, "8867-4", "Heart rate"),
        Code(LOINC, "8480-6", "Systolic blood pressure"),
        Code(LOINC, "2708-6", "Oxygen saturation in Arterial blood"),
        Code(LOINC, "8310-5", "Body temperature"),
        Code(SNOMED, "364075005", "Heart rate"),
    ),
}
STATUS_OTHERS: dict[str, tuple[Code, ...]] = {
    CATEGORY: tuple(Code(CATEGORY, code, code.title()) for code in ("laboratory", "imaging", "social-history", "exam")),
    f"{ALLERGY}-clinical": tuple(Code(f"{ALLERGY}-clinical", code, code.title()) for code in ("inactive", "resolved")),
    f"{ALLERGY}-verification": tuple(
        Code(f"{ALLERGY}-verification", code, code.title()) for code in ("unconfirmed", "refuted", "entered-in-error")
    ),
}
NEAR: dict[tuple[str, str], tuple[str, ...]] = {
    (NDC, "40032-917-01"): (
        "Potassium phosphate",
        "Sodium chloride",
        "Potassium iodide",
        "Potassium chloride injection",
    ),
    (NDC, "0338-1715-40"): ("Magnesium oxide", "Manganese sulfate", "Morphine sulfate", "MSO4", "Magnesium citrate"),
    (RXNORM, "29561"): ("ertapenem", "imipenem", "vancomycin", "cefepime"),
    (RXNORM, "11289"): ("apixaban", "heparin", "phenprocoumon", "Coversyl"),
    (RXNORM, "8308"): ("vitamin D", "menaquinone", "vitamin B12", "phenytoin"),
    (LOINC, "2823-3"): ("Potassium, urine", "Serum sodium", "Potassium in cerebrospinal fluid", "Phosphate"),
    (LOINC, "4548-4"): ("Hemoglobin", "Fasting glucose", "Hemoglobin A2", "Glucose"),
    (LOINC, "718-7"): ("Hemoglobin A1c", "Hematocrit", "Haptoglobin", "Myoglobin"),
    (LOINC, "2160-0"): ("Creatinine, urine", "Creatine kinase", "Urea nitrogen", "Creatinine clearance, 24 h urine"),
    (LOINC, "6301-6"): ("aPTT", "D-dimer", "Fibrinogen", "Anti-Xa activity"),
    (SNOMED, "306181000000106"): ("Referral to neurology", "Orthodontic referral", "Referral to orthoptics"),
    (SNOMED, "116863004"): ("Transfusion of plasma", "Transfusion of whole blood", "Blood group typing", "Phlebotomy"),
    (TASK_CODE, "suspend"): ("resume", "Give warfarin", "Continue the order", "abort"),
    (TASK_CODE, "abort"): ("Keep the order", "resume", "suspend", "Renew the order"),
}
"""Names close by, of something else."""
_KINDS = {RXNORM: "drug", NDC: "drug", LOINC: "test", SNOMED: "procedure", TASK_CODE: "task"}


def concept_of(value: dict[str, Any]) -> Concept | None:
    """Returns the thing that a CodeableConcept of a gold write stands for, None where that is not known."""
    coding = next(iter(value.get("coding", ())), {"code": value.get("text", "")})
    return CONCEPTS.get((coding.get("system", ""), coding.get("code", "")))


def near(value: dict[str, Any]) -> tuple[str, ...]:
    """Names that a CodeableConcept could be mistaken for."""
    return next((NEAR[key] for key in _keys(value) if key in NEAR), ())


def _keys(value: dict[str, Any]) -> list[tuple[str, str]]:
    return [(coding.get("system", ""), coding.get("code", "")) for coding in value.get("coding", ())]


def kind_of(value: dict[str, Any]) -> str:
    """The kind of a CodeableConcept, told by its system where its code is not known."""
    known = concept_of(value)
    systems = [coding.get("system", "") for coding in value.get("coding", ())]
    return known.kind if known else next((_KINDS[system] for system in systems if system in _KINDS), "")


def others_than(value: dict[str, Any]) -> list[Code]:
    """Codes that a CodeableConcept could be mistaken for."""
    known = {(coding.get("system"), coding.get("code")) for coding in value.get("coding", ())}
    systems = [coding.get("system", "") for coding in value.get("coding", ())]
    found = [*OTHERS.get(kind_of(value), ()), *(code for system in systems for code in STATUS_OTHERS.get(system, ()))]
    if kind_of(value) == "task":
        found += [Code(TASK_CODE, code, code) for code in ("suspend", "abort")]
    return [code for code in found if (code.system, code.code) not in known]
