"""mab_gym: language-model agents at work in a FHIR R4 health record, as Gymnasium episodes.

``gymnasium.make("mab_gym/MedAgentBench-v0")`` gives the whole benchmark; importing this package has no side effects.
"""

__version__ = "0.1.0"
