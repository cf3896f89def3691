"""Can the tasks be trusted? What can be won without reading the chart, and whether weak players are told apart."""

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
