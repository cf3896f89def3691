"""Deals to a layered cohort's people the present that the families beyond MedAgentBench's ten ask for.

Thresholds occur exactly, just above and just below. Who is dealt what follows the person: situations are given to those
whom they fit, and what is dealt goes on from what the chart says. Ages, sexes and names are the people's own.

Sources of what is dealt: creatinine clearance after Cockcroft and Gault, Nephron 1976;16:31-41, at the steps of the
meropenem label (MERREM IV, section 2.2); INR at the steps of Holbrook et al., Chest 2012;141(2 Suppl):e152S-e184S;
haemoglobin about 7 g/dL, the restrictive threshold for transfusion (Carson et al., AABB guideline, JAMA
2023;330:1892-1902). RxNorm codes are those of ingredients.
"""

from __future__ import annotations

from collections.abc import Sequence

from mab_gym.cohort._assigned_allergies import deal_allergies
from mab_gym.cohort._assigned_kidneys import deal_kidneys
from mab_gym.cohort._assigned_orders import deal_orders
from mab_gym.cohort._assigned_results import deal_haemoglobins, deal_ratios, on_warfarin
from mab_gym.cohort._assigned_rows import Layer
from mab_gym.cohort._history import Someone
from mab_gym.cohort._spec import LayeredSpec


def deal_all(spec: LayeredSpec, profiles: Sequence[Someone], people: Sequence[Someone]) -> Layer:
    """Everything that is dealt, and what of the charts below gives way to it.

    Args:
        spec: Start of the random streams, and shares.
        profiles: Those who have charts.
        people: All people, who can be taken for one another.
    """
    layer, seed = Layer(), spec.seed
    deal_kidneys(seed, profiles, layer)
    takers = on_warfarin(seed, profiles, spec.on_warfarin)
    deal_ratios(seed, profiles, takers, layer)
    deal_haemoglobins(seed, profiles, spec.low_haemoglobin, layer)
    deal_orders(seed, profiles, takers, layer)
    deal_allergies(seed, profiles, people, layer)
    return layer
