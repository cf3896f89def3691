"""The audit of tasks (`mab-gym tasks audit`) and of data splits (`mab-gym data audit`).

The audit of an environment asks if its tasks can be trusted: how much can be won without reading the chart
(`_blind`), if success rises with skill (`_graded`), if breaking a rule or taking a shortcut costs anything (`_rules`),
what careless policies earn (`_policies`), and how many different cases can be drawn (`_distinct`). `Auditor` runs all
parts and returns an `Audit`, whose `faults` are the limits that are not kept. `_leakage` compares two sets of people,
charts and cases.

The room plays episodes and judges writes through a `Trial`, with the same verifiers as everybody. It knows no family
by name, and only the embedded record system with the protocol ``ehr`` can be audited. Reading begins in `_auditing`.

    audit = Auditor(scenario).audit()
    print(audit.faults())
"""

from mab_gym.audit._auditing import AUDITED, Auditor, Memory, auditable
from mab_gym.audit._blind import Blind, Constant
from mab_gym.audit._findings import (
    LEAST_BRANCH,
    MOST_BLIND,
    MOST_CONSTANT,
    Audit,
    to_json,
)
from mab_gym.audit._graded import GROUP, GROUP_SKILLS, SKILLS, Graded
from mab_gym.audit._policies import HONEST, Policies
from mab_gym.audit._rules import LEAST_BITE, MOST_BY_SHORTCUT, Rules

__all__ = [
    "AUDITED",
    "GROUP",
    "GROUP_SKILLS",
    "HONEST",
    "LEAST_BITE",
    "LEAST_BRANCH",
    "MOST_BLIND",
    "MOST_BY_SHORTCUT",
    "MOST_CONSTANT",
    "SKILLS",
    "Audit",
    "Auditor",
    "Blind",
    "Constant",
    "Graded",
    "Memory",
    "Policies",
    "Rules",
    "auditable",
    "to_json",
]
