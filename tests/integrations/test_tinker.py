"""The environments in tinker-cookbook: its own rollouts with a scripted model, and what its trainer would learn."""

from __future__ import annotations

import asyncio
import copy
import pickle
import runpy
import warnings
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest

from mab_gym.curriculum import Curriculum, strata
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._make import make
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.integrations._rows import Row, rows
from mab_gym.runs._records import EpisodeRecord
from mab_gym.wrappers import StepPenalty
from tests.conftest import CANONICAL, ROOT
from tests.integrations.scripts import (
    BASE,
    FORMS,
    PLAYED,
    SCRIPTS,
    check_solved,
    half_right,
    own_record,
    qwen_call,
    told_of,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("tinker_cookbook")
    import torch
    from tinker_cookbook import renderers, tokenizer_utils
    from tinker_cookbook.completers import TokenCompleter, TokensWithLogprobs
    from tinker_cookbook.renderers.qwen3 import Qwen3Renderer
    from tinker_cookbook.rl.data_processing import assemble_training_data, compute_advantages, trajectory_to_data
    from tinker_cookbook.rl.rollout_limits import RolloutLimits
    from tinker_cookbook.rl.rollout_runner import run_rollout
    from tinker_cookbook.rl.rollout_strategy import FailFast, RetryOnFailure
    from tinker_cookbook.rl.rollouts import do_group_rollout

    from mab_gym.integrations.tinker import MedicalRecordDatasetBuilder, MedicalRecordGroup

pytestmark = [pytest.mark.filterwarnings("ignore")]
torch.set_num_threads(1)
TINY = runpy.run_path(str(ROOT / "scripts" / "_tiny_model.py"))
NAME = "tests/tiny"
KEEPS = "tests/keeps_thoughts"
END = "<|im_end|>"
LOOK = f"GET {BASE}/Patient?_count=1"
Script = Sequence[str]


class Scripted(TokenCompleter):
    """Writes the next turn of a script, one script for each rollout; a turn too long for the limit is cut off."""

    def __init__(self, tokenizer: Any, scripts: Sequence[Script], most: int = 100_000) -> None:
        # A copy: the rollouts use the other in a thread of their own.
        self._tokenizer, self._scripts, self._most = copy.deepcopy(tokenizer), list(scripts), most
        self._left: dict[Any, list[str]] = {}

    async def __call__(self, model_input: Any, stop: Any, *, max_tokens: int | None = None) -> TokensWithLogprobs:
        left = self._left.setdefault(asyncio.current_task(), [])
        if not left:
            left.extend(self._scripts.pop(0))
        tokens = [*self._tokenizer.encode(left.pop(0), add_special_tokens=False), *stop]
        most = min(self._most, max_tokens or self._most)
        cut = len(tokens) > most
        return TokensWithLogprobs(tokens[:most], [-0.5] * min(len(tokens), most), "length" if cut else "stop")


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@pytest.fixture(scope="module")
def tokenizer(golds: Mapping[str, EpisodeRecord]) -> Any:
    cases = ("record_blood_pressure/01", "patient_age/01", "replace_potassium/02")
    made = TINY["tiny_tokenizer"]([m["content"] for case in cases for m in golds[case].messages], 1500)
    tokenizer_utils.register_tokenizer(NAME, lambda: made)
    renderers.register_renderer(KEEPS, lambda tokenizer, _: Qwen3Renderer(tokenizer, strip_thinking_from_history=False))
    yield made
    renderers.unregister_renderer(KEEPS)
    tokenizer_utils.unregister_tokenizer(NAME)


@pytest.fixture(scope="module")
def canonical() -> dict[str, Row]:
    return {row.case: row for row in rows(make(CANONICAL))}


@pytest.fixture
def group(tokenizer: Any, canonical: Mapping[str, Row]) -> Callable[..., MedicalRecordGroup]:
    def of(case: str, size: int = 1, renderer: str = "qwen3", **how: Any) -> MedicalRecordGroup:
        made = renderers.get_renderer(renderer, tokenizer, model_name=NAME)
        return MedicalRecordGroup(canonical[case], made, **{"env": CANONICAL, "size": size, **how})

    return of


@pytest.fixture
def play(tokenizer: Any) -> Callable[..., tuple[Any, Any]]:
    """Plays one try as tinker-cookbook does; its trajectory and its session."""

    def one(group: MedicalRecordGroup, script: Script, most: int = 100_000, **how: Any) -> tuple[Any, Any]:
        async def rollout() -> tuple[Any, Any]:
            (env,) = await group.make_envs()
            try:
                return await run_rollout(Scripted(tokenizer, [script], most), env, **how), env.episode.session
            finally:
                await group.cleanup()

        return run(rollout())  # type: ignore[no-any-return]

    return one


def learnt(tokenizer: Any, trajectory: Any) -> list[tuple[str, str]]:
    """Data that the trainer would learn from: the pieces of each datum by turns, environment and model, as texts."""
    found = []
    for datum in trajectory_to_data(trajectory, 1.0):
        mask = [0.0, *datum.loss_fn_inputs["mask"].to_torch().tolist()]
        targets = datum.loss_fn_inputs["target_tokens"].to_torch().tolist()
        ids = [datum.model_input.to_ints()[0], *targets]
        assert ids[:-1] == datum.model_input.to_ints()
        logprobs = datum.loss_fn_inputs["logprobs"].to_torch().tolist()
        assert logprobs == [-0.5 if each else 0.0 for each in mask[1:]]
        pieces: list[tuple[str, list[int]]] = []
        for token, wrote in zip(ids, mask, strict=True):
            who = "model" if wrote else "environment"
            if not pieces or pieces[-1][0] != who:
                pieces.append((who, []))
            pieces[-1][1].append(token)
        found += [(who, tokenizer.decode(each)) for who, each in pieces]
    return found


def chat(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The same pieces from the conversation that the episode kept."""
    found, before = [], ""
    for message in messages:
        if message["role"] == "assistant":
            found += [("environment", f"{before}<|im_start|>assistant\n"), ("model", message["content"] + END)]
            before = "\n"
        else:
            found_so_far = f"<|im_start|>{message['role']}\n{message['content']}{END}\n"
            before += found_so_far
    return found


@pytest.mark.parametrize("case", ["replace_potassium/02", "record_blood_pressure/01", "patient_age/01"])
def test_the_models_tokens_and_only_they_are_learnt(
    case: str, golds: Mapping[str, EpisodeRecord], group: Any, play: Any, tokenizer: Any
) -> None:
    gold = golds[case]
    trajectory, session = play(group(case), gold.actions)
    assert (session.reward, trajectory.stop_reason) == (1.0, "completed")
    assert sum(each.reward for each in trajectory.transitions) == 1.0
    pieces = learnt(tokenizer, trajectory)
    assert [text for who, text in pieces if who == "model"] == [f"{action}{END}" for action in gold.actions]
    assert pieces == chat(session.messages)


def test_thoughts_are_learnt_and_are_no_part_of_an_action(
    golds: Mapping[str, EpisodeRecord], group: Any, play: Any, tokenizer: Any
) -> None:
    gold = golds["replace_potassium/02"]
    script = [f"<think>\nStep {n}.\n</think>\n\n{action}" for n, action in enumerate(gold.actions)]
    for renderer, together in (("qwen3", False), (KEEPS, True)):
        trajectory, session = play(group(gold.case, renderer=renderer), script)
        assert session.reward == 1.0
        assert session.actions == list(gold.actions)
        assert [m["thoughts"] for m in session.messages if m["role"] == "assistant"] == [
            f"Step {n}." for n in range(len(script))
        ]
        # A renderer that takes earlier thoughts away makes a datum of each turn; the tokens are the sampled ones.
        assert len(trajectory_to_data(trajectory, 1.0)) == (1 if together else len(script))
        pieces = learnt(tokenizer, trajectory)
        assert [text for who, text in pieces if who == "model"] == [f"{said}{END}" for said in script]
    trajectory, session = play(group("patient_age/01", reading="strict"), golds["patient_age/01"].actions)
    assert session.reward == 1.0


def test_the_same_actions_have_the_same_verdicts(
    golds: Mapping[str, EpisodeRecord], group: Any, play: Any, env: MedicalRecordEnv
) -> None:
    told = told_of(golds)
    assert len(told) == 10 * len(SCRIPTS)
    for case, actions in told.items():
        record = own_record(env, case, actions)
        trajectory, session = play(group(case), actions)
        assert session.info["verdict"] == record.verdict
        assert sum(each.reward for each in trajectory.transitions) == record.reward
        assert session.messages == list(record.messages)
        assert trajectory.transitions[-1].episode_done


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("env_id", "case"), PLAYED)
def test_stays_and_casework_come_to_the_same(
    form: str, env_id: str, case: str, living: Mapping[str, Mapping[str, EpisodeRecord]], tokenizer: Any, play: Any
) -> None:
    record = living[form][case]
    (row,) = rows(make(env_id), family=record.family, limit=1)
    renderer = renderers.get_renderer("qwen3", tokenizer, model_name=NAME)
    group = MedicalRecordGroup(row, renderer, env=env_id, size=1, form=form, max_trajectory_tokens=None)
    actions = living["text"][case].actions
    script = actions if form == "text" else [qwen_call(action) for action in actions]
    trajectory, session = play(group, script)
    reward = sum(each.reward for each in trajectory.transitions)
    check_solved(record, session.info["verdict"], reward, session.actions)
    pieces = learnt(tokenizer, trajectory)
    assert [text for who, text in pieces if who == "model"] == [f"{said}{END}" for said in script]
    if form == "text":
        assert session.messages == list(record.messages)
    else:
        assert all(f'"name": "{name}"' in pieces[0][1] for name in ("put", "patch", "delete", "finish"))
        assert "put, patch, delete and finish" in pieces[0][1].lower()


def test_models_play_by_tool_calls(golds: Mapping[str, EpisodeRecord], group: Any, play: Any, tokenizer: Any) -> None:
    gold = golds["replace_potassium/02"]
    calls = [qwen_call(action) for action in gold.actions]
    broken = "<tool_call>\n{broken\n</tool_call>"
    unknown = '<tool_call>\n{"name": "delete", "arguments": {}}\n</tool_call>'
    together = "\n".join(calls[:2])
    for script in (calls, [broken, *calls], [unknown, *calls], [together, *calls[2:]]):
        trajectory, session = play(group(gold.case, form="tools", max_trajectory_tokens=None), script)
        assert session.reward == 1.0, script[0]
        pieces = learnt(tokenizer, trajectory)
        assert [text for who, text in pieces if who == "model"] == [f"{said}{END}" for said in script]
        assert '"name": "post"' in pieces[0][1], "the tools stand in the prompt"
        if script[0] in (broken, unknown):
            assert "tool" in session.messages[2]["content"]
            assert session.info["step"] == len(script), "what cannot be carried out counts as a step"


def test_an_episode_that_does_not_fit_ends_with_a_verdict(
    golds: Mapping[str, EpisodeRecord], group: Any, play: Any, tokenizer: Any
) -> None:
    gold = golds["replace_potassium/02"]
    whole, _ = play(group(gold.case), gold.actions)
    sizes = [each.ob.length for each in whole.transitions]
    everything = learnt(tokenizer, whole)

    def ends(script: Script, most: int = 100_000, how: Any = None, **limits: Any) -> tuple[Any, Any]:
        trajectory, session = play(group(gold.case, **limits), script, most, **(how or {}))
        assert (session.reward, session.info["verdict"]["failure"]) == (0.0, "context_limit")
        assert session.context_limit is not None
        assert sum(each.reward for each in trajectory.transitions) == 0.0
        assert [key for key in trajectory.transitions[-1].metrics if key.startswith("stop/")] == [
            f"stop/{trajectory.stop_reason}"
        ]
        return trajectory, session

    # The second reply leaves no room.
    trajectory, session = ends(gold.actions, max_trajectory_tokens=sizes[2] - 1)
    assert (trajectory.stop_reason, session.actions) == ("context_overflow", list(gold.actions[:2]))
    assert learnt(tokenizer, trajectory) == everything[:4]
    # Nor does it if so many tokens have to be left for an answer.
    trajectory, session = ends(gold.actions, max_trajectory_tokens=sizes[1] + 99, max_generation_tokens=100)
    assert session.actions == list(gold.actions[:1])
    # The opening leaves none: nothing is learnt.
    trajectory, session = ends(gold.actions, max_trajectory_tokens=sizes[0] - 1)
    assert (trajectory.stop_reason, session.actions, learnt(tokenizer, trajectory)) == ("max_tokens", [], [])
    # A message that fills what is left is learnt, but no action.
    trajectory, session = ends(gold.actions, 5, max_trajectory_tokens=sizes[0] + 5)
    assert (session.actions, len(trajectory.transitions)) == ([], 1)
    first = tokenizer.encode(gold.actions[0], add_special_tokens=False)[:5]
    assert learnt(tokenizer, trajectory)[1] == ("model", tokenizer.decode(first))
    assert session.messages[-1] == {"role": "assistant", "content": tokenizer.decode(first)}


def test_a_turn_that_is_cut_off_is_read_by_the_rule(
    golds: Mapping[str, EpisodeRecord], group: Any, play: Any, tokenizer: Any
) -> None:
    gold = golds["patient_age/01"]
    trajectory, session = play(group(gold.case), gold.actions, 4)
    assert (session.terminated, session.cause, len(trajectory.transitions)) == (True, "length", 1)
    assert len(trajectory.transitions[0].ac.tokens) == 4
    # An answer that is whole counts, although its end is missing.
    most = len(tokenizer.encode(gold.actions[-1], add_special_tokens=False))
    script = [gold.actions[-1]]
    known = golds["patient_age/01"].actions
    trajectory, session = play(group(gold.case), script, most)
    assert (session.actions, session.cause) == ([known[-1]], None)


def test_the_trainers_own_limits_end_an_episode_with_a_verdict(
    golds: Mapping[str, EpisodeRecord], group: Any, tokenizer: Any
) -> None:
    tries = group("patient_age/04", size=2)

    async def rollout() -> Any:
        envs = await tries.make_envs()
        for each in envs:
            each.rollout_limits = RolloutLimits(max_turns=3)
        trajectories = [
            await run_rollout(Scripted(tokenizer, [script]), env)
            for env, script in zip(envs, ([LOOK] * 9, golds["patient_age/04"].actions), strict=True)
        ]
        return trajectories, await tries.compute_group_rewards(trajectories, envs), envs

    trajectories, found, envs = run(rollout())
    assert [each.stop_reason for each in trajectories] == ["max_turns", "completed"]
    assert [reward for reward, _ in found] == [0.0, 0.0], "the rest; the second was paid before"
    assert envs[0].episode.session.info["verdict"]["failure"] == "context_limit"
    assert [metrics["solved"] for _, metrics in found] == [0.0, 1.0]


def test_a_group_is_played_by_the_trainers_own_code(
    golds: Mapping[str, EpisodeRecord], group: Any, tokenizer: Any
) -> None:
    gold = golds["record_blood_pressure/01"]
    scripts = [gold.actions, ["FINISH([])"], gold.actions, [*gold.actions[:1], *gold.actions]]
    curriculum = Curriculum(strata(make("MedAgentBench-Train-v0")))
    tries = group(gold.case, size=4, curriculum=curriculum)
    found = run(do_group_rollout(tries, Scripted(tokenizer, scripts), FailFast()))
    assert found.get_total_rewards() == [1.0, 0.0, 1.0, 0.0]
    assert [each["solved"] for each in found.metrics_G] == [1.0, 0.0, 1.0, 0.0]
    assert {"credit", "unsafe", "steps"} < set(found.metrics_G[0])
    data, _ = assemble_training_data([found], compute_advantages([found]))
    advantages = [max(map(abs, datum.loss_fn_inputs["advantages"].to_torch().tolist())) for datum in data]
    assert advantages == [0.5] * 4
    assert tries.logging_tags() == [gold.family, gold.difficulty]
    (record,) = [each for each in curriculum.records.values() if each.rate(-1.0) != -1.0]
    assert 0 < record.rate(-1.0) < 1


def test_rewards_are_the_environments_own(golds: Mapping[str, EpisodeRecord], group: Any, play: Any) -> None:
    gold = golds["latest_glucose/05"]
    script = half_right(gold.actions)
    trajectory, session = play(group(gold.case, overrides={"reward": "partial"}), script)
    assert 0 < sum(each.reward for each in trajectory.transitions) == session.metrics["credit"] < 1
    trajectory, _ = play(group(gold.case, env=_penalised), gold.actions)
    assert [each.reward for each in trajectory.transitions] == pytest.approx([-0.1] * (gold.steps - 1) + [0.9])
    # The steps before an overflow have cost what they cost.
    trajectory, _ = play(group(gold.case, env=_penalised, max_trajectory_tokens=600), gold.actions)
    assert trajectory.stop_reason == "context_overflow"
    assert trajectory.transitions[-1].reward <= -0.1


def _penalised() -> Any:
    return StepPenalty(make(CANONICAL), 0.1)


def test_groups_travel_between_processes(golds: Mapping[str, EpisodeRecord], group: Any, play: Any) -> None:
    gold = golds["patient_age/01"]
    sent = group(gold.case, env=_penalised)
    trajectory, _ = play(pickle.loads(pickle.dumps(sent)), gold.actions)
    assert trajectory.stop_reason == "completed"
    with pytest.raises(UsageError, match="one process"):
        pickle.dumps(group(gold.case, curriculum=Curriculum(strata(make("MedAgentBench-Train-v0")))))


def test_a_failed_record_system_is_no_reward(tokenizer: Any, nobody_there: str) -> None:
    (row,) = rows(make(nobody_there), limit=1)
    base = row.opening.split("Its base address is ")[1].split(" ")[0].rstrip(".")
    renderer = renderers.get_renderer("qwen3", tokenizer, model_name=NAME)

    def rollout(strategy: Any) -> Any:
        tries = MedicalRecordGroup(row, renderer, env=nobody_there, size=2)
        return run(do_group_rollout(tries, Scripted(tokenizer, [[f"GET {base}/Patient"]] * 5), strategy))

    for strategy in (FailFast(), RetryOnFailure(max_retries=1)):
        with pytest.raises(InfrastructureError):
            rollout(strategy)


def test_datasets_have_fresh_cases_for_training_and_fixed_ones_for_evaluation(tokenizer: Any) -> None:
    build = MedicalRecordDatasetBuilder(
        model_name=NAME, renderer_name="qwen3", batch_size=4, group_size=3, batches=5, seed=7, test_limit=6
    )
    train, test = run(build())
    assert (len(train), len(test)) == (5, 2)
    batches = [train.get_batch(place) for place in range(5)]
    assert [[each.size for each in batch] for batch in batches] == [[3] * 4] * 5
    assert len({(each.row.seed, each.row.opening) for batch in batches for each in batch}) == 20
    assert [each.row.id for each in train.get_batch(2)] == [each.row.id for each in batches[2]]
    assert [each.size for each in [*test.get_batch(0), *test.get_batch(1)]] == [1] * 6
    assert train.get_batch(0)[0].env != test.get_batch(0)[0].env
    (narrow, none) = run(
        MedicalRecordDatasetBuilder(
            model_name=NAME,
            renderer_name="qwen3",
            batch_size=2,
            group_size=2,
            env=CANONICAL,
            family="patient_age",
            test_env=None,
        )()
    )
    assert (len(narrow), none) == (15, None), "thirty cases are there"
    with pytest.raises(UsageError, match="family"):
        run(
            MedicalRecordDatasetBuilder(
                model_name=NAME, renderer_name="qwen3", batch_size=2, group_size=2, family="no_such"
            )()
        )


def test_a_curriculum_chooses_the_cases(tokenizer: Any) -> None:
    curriculum = Curriculum(strata(make("MedAgentBench-Train-v0", families=("patient_age",))))
    build = MedicalRecordDatasetBuilder(
        model_name=NAME, renderer_name="qwen3", batch_size=8, group_size=2, curriculum=curriculum, test_env=None
    )
    train, _ = run(build())
    batch = train.get_batch(3)
    assert {each.row.family for each in batch} == {"patient_age"}
    assert {each.curriculum is curriculum for each in batch} == {True}
    assert [each.row.id for each in train.get_batch(3)] == [each.row.id for each in batch]
