"""The module that verifiers imports for ``mab-gym-verifiers``; the wheel contains it as `mab_gym_verifiers`."""

from mab_gym.integrations.verifiers import (
    MedicalRecordHarness,
    MedicalRecordTaskset,
    MedicalRecordVerifiersEnv,
    load_environment,
)

__all__ = ["MedicalRecordHarness", "MedicalRecordTaskset", "MedicalRecordVerifiersEnv", "load_environment"]
