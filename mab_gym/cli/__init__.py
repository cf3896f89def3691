"""The ``mab-gym`` command; one file a command."""
