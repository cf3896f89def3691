"""Rollouts on a Ray cluster: worker processes play; one driver distributes the episodes and writes the records.

The driver imports Ray only when it needs a cluster. The code of a worker (``_worker``) does not know the driver.
"""

from mab_gym.integrations.ray._cluster import LOCAL, is_installed
from mab_gym.integrations.ray._dispatch import RayWorkers
from mab_gym.integrations.ray._evaluation import evaluate_on_ray
from mab_gym.integrations.ray._worker import Job

__all__ = ["LOCAL", "Job", "RayWorkers", "evaluate_on_ray", "is_installed"]
