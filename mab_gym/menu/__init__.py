"""A menu in place of texts, and numbers in place of charts, for learners that read neither."""

from mab_gym.menu.agent import MenuAgent, MenuPolicy
from mab_gym.menu.choices import CHOICES
from mab_gym.menu.env import MenuEnv
from mab_gym.menu.features import CHART, FEATURES
from mab_gym.menu.menu import Menu

__all__ = ["CHART", "CHOICES", "FEATURES", "Menu", "MenuAgent", "MenuEnv", "MenuPolicy"]
