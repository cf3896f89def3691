"""The batches of a vector environment: actions, seeds, options and masks go in, infos come out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from mab_gym.actions import NoAction, OutOfContext
from mab_gym.envs._env import check_seed
from mab_gym.envs._spaces import is_sequence
from mab_gym.errors import UsageError

MASK = "reset_mask"
_NUMBERS = (int, float, bool)
_AS_THEY_ARE = ("final_obs",)
"""Keys whose values stay whole."""


Action = str | NoAction | OutOfContext | None


def moves(
    actions: Sequence[Action], ended: npt.NDArray[np.bool_], mode: AutoresetMode
) -> tuple[Sequence[int], Sequence[Any]]:
    """Returns the places of the episodes that move, and their actions.

    Args:
        actions: One action for each episode.
        ended: True for each episode that has ended, of shape ``(num_envs,)``.
        mode: The autoreset mode.

    Raises:
        UsageError: There are not as many actions as episodes, or one is no text where one is needed.
        gymnasium.error.ResetNeeded: An action is meant for an episode that has ended for good.
    """
    if not is_sequence(actions) or len(actions) != len(ended):
        got = f"{len(actions)} of them" if is_sequence(actions) else f"a {type(actions).__name__}"
        raise UsageError(f"actions are a list of num_envs = {len(ended)} texts, not {got}")
    ignored = mode is AutoresetMode.NEXT_STEP
    places: list[int] = []
    chosen: list[Any] = []
    for place, action in enumerate(actions):
        if isinstance(action, str | NoAction | OutOfContext) or (ignored and ended[place]):
            places.append(place)
            chosen.append(action)
        elif action is not None or mode is not AutoresetMode.DISABLED:
            raise UsageError(f"the action of environment {place} is a text, not {action!r}")
    if mode is AutoresetMode.DISABLED and ended.any():
        late = [place for place in places if ended[place]]
        if late:
            raise gymnasium.error.ResetNeeded(
                f"the episodes of environments {_some(late)} have ended: give None for their actions, or reset them "
                'first with reset(options={"reset_mask": ...})'
            )
    return places, chosen


def _some(places: Iterable[int], most: int = 5) -> str:
    named = list(places)
    return ", ".join(map(str, named[:most])) + (f" and {len(named) - most} more" if len(named) > most else "")


def batched_infos(told: Iterable[tuple[int, Mapping[str, Any]]], count: int) -> dict[str, Any]:
    """Puts infos together as Gymnasium's vector environments do: for each key an array, and a mask of the places.

    The result is that of ``VectorEnv._add_info``, whose time grows with the square of the number of episodes.

    Args:
        told: Places, and the info of the episode there. A place may come up more than once.
        count: The number of episodes.

    Returns:
        For each key an array of shape ``(count,)`` (of numbers where all values are numbers of one type, else of
        objects; dicts become dicts of arrays), and under ``_`` + key the mask of the places that have it.
    """
    alike: dict[tuple[str, ...], tuple[list[int], list[Mapping[str, Any]]]] = {}
    for place, info in told:  # most infos have the same keys as many others
        where, what = alike.setdefault(tuple(info), ([], []))
        where.append(place)
        what.append(info)
    columns: dict[str, tuple[list[int], list[Any]]] = {}
    for keys, (where, what) in alike.items():
        for key in keys:
            places, values = columns.setdefault(key, ([], []))
            places += where
            values += [info[key] for info in what]
    infos: dict[str, Any] = {}
    for key, (places, values) in columns.items():
        mask = np.zeros(count, bool)
        mask[places] = True
        if key not in _AS_THEY_ARE and all(isinstance(value, dict) for value in values):
            infos[key] = batched_infos(zip(places, values, strict=True), count)
        else:
            infos[key] = _array(places, values, count)
        infos[f"_{key}"] = mask
    return infos


def _array(places: Sequence[int], values: Sequence[Any], count: int) -> npt.NDArray[Any]:
    kind = type(values[0])
    if (kind in _NUMBERS or issubclass(kind, np.number)) and all(type(value) is kind for value in values):
        numbers: npt.NDArray[Any] = np.zeros(count, dtype=kind)
        numbers[places] = values
        return numbers
    objects: npt.NDArray[Any] = np.full(count, None, dtype=object)
    objects[places] = np.fromiter(values, dtype=object, count=len(values))  # each as one, lists too
    return objects


def spread_seeds(seed: int | Sequence[int | None] | None, count: int) -> Sequence[int | None]:
    """Returns a seed for each environment: ``seed + i``, or those of a list.

    Raises:
        UsageError: One is no whole number from 0, or there are not as many as environments.
    """
    if isinstance(seed, list | tuple | np.ndarray):
        seeds = list(seed)
        if len(seeds) != count:
            raise UsageError(f"a list of seeds has num_envs = {count} of them, not {len(seeds)}")
        for each in seeds:
            check_seed(each)
        return seeds
    check_seed(seed)
    if seed is None:
        return [None] * count
    return [int(seed) + place for place in range(count)]  # type: ignore[arg-type]  # checked above


def spread_options(options: Mapping[str, Any], count: int) -> Sequence[Mapping[str, Any]]:
    """Returns the options of each environment: the same for all, or one each where a list is given.

    Raises:
        UsageError: A list has not as many entries as there are environments.
    """
    options = {name: value for name, value in options.items() if name != MASK}
    lists = {name: value for name, value in options.items() if is_sequence(value)}
    for name, value in lists.items():
        if len(value) != count:
            raise UsageError(f"the option {name} is one for all, or a list of num_envs = {count}, not of {len(value)}")
    if not lists:
        return [options] * count
    return [
        {name: value[place] if name in lists else value for name, value in options.items()} for place in range(count)
    ]


def read_mask(options: Mapping[str, Any], count: int) -> npt.NDArray[np.bool_]:
    """Returns True for each environment that begins anew; for all where there is no mask.

    Raises:
        UsageError: The mask is no array of bools of the right length, or holds no True.
    """
    if MASK not in options:
        return np.ones(count, bool)
    mask = options[MASK]
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (count,):
        got = f"an array of {mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else repr(mask)
        raise UsageError(f"a reset_mask is a numpy array of num_envs = {count} bools, not {got}")
    if not mask.any():
        raise UsageError("a reset_mask has at least one True")
    return mask
