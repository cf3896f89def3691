"""A menu of discrete actions with numeric features, for learners that cannot read or write texts.

`MenuEnv` wraps an environment with text actions: each choice of the menu writes one text action (`_choices`), and the
observation is a vector of numbers (`_features`). `MenuAgent` plays the text environment by such a policy, so that it is
judged like any other agent. `StayMenuEnv` puts the decisions of a family on the clock to a learner. `_learning`
trains with MaskablePPO (extra ``sb3``; docs/sb3.md).

The menu reads only what every agent is shown: the opening prompt (`_prompt`, `_orders`) and the responses (`_notes`).
It never sees the case, the verifier or the gold solution; tests/menu/test_honesty.py holds it to that. Only the reward
`OrdersPaid` uses the gold solution, in training. Reading begins in `_menu`.

    env = MenuEnv(gymnasium.make("mab_gym/MedAgentBench-Train-v0"))
    features, info = env.reset(seed=1)
    env.step(int(env.action_masks().argmax()))
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
