"""Wrappers that change the reward, of one environment each; `docs/rewards.md` tells when to use which."""

from mab_gym.wrappers._credit import PartialCredit
from mab_gym.wrappers._penalties import InvalidActionPenalty, StepPenalty
from mab_gym.wrappers._shaping import PotentialShaping, Progress, Situation

__all__ = ["InvalidActionPenalty", "PartialCredit", "PotentialShaping", "Progress", "Situation", "StepPenalty"]
