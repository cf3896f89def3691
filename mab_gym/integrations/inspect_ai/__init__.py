"""The tasks for inspect_ai: ``inspect eval mab_gym/medagentbench --model openai/...``.

Inspect finds them through the entry point group ``inspect_ai``, which names this package. A task set (``_tasks``)
makes one sample of each case, with the opening message as its input. The solver (``_playing``) plays the sample's
episode with inspect's own model, as plain text or by tool calls that pass inspect's approvers. The scorers
(``_scoring``) read the verdict that the episode left in the sample's store; a sample in which the record system failed
has no score.

The folder imports inspect_ai, and of mab_gym what every adapter uses: `mab_gym.runs` and the shared sessions.
docs/integrations.md shows the options.
"""

from __future__ import annotations

from mab_gym.integrations._installed import needing

with needing("inspect", "tasks for inspect_ai need"):
    from mab_gym.integrations.inspect_ai._playing import play_episode
    from mab_gym.integrations.inspect_ai._scoring import solved, unsafe
    from mab_gym.integrations.inspect_ai._tasks import medagentbench, medagentbench_beyond

__all__ = ["medagentbench", "medagentbench_beyond", "play_episode", "solved", "unsafe"]
