"""What verifiers imports as the taskset ``mab-gym-verifiers``; the wheel carries this file as `mab_gym_verifiers`."""

from mab_gym.integrations.verifiers import (
    MedicalRecordHarness,
    MedicalRecordTaskset,
    MedicalRecordVerifiersEnv,
    load_environment,
)

__all__ = ["MedicalRecordHarness", "MedicalRecordTaskset", "MedicalRecordVerifiersEnv", "load_environment"]
