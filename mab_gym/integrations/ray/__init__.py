"""Evaluations on a Ray cluster: worker processes play; one driver distributes the episodes and writes the records.

    plan = mab_gym.Plan(env="MedAgentBench-Train-v0", agent="my_module:MyAgent", limit=10_000)
    evaluate_on_ray(plan, Path("runs/mine"), "auto")

``_evaluation`` is `mab_gym.evaluate` on a cluster. ``_cluster`` starts or joins one, ``_dispatch`` hands out batches
and replaces workers that die, ``_worker`` is the code of a worker: it opens the node's archive, makes its agents and
plays. A worker that dies takes nothing with it: its episodes are played again by another.

The driver imports Ray only when it needs a cluster. The code of a worker does not know the driver.
"""

from mab_gym.integrations.ray._cluster import LOCAL, is_installed
from mab_gym.integrations.ray._dispatch import RayWorkers
from mab_gym.integrations.ray._evaluation import evaluate_on_ray
from mab_gym.integrations.ray._worker import Job

__all__ = ["LOCAL", "Job", "RayWorkers", "evaluate_on_ray", "is_installed"]
