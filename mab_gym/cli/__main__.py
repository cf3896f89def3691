"""``python -m mab_gym.cli`` is the same as ``mab-gym``."""

from mab_gym.cli.app import main

main()
