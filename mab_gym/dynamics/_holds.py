"""The rules by which nurses hold a dose until somebody who may decide has looked at it.

==========  =========================================================================================================
insulin     the last known glucose of these four hours is below 70 mg/dL (ADA, Standards of Care: hypoglycaemia)
potassium   the last known potassium of these 24 hours is 5.5 mmol/L or more
pulse       the last pulse is below 50 a minute, or the systolic pressure below 90 mmHg
pressure    the last systolic pressure is below 90 mmHg
breathing   the last breathing rate is below 10 a minute
by mouth    the patient eats and drinks nothing
==========  =========================================================================================================

The limits are those that American hospitals commonly write into such orders; ADA names its own.
"""

from __future__ import annotations

from mab_gym.dynamics._catalogues import Drug
from mab_gym.dynamics._known import Known


def why_held(drug: Drug, route: str, known: Known, minute: int, *, nil_by_mouth: bool) -> str:
    """Returns why a dose is held, in a sentence; empty if it is given."""
    if route == "oral" and nil_by_mouth:
        return "The patient is to have nothing by mouth."
    if drug.hold == "insulin":
        glucose = known.value("glucose", minute, 240)
        if glucose is not None and glucose < 70:
            return f"The last glucose was {glucose:.0f} mg/dL, below 70."
    if drug.hold == "potassium":
        potassium = known.value("potassium", minute)
        if potassium is not None and potassium >= 5.5:
            return f"The last potassium was {potassium:.1f} mmol/L, 5.5 or more."
    if drug.hold == "pulse":
        pulse = known.value("pulse", minute)
        if pulse is not None and pulse < 50:
            return f"The last pulse was {pulse:.0f} a minute, below 50."
    if drug.hold in ("pulse", "pressure"):
        pressure = known.value("systolic", minute)
        if pressure is not None and pressure < 90:
            return f"The last systolic pressure was {pressure:.0f} mmHg, below 90."
    if drug.hold == "breathing":
        breathing = known.value("respiratory_rate", minute)
        if breathing is not None and breathing < 10:
            return f"The last breathing rate was {breathing:.0f} a minute, below 10."
    return ""
