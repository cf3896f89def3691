"""The ``rollout_func`` of TRL's GRPOTrainer: whole episodes in the official text form, with masked replies."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from trl.models import unwrap_model_for_generation

from mab_gym.curriculum import CaseSampler
from mab_gym.errors import UsageError
from mab_gym.integrations._sessions import Maker, make_env
from mab_gym.integrations.trl._playing import Player, Sample, Sampled, Start
from mab_gym.integrations.trl._prompts import EPISODE
from mab_gym.integrations.trl._tokens import ChatTokens

Message = Mapping[str, Any]


class Rollouts:
    """A ``rollout_func``: it plays an episode for each prompt of `task_prompts`; a group plays the same case.

    TRL passes each prompt once for each try of its group. It gets back ``prompt_ids``, ``completion_ids``,
    ``logprobs`` (only with vLLM, else None, as in TRL's own generation), ``env_mask``, and ``outcome`` for reward
    functions such as `episode_return`.

    Args:
        env: The environment of the prompts.
        turn: The greatest number of tokens of one message; the trainer's ``max_completion_length`` is the limit for
            all messages and replies together.
        curriculum: The curriculum, which learns how each episode ended.
        reading: The rule by which messages are read, ``lenient`` or ``strict``; None for the usual one.
        overrides: Fields of the environment file to change, such as ``reward="partial"`` or ``max_obs_chars=4000``.
    """

    def __init__(
        self,
        env: Maker = "MedAgentBench-Train-v0",
        *,
        turn: int | None = None,
        curriculum: CaseSampler | None = None,
        reading: str | None = None,
        **overrides: Any,
    ) -> None:
        self._make = partial(make_env, env, **overrides)
        self._turn, self._curriculum, self._reading = turn, curriculum, reading
        self._players: tuple[Any, Player] | None = None

    def __call__(self, prompts: Sequence[Sequence[Message]], trainer: Any) -> dict[str, Any]:
        """Plays an episode for each prompt.

        Args:
            prompts: The prompts, from `task_prompts`.
            trainer: The GRPOTrainer.

        Raises:
            UsageError: The prompts are not from `task_prompts`, or the trainer's processes would wait for one another.
        """
        tracks = self._player(trainer).play([_start(prompt) for prompt in prompts])
        if self._curriculum is not None:
            for track in tracks:
                self._curriculum.record(track.info)
        logprobs = [track.logprobs for track in tracks]
        return {
            "prompt_ids": [track.prompt_ids for track in tracks],
            "completion_ids": [track.completion_ids for track in tracks],
            "logprobs": None if None in logprobs else logprobs,
            "env_mask": [track.env_mask for track in tracks],
            "outcome": [track.outcome for track in tracks],
        }

    def _player(self, trainer: Any) -> Player:
        if self._players is None or self._players[0] is not trainer:
            if trainer.accelerator.num_processes > 1 and trainer.use_vllm and trainer.vllm_mode == "server":
                raise UsageError(
                    "with a vLLM server and several processes each turn waits for all of them, and episodes differ in "
                    'length: use vllm_mode="colocate", or one process'
                )
            tokens = ChatTokens(trainer.processing_class, trainer.eos_token_ids, trainer.chat_template_kwargs)
            player = Player(
                self._make,
                tokens,
                partial(_by_trainer, trainer),
                budget=trainer.max_completion_length,
                turn=self._turn,
                context=_context(trainer),
                reading=self._reading,
            )
            self._players = (trainer, player)
        return self._players[1]


def _start(prompt: Sequence[Message]) -> Start:
    try:
        told = json.loads(prompt[-1][EPISODE])
        return Start(int(told["seed"]), told["options"], prompt[:-1])
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            "these prompts do not say what to play: make them with mab_gym.integrations.trl.task_prompts"
        ) from None


def _context(trainer: Any) -> int | None:
    if trainer.use_vllm and trainer.vllm_mode == "colocate":
        return int(trainer.vllm_generation.llm.llm_engine.model_config.max_model_len)
    return getattr(trainer.model.config, "max_position_embeddings", None)


def _by_trainer(trainer: Any, prompts: list[list[int]], most: int) -> Sampled:
    """Generates a turn for each prompt as the trainer does: by vLLM, or by the model in training."""
    if trainer.use_vllm:
        vllm = trainer.vllm_generation
        before, vllm.max_completion_length = vllm.max_completion_length, most
        try:
            _, turns, logprobs, _ = vllm.generate(prompts=prompts, images=None, num_generations=1)
        finally:
            vllm.max_completion_length = before
        return turns, [[float("nan") if each[0] is None else each[0] for each in turn] for turn in logprobs]
    with unwrap_model_for_generation(
        trainer.model_wrapped,
        trainer.accelerator,
        gather_deepspeed3_params=trainer.args.ds3_gather_for_generation,
        generation_kwargs=trainer.generation_kwargs,
    ) as model:
        return _generate(model, prompts, most, trainer.eos_token_ids, trainer.generation_config)


def sampler(model: Any, ends: Sequence[int] | frozenset[int], **settings: Any) -> Sample:
    """Returns a function by which a model of transformers generates turns for a `Player`, without a trainer.

    Args:
        model: The model.
        ends: The tokens that end a turn.
        settings: Generation settings of the model, as in ``do_sample=False``.
    """
    config = type(model.generation_config)(**settings)

    def sample(prompts: list[list[int]], most: int) -> Sampled:
        return _generate(model, prompts, most, sorted(ends), config)

    return sample


def _generate(model: Any, prompts: list[list[int]], most: int, ends: Sequence[int], config: Any) -> Sampled:
    pad, longest = ends[0], max(map(len, prompts))  # masked, so any token will do
    ids = torch.tensor([[pad] * (longest - len(each)) + each for each in prompts], device=model.device)
    mask = torch.tensor([[0] * (longest - len(each)) + [1] * len(each) for each in prompts], device=model.device)
    config = copy.deepcopy(config)
    config.update(max_new_tokens=most, eos_token_id=list(ends), pad_token_id=pad)
    training = model.training
    model.eval()
    with torch.no_grad():
        written = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)
    model.train(training)
    return [_until_end(turn, frozenset(ends)) for turn in written[:, longest:].tolist()], None


def _until_end(turn: list[int], ends: frozenset[int]) -> list[int]:
    """Returns a turn up to its end, without the padding of the batch."""
    end = next((place for place, token in enumerate(turn) if token in ends), len(turn))
    return turn[: end + 1]
