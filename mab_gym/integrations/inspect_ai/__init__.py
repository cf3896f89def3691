"""The tasks for inspect_ai: ``inspect eval mab_gym/medagentbench --model openai/...``.

Inspect finds them through the entry point group ``inspect_ai``, which names this package.
"""

from __future__ import annotations

from mab_gym.integrations._installed import needing

with needing("inspect", "tasks for inspect_ai need"):
    from mab_gym.integrations.inspect_ai._playing import play_episode
    from mab_gym.integrations.inspect_ai._scoring import solved, unsafe
    from mab_gym.integrations.inspect_ai._tasks import medagentbench, medagentbench_beyond

__all__ = ["medagentbench", "medagentbench_beyond", "play_episode", "solved", "unsafe"]
