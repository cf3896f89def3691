"""Curricula: choose the next training cases by difficulty, family and branch, from the success so far.

A curriculum chooses among strata: a `Stratum` is one branch of one family. It is a plain object. The code that collects
rollouts asks it for the options of each reset, and gives it the last info of each episode:

    curriculum = Curriculum(strata(env))
    env.reset(seed=seed, options=curriculum.next_options(rng))
    ...
    curriculum.record(info)          # the episode's last info

`CurriculumWrapper` does both for one environment. `Curriculum` prefers strata with a success rate near a target,
`StagedCurriculum` goes from easy to hard, and `CaseSampler` is the base for others. Equal random numbers and equal
records give equal choices. A curriculum can be saved and loaded. It sees infos and never the cases themselves; the
room plays no episodes. Reading begins in `_sampler`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
