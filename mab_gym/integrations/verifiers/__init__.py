"""The tasks for verifiers: a taskset, and a harness that plays episodes in this process.

verifiers finds tasksets by the name of a top-level module. ``vf-eval mab-gym-verifiers`` finds these by the module
`mab_gym_verifiers`, which is the file ``plugin.py`` in the wheel.

The taskset (``_taskset``) makes a task of each case. The harness (``_harness``) plays it with the model that verifiers
serves: the model is an agent that is awaited, and `mab_gym.runs.drive` is the loop. The outcome goes to the trace's
``info``, and the rewards and metrics read it there. A rollout in which the record system failed has no reward.
"""

from __future__ import annotations

from mab_gym.integrations._installed import needing

with needing("verifiers", "tasks for verifiers need"):
    from mab_gym.integrations.verifiers._environment import MedicalRecordVerifiersEnv, load_environment
    from mab_gym.integrations.verifiers._harness import MedicalRecordHarness
    from mab_gym.integrations.verifiers._taskset import MedicalRecordTask, MedicalRecordTaskset

__all__ = [
    "MedicalRecordHarness",
    "MedicalRecordTask",
    "MedicalRecordTaskset",
    "MedicalRecordVerifiersEnv",
    "load_environment",
]
