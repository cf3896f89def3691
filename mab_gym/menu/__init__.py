"""A menu in place of texts, and numbers in place of charts, for learners that read neither."""

from mab_gym.menu._agent import MenuAgent, MenuPolicy
from mab_gym.menu._choices import CHOICES
from mab_gym.menu._env import MenuEnv
from mab_gym.menu._features import CHART, FEATURES
from mab_gym.menu._menu import Menu

__all__ = ["CHART", "CHOICES", "FEATURES", "Menu", "MenuAgent", "MenuEnv", "MenuPolicy"]
