"""Adapters for other frameworks, a module or a folder for each.

Each adapter is thin: it turns a framework's rollout into an episode of `mab_gym.runs.Driver`, and the episode's outcome
into the framework's own form. Rewards, outcomes and stops come from the driver. Shared modules are ``_sessions`` (a
driver with an outcome as plain data), ``_async_sessions`` (the same with coroutines) and ``_rows`` (episodes as the
rows of a dataset).

A framework is imported by its own module alone, so that none has to be installed. If one is missing, the error names
the extra that installs it. Nothing else in mab_gym imports this room, except the commands that name a framework.
"""

__all__: list[str] = []
