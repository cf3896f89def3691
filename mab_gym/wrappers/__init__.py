"""Wrappers that change the reward of one environment; `docs/rewards.md` tells when to use which.

`PartialCredit` pays for each criterion of the judge that is met, `PotentialShaping` for progress during the episode,
`StepPenalty` and `InvalidActionPenalty` subtract from the reward. They change rewards and infos only: actions,
observations, verdicts and records stay as they are. `PartialCredit` and `PotentialShaping` play the gold solution in a
second episode (`_gold`), so they need the embedded server and verdicts by criteria. `_rewarding` holds the base class;
reading begins there.

    env = PartialCredit(gymnasium.make("mab_gym/MedAgentBench-Train-v0"))
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
