"""Thousands of episodes in one process, stepped together: one hospital, and for each episode what it has written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mab_gym.actions import NoAction, OutOfContext
from mab_gym.backends import Backend
from mab_gym.envs._env import (
    MedicalRecordEnv,
    as_sampled,
    check_options,
    choose_case,
    spaces_of,
)
from mab_gym.envs._environment_file import Environment, read_environment
from mab_gym.envs._scenario import Scenario, open_scenario
from mab_gym.envs._vector_batches import (
    MASK,
    Action,
    batched_infos,
    moves,
    read_mask,
    spread_options,
    spread_seeds,
)
from mab_gym.envs._vector_memory import LastSeen, Streams
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.tasking.case import Case

_MOST_THREADS = 32
_Plan = tuple[Case, tuple[str, ...], int]
_Told = list[tuple[int, Mapping[str, Any]]]


class MedicalRecordVectorEnv(VectorEnv[dict[str, Any], Sequence[Action], npt.NDArray[Any]]):
    """Many `MedicalRecordEnv` episodes in one process, each with a private view of one shared record system.

    ## Description
    With equal seeds and actions it behaves as Gymnasium's ``SyncVectorEnv`` of single environments, in all three
    autoreset modes, at a fraction of the memory. Rewards, episode end and info are those of `MedicalRecordEnv`.

    ## Action Space
    ``AnyTexts(num_envs)``: a list, tuple or array of ``num_envs`` texts. Three other values may stand for a text:

    - None, with autoreset ``DISABLED``, leaves an episode alone: its observation stays, its reward is 0, and it has no
      info. An episode that has ended takes nothing else until it is reset.
    - `NoAction` stands for a message that holds no action.
    - `OutOfContext` ends an episode whose agent cannot read any more of it.

    A wrong batch is refused before anything happens.

    ## Observation Space
    A dict of ``text`` and ``fhir`` (tuples of ``num_envs`` texts) and ``status`` (int64 of shape ``(num_envs,)``).

    ## Starting State
    ``seed`` is one number (environment i gets ``seed + i``) or a list of ``num_envs``. ``options`` are those of
    `MedicalRecordEnv`; each is one value for all, or a list of ``num_envs``, in which None leaves the choice open.
    ``options["reset_mask"]``, a numpy array of bools, chooses the episodes that begin anew; the others go on.

    ## Version History
    - v0: the first version.

    Args:
        environment: The contents of an environment file.
        num_envs: The number of episodes.
        autoreset_mode: Gymnasium's ``AutoresetMode`` or its value; ``NextStep`` is Gymnasium's own default.
        render_mode: ``ansi`` for transcripts as texts, or None.
        keep_observations: True to hold the last observation of each episode, and to give it again where an episode does
            not move. Otherwise such an episode has empty texts and status 0.

    Attributes:
        scenario: The record system, its snapshot, the tasks and the rules.

    Raises:
        UsageError: An argument is not as it should be.
    """

    def __init__(
        self,
        environment: Environment,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        *,
        keep_observations: bool = True,
    ) -> None:
        if not isinstance(num_envs, int | np.integer) or isinstance(num_envs, bool) or num_envs < 1:
            raise UsageError(f"num_envs is a whole number from 1, not {num_envs!r}")
        if render_mode not in (None, "ansi"):
            raise UsageError(f"render_mode is 'ansi' or None, not {render_mode!r}")
        capacity = environment.backend_kind.capacity(environment.settings)
        if capacity is not None and num_envs > capacity:
            raise UsageError(
                f"{environment.id}: its record system takes {capacity} episodes at once, and num_envs is {num_envs}: "
                f"ask for fewer, or allow more (with containers by servers={num_envs})"
            )
        self._mode = _autoreset(autoreset_mode)
        self.metadata = {**MedicalRecordEnv.metadata, "autoreset_mode": self._mode}
        self.render_mode = render_mode
        self.num_envs = int(num_envs)
        self.scenario: Scenario = open_scenario(environment)
        self.single_action_space, self.single_observation_space = spaces_of(self.scenario)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._episodes = [self.scenario.new_episode() for _ in range(self.num_envs)]
        self._streams = Streams(self.num_envs)
        self._seen = LastSeen(self.num_envs, keep=keep_observations)
        self._transcripts: list[list[str]] = [[] for _ in range(self.num_envs)] if render_mode else []
        self._rewards = np.zeros(self.num_envs)
        self._terminated = np.zeros(self.num_envs, bool)
        self._truncated = np.zeros(self.num_envs, bool)
        self._begun = False
        self._threads = _threads_for(self.scenario.backend, self.num_envs)

    # --- Gymnasium -----------------------------------------------------------------------------------------------

    @property  # type: ignore[misc]  # read only, and one for each environment, as with SyncVectorEnv
    def np_random(self) -> Any:
        """The random generators of the environments, a tuple."""
        return tuple(self._streams.generator(place) for place in range(self.num_envs))

    @property
    def np_random_seed(self) -> Any:
        """The seeds of the random generators, a tuple."""
        return tuple(self._streams.seed(place) for place in range(self.num_envs))

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begins new episodes, all or those of ``options["reset_mask"]``.

        Raises:
            UsageError: A seed, an option or the mask is not as it should be; nothing was begun.
            gymnasium.error.ClosedEnvironmentError: It was closed.
        """
        self._check_open()
        options = check_options(options, also=(MASK,))
        mask = read_mask(options, self.num_envs)
        if not self._begun and not mask.all():
            raise UsageError("the first reset is one of all environments, without a reset_mask")
        seeds, wanted = spread_seeds(seed, self.num_envs), spread_options(options, self.num_envs)
        places = [place for place in range(self.num_envs) if mask[place]]
        streams = self._streams.copy()
        for place in places:
            if seeds[place] is not None:
                streams.begin(place, seeds[place])
        plans = [self._choose(streams, place, wanted[place]) for place in places]
        self._streams = streams
        self._begun = True
        self._terminated[mask] = self._truncated[mask] = False
        told = self._each(self._begin, places, plans)
        return self._seen.batch(), batched_infos(told, self.num_envs)

    def step(
        self, actions: Sequence[Action]
    ) -> tuple[dict[str, Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """Takes one action in each episode.

        Raises:
            UsageError: There are not as many actions as episodes, or one is no text; nothing was done.
            gymnasium.error.ResetNeeded: An action is meant for an episode that has ended; nothing was done.
            gymnasium.error.ClosedEnvironmentError: It was closed.
        """
        self._check_open()
        if not self._begun:
            raise gymnasium.error.ResetNeeded("there is no episode under way: call reset()")
        places, chosen = moves(actions, self._terminated | self._truncated, self._mode)
        self._rewards = np.zeros(self.num_envs)
        if self._mode is AutoresetMode.SAME_STEP:
            self._terminated[:] = self._truncated[:] = False  # those that ended have begun anew
        told = self._each(self._play, places, chosen)
        return (
            self._seen.batch(),
            self._rewards,
            self._terminated.copy(),
            self._truncated.copy(),
            batched_infos(told, self.num_envs),
        )

    def render(self) -> tuple[str, ...] | None:
        """Returns the transcripts so far where ``render_mode`` is ``ansi``, else None."""
        return tuple("\n".join(lines) for lines in self._transcripts) if self.render_mode == "ansi" else None

    def close_extras(self, **kwargs: Any) -> None:
        """Ends all episodes and gives the record system back, whatever fails in between.

        Raises:
            InfrastructureError: Something could not be given back; the text says what.
        """
        self.closed = True
        faults = []
        for episode in self._episodes:
            try:
                episode.close()
            except InfrastructureError as error:
                faults.append(str(error))
        self._seen.clear()
        if self._threads is not None:
            self._threads.shutdown()
        if faults:
            raise InfrastructureError("; ".join(dict.fromkeys(faults)))

    # --- one episode ---------------------------------------------------------------------------------------------

    def _begin(self, place: int, plan: _Plan) -> _Told:
        case, variants, seed = plan
        family = self.scenario.tasks.catalogue[case.family]
        observation, info = self._episodes[place].reset(family, case, variants, seed)
        self._seen.see(place, observation)
        if self._transcripts:
            self._transcripts[place] = [observation["text"]]
        return [(place, info)]

    def _begin_by_chance(self, place: int) -> _Told:
        return self._begin(place, self._choose(self._streams, place, {}))

    def _choose(self, streams: Streams, place: int, options: Mapping[str, Any]) -> _Plan:
        return streams.draw(place, lambda random: choose_case(self.scenario.tasks, random, options))

    def _play(self, place: int, action: str | NoAction | OutOfContext) -> _Told:
        if self._terminated[place] or self._truncated[place]:  # with NEXT_STEP, where the action is ignored
            self._terminated[place] = self._truncated[place] = False
            return self._begin_by_chance(place)
        step = self._episodes[place].step(action)
        self._rewards[place] = step.reward
        if self._transcripts:
            self._transcripts[place] += [f">>> {action}", step.observation["text"]]
        if not (step.terminated or step.truncated):
            self._seen.see(place, step.observation)
            return [(place, step.info)]
        self._terminated[place], self._truncated[place] = step.terminated, step.truncated
        if self._mode is AutoresetMode.SAME_STEP:
            final = {"final_obs": as_sampled(step.observation), "final_info": step.info}
            return [(place, final), *self._begin_by_chance(place)]
        self._seen.see(place, step.observation)
        return [(place, step.info)]

    # --- all episodes --------------------------------------------------------------------------------------------

    def _each(self, work: Any, places: Sequence[int], what: Sequence[Any]) -> _Told:
        """Does something in some episodes: in turn, or at the same time where the record system is far away."""
        does = map if self._threads is None else self._threads.map
        return [told for all_told in does(work, places, what) for told in all_told]

    def _check_open(self) -> None:
        if self.closed:
            raise gymnasium.error.ClosedEnvironmentError("this vector environment was closed: make a new one")


def _autoreset(mode: object) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        modes = ", ".join(repr(each.value) for each in AutoresetMode)
        raise UsageError(f"autoreset_mode is one of {modes}, not {mode!r}") from None


def _threads_for(backend: Backend, num_envs: int) -> ThreadPoolExecutor | None:
    """Returns threads to wait in for a record system that is far away; None where threads gain nothing."""
    if backend.in_process:
        return None
    return ThreadPoolExecutor(min(num_envs, _MOST_THREADS), thread_name_prefix="mab_gym vector")


def make_vector_environment(
    env_file: str,
    num_envs: int = 1,
    render_mode: str | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    *,
    keep_observations: bool = True,
    **overrides: Any,
) -> MedicalRecordVectorEnv:
    """Makes a vector environment from its file; ``gymnasium.make_vec`` calls it.

    Args:
        env_file: The environment file.
        num_envs: The number of episodes.
        render_mode: ``ansi`` for transcripts as texts, or None.
        autoreset_mode: Gymnasium's ``AutoresetMode`` or its value.
        keep_observations: True to give the last observation again where an episode does not move.
        overrides: Values in place of the file's, by the names of their keys.
    """
    environment = read_environment(Path(env_file), overrides)
    return MedicalRecordVectorEnv(
        environment, num_envs, autoreset_mode, render_mode, keep_observations=keep_observations
    )
