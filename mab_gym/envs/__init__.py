"""Gymnasium environments, one id for each environment file.

An environment file (TOML) says which tasks are played, on which data, by which rules and on which backend.
`register_envs`, which ``import mab_gym`` calls, registers every file at hand with Gymnasium. `MedicalRecordEnv` plays
one episode at a time, `MedicalRecordVectorEnv` many; what their episodes share is a `Scenario`.

The room puts the parts of this package together, so it may use all rooms below it: backends, cohort, tasking, official
and `mab_gym.episode`. Nothing in it knows agents or runs. ``import mab_gym`` reads `_registration.py` and
`_environment_file.py`, which therefore import little.

Begin with `_environment_file.py` (the format), `_scenario.py` (how the parts come together), then `_env.py`.
`_ehr_rules.py` holds this project's own rules of an episode.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
