"""mab_gym: language-model agents at work in a FHIR R4 health record, as Gymnasium episodes.

Importing it registers its environments (Gymnasium's convention), and does nothing else:

    import gymnasium
    import mab_gym

    env = gymnasium.make("mab_gym/MedAgentBench-v0")
"""

__version__ = "0.1.0"

from mab_gym.envs._registration import register_envs

register_envs()
