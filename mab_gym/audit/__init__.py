"""Can the tasks be trusted? What can be won without reading the chart, and whether weak players are told apart."""

from mab_gym.audit.auditing import Auditor, Memory, auditable
from mab_gym.audit.blind import Blind, Constant
from mab_gym.audit.findings import (
    LEAST_BRANCH,
    MOST_BLIND,
    MOST_CONSTANT,
    Audit,
    to_json,
)
from mab_gym.audit.graded import GROUP, GROUP_SKILLS, SKILLS, Graded

__all__ = [
    "GROUP",
    "GROUP_SKILLS",
    "LEAST_BRANCH",
    "MOST_BLIND",
    "MOST_CONSTANT",
    "SKILLS",
    "Audit",
    "Auditor",
    "Blind",
    "Constant",
    "Graded",
    "Memory",
    "auditable",
    "to_json",
]
