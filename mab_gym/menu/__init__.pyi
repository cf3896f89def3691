from ._agent import MenuAgent as MenuAgent
from ._agent import MenuPolicy as MenuPolicy
from ._choices import CHOICES as CHOICES
from ._env import MenuEnv as MenuEnv
from ._features import CHART as CHART
from ._features import FEATURES as FEATURES
from ._menu import Menu as Menu
