"""Runs: agents play environments, and their episodes are recorded, scored, compared and judged again.

One loop plays every episode (`drive`). It asks an agent for actions and passes them to a `Driver`, which begins an
episode in an environment, steps it, ends it and keeps its record. `play` and `play_async` play one episode;
`evaluate` plays all cases of an environment into a run folder; `ablate` does so in several settings. Frameworks with a
loop of their own (`mab_gym.integrations`) hold a `Driver`.

    found = mab_gym.evaluate("MedAgentBench-v0", "oracle", out="runs/oracle", concurrency=4)
    found.success_rate                       # 0 to 1
    found.scores["action"].rate

A run folder holds ``run.json``, which describes the run, and ``episodes.jsonl``, one episode a line, written when it
ends. So an interrupted run can go on, and no finished episode is lost.

The room knows environments, agents and records. It knows no command line, no report and no framework; a `Watcher`
shows the progress of a run. Begin reading in ``_driver``, then ``_rollout`` (one episode and its retries),
``_evaluation`` (a whole run) and ``_records`` (the folder).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
