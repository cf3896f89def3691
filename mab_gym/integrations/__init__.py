"""Other frameworks' views of these environments, a module or a folder for each.

Each is a thin map: it turns a framework's rollout into an episode of `mab_gym.runs.Driver`, and the end of the episode
into what the framework expects. What a framework calls a reward, an outcome or a stop comes from the driver; what is
shared stands in ``_sessions`` (a driver whose end is plain data), ``_async_sessions`` (the same, awaited) and ``_rows``
(episodes as the rows of a data set).

Only the module of a framework imports it, so that none of them need be installed. Where it is missing, the error names
the extra that installs it. Nothing else in mab_gym imports this room, but for the commands that name a framework.
"""

__all__: list[str] = []
