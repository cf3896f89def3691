"""The ``mab-gym`` command, one file a command.

A command reads its options, calls one function of the library, shows how it is going, and prints the result. It decides
nothing: whatever it can do is a call in Python, too (`mab_gym.evaluate`, `mab_gym.ablate`, `mab_gym.runs.regrade` …).

``app`` lists the commands and turns this package's errors into one line on standard error. A command's file is imported
when it is run or asked for its help, so that ``mab-gym --help`` is quick. ``_options`` holds the options that ``eval``,
``rollout`` and ``ablate`` share; ``_console`` the two consoles.
"""

__all__: list[str] = []
