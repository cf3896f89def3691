"""Rollouts spread over a Ray cluster: worker processes play, one driver hands out and keeps the records.

The driver imports Ray when it needs a cluster, not before; what a worker runs (`worker`) knows nothing of the driver.
"""

from mab_gym.integrations.ray._cluster import LOCAL, is_installed
from mab_gym.integrations.ray._dispatch import RayWorkers
from mab_gym.integrations.ray._evaluation import evaluate_on_ray
from mab_gym.integrations.ray._worker import Job

__all__ = ["LOCAL", "Job", "RayWorkers", "evaluate_on_ray", "is_installed"]
