"""mab_gym: language-model agents at work in a FHIR R4 health record, as Gymnasium episodes.

Importing it registers its environments (Gymnasium's convention), and does nothing else:

    import gymnasium
    import mab_gym

    env = gymnasium.make("mab_gym/MedAgentBench-v0")
    observation, info = env.reset(seed=7)
    observation, reward, terminated, truncated, info = env.step("GET http://localhost:8080/fhir/Patient?_count=1")

An episode, a whole evaluation and an ablation are calls:

    record = mab_gym.play(agent="oracle", case="latest_magnesium/07")
    found = mab_gym.evaluate("MedAgentBench-v0", my_agent, out="runs/mine", concurrency=8)
    found.success_rate

An agent is any object with ``reset(observation, info, seed)`` and ``act(observation)``; `ChatModel` plays with a model
behind an OpenAI-compatible endpoint. The rooms below hold the rest:

    mab_gym.envs          the environments, their files, their spaces
    mab_gym.agents        reference agents and chat models
    mab_gym.runs          evaluations, records, scores, ablations, regrading
    mab_gym.tasking       families, cases, charts, verifiers: all that a task family needs
    mab_gym.backends      record systems that episodes play on
    mab_gym.fhir          the FHIR R4 server without a socket
    mab_gym.cohort        synthetic hospitals          mab_gym.charts     a chart as people read it
    mab_gym.transfer      imports and exports          mab_gym.serve      the FHIR server behind HTTP
    mab_gym.curriculum    which cases to train on      mab_gym.wrappers   rewards
    mab_gym.menu          choices and numbers in the place of texts
    mab_gym.audit         what can be won without reading
    mab_gym.report        runs as a page               mab_gym.integrations   other frameworks
    mab_gym.official      the official MedAgentBench   mab_gym.errors     what is raised

A name is public if it is listed in the ``__all__`` of a module without an underscore in its path.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

from mab_gym.envs._registration import register_envs as _register_envs

_register_envs()
