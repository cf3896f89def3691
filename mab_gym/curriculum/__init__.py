"""Which cases to train on next: by difficulty, family and branch, after how often they were solved so far.

A curriculum is a plain object. Whoever collects rollouts asks it for options and tells it how the episode ended:

    curriculum = Curriculum(arms_of(env))
    env.reset(seed=seed, options=curriculum.next_options(rng))
    ...
    curriculum.record(info)          # the episode's last info

`CurriculumWrapper` does both for one environment. Equal chance and equal records give equal choices.
"""

from mab_gym.curriculum._adaptive import Curriculum
from mab_gym.curriculum._sampler import CaseSampler
from mab_gym.curriculum._staged import StagedCurriculum
from mab_gym.curriculum._strata import Arm, arms_of
from mab_gym.curriculum._wrapper import CurriculumWrapper

__all__ = ["Arm", "CaseSampler", "Curriculum", "CurriculumWrapper", "StagedCurriculum", "arms_of"]
