"""The ``mab-gym`` command, one file a command.

A command reads its options, calls one function of the library, shows the progress, and prints the result. Everything it
does is also a call in Python (`mab_gym.evaluate`, `mab_gym.ablate`, `mab_gym.runs.regrade` …).

``app`` lists the commands and turns this package's errors into one line on standard error. A command's file is imported
when the command or its help is run, so that ``mab-gym --help`` is quick. ``_options`` holds the options that ``eval``,
``rollout`` and ``ablate`` share; ``_console`` the two consoles.
"""

__all__: list[str] = []
