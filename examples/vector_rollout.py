"""Many episodes in one process: sixty-four at once, each with an agent, until all have ended."""

import gymnasium
import numpy as np
from own_agent import MagnesiumAgent

import mab_gym  # noqa: F401  (registers the environments)

COUNT = 64
TRAIN = "mab_gym/MedAgentBench-Train-v0"
# A training hospital of 500 people, built in seconds; leave `cohort` out for the usual one of 11,000.
envs = gymnasium.make_vec(TRAIN, num_envs=COUNT, autoreset_mode="Disabled", cohort="train-500-1")
observations, infos = envs.reset(seed=0, options={"family": "latest_magnesium"})


def seen(place):
    """Returns the observation of one episode."""
    return {"text": observations["text"][place], "fhir": observations["fhir"][place]}


agents = [MagnesiumAgent() for _ in range(COUNT)]
for place, agent in enumerate(agents):
    agent.reset(seen(place), {}, seed=place)
ended, returns = np.zeros(COUNT, bool), np.zeros(COUNT)
while not ended.all():
    actions = [None if ended[place] else agent.act(seen(place)) for place, agent in enumerate(agents)]
    observations, rewards, terminated, truncated, infos = envs.step(actions)
    returns += rewards
    ended |= terminated | truncated
print(f"{COUNT} episodes, mean return {returns.mean():.3f}")
envs.close()
