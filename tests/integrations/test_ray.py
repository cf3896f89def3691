"""Rollouts on a Ray cluster: as in one process, whoever is killed."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mab_gym.cli.app import app
from mab_gym.cohort._locate import named_archive
from mab_gym.envs._environment_file import read_environment
from mab_gym.errors import ArchiveError, NotInstalledError, UsageError
from mab_gym.fhir.store._archive import open_archive
from mab_gym.integrations.ray._worker import environment_here
from mab_gym.runs._records import EpisodeRecord, read_records, record_from
from tests.conftest import hear_ctrl_c
from tests.evaluation.commands import COMMAND, one_line
from tests.evaluation.scripted import KEY, Speaks, endpoint, gold, solves
from tests.integrations.scripts import FORMS, LIVING, check_solved, script_by_opening, speaks
from tests.processes import PATIENCE, started, until

pytest.importorskip("ray")

WALKER = '''
"""An agent of a user's own: its chance follows the seed; it tells in which processes it plays."""
import os, random, time
from pathlib import Path

class Walker:
    name = "walker"

    def reset(self, observation, info, seed):
        self.chance = random.Random(seed)
        (Path(os.environ["SEEN"]) / str(os.getpid())).touch()

    def act(self, observation):
        time.sleep(float(os.environ["NAP"]))
        urls = ["Patient?_count=2", "Observation?_count=1", "Patient?name=Ann&_count=3", "Nothing"]
        url = "http://localhost:8080/fhir/" + self.chance.choice(urls)
        return f"GET {url}" if self.chance.random() < 0.6 else f"FINISH([{self.chance.randint(0, 9)}])"
'''
TRAIN = ("--env", "MedAgentBench-Train-v0")
OWN = ("--agent", "walker:Walker")
WHAT = (*TRAIN, *OWN, "--limit", "40", "--seed", "7", "--repeat", "2")
FROZEN = (*OWN, "--limit", "40", "--repeat", "2")
"""The same on frozen cases, whose hospital a node builds in a second or two."""
SENT = ("--send-env", "SEEN", "--send-env", "NAP")
ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}


@dataclass(frozen=True)
class Place:
    """A user's folder, with an agent in it.

    Attributes:
        folder: The current folder of all commands.
        variables: Their environment.
    """

    folder: Path
    variables: dict[str, str]

    @property
    def seen(self) -> list[int]:
        """The processes in which the agent has played."""
        return [int(path.name) for path in (self.folder / "seen").iterdir()]

    def start(self, *arguments: str, nap: float = 0.0) -> AbstractContextManager[subprocess.Popen[str]]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        variables = {**self.variables, "NAP": str(nap)}
        return started([*COMMAND, *arguments], cwd=self.folder, env=variables, preexec_fn=hear_ctrl_c, **streams)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            said, complained = process.communicate(timeout=PATIENCE)
            assert processes(process.pid) == []
            return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


def place_at(folder: Path) -> Place:
    (folder / "seen").mkdir()
    (folder / "walker.py").write_text(WALKER)
    variables = {**os.environ, "SEEN": str(folder / "seen"), "OPENAI_API_KEY": KEY, "COLUMNS": "160"}
    return Place(folder, variables | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return place_at(tmp_path)


@pytest.fixture(scope="module")
def in_one_process(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The records of `WHAT` without Ray."""
    place = place_at(tmp_path_factory.mktemp("one"))
    assert place.run("eval", *WHAT, "--out", "one").returncode == 0
    return told(place.folder / "one")


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs already.

    Attributes:
        address: Its head's.
        scratch: Where it keeps its logs; the node's archives lie in ``cache``.
        variables: What one needs to join it.
    """

    address: str
    scratch: Path
    variables: dict[str, str]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    scratch = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # sockets lie in it, whose paths must be short
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {**ON_LOOPBACK, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    options = {
        "port": port, "node-ip-address": "127.0.0.1", "num-cpus": 2, "include-dashboard": "false",
        "object-store-memory": 100_000_000, "temp-dir": scratch / "ray",
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats"]
    command += [f"--{name}={value}" for name, value in options.items()]
    variables_there = {**os.environ, **variables, "MAB_GYM_CACHE": str(scratch / "cache")}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    raylet = scratch / "ray" / "session_latest" / "sockets" / "raylet"
    with started(command, env=variables_there, **quiet) as head:
        try:
            until(lambda: answers(port) and raylet.exists(), head)
            yield Cluster(f"127.0.0.1:{port}", scratch, variables)
            assert head.poll() is None
            assert answers(port)
        finally:
            head.terminate()
            with suppress(subprocess.TimeoutExpired):
                head.wait(60)
            for pid in processes(head.pid):  # its workers have groups of their own
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(scratch, ignore_errors=True)


def answers(port: int) -> bool:
    with socket.socket() as there:
        return there.connect_ex(("127.0.0.1", port)) == 0


def processes(session: int) -> list[int]:
    """The processes of a session that are more than a name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, sid = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(sid) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def played(folder: Path) -> int:
    path = folder / "episodes.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def told(folder: Path) -> list[dict[str, Any]]:
    """All that records say but when the endpoint answered, in the order of what was to be played."""
    records = [{name: value for name, value in each.items() if name != "calls"} for each in read_records(folder)]
    return sorted(records, key=lambda record: (record["repeat"], record["seed"]))


@pytest.mark.once
def test_a_killed_driver_goes_on_and_comes_to_what_one_process_does(
    place: Place, in_one_process: list[dict[str, Any]]
) -> None:
    command = ("rollout", *WHAT, "--out", "many", "--ray", "--workers", "2")

    with place.start(*command, nap=0.01) as killed:
        until(lambda: played(place.folder / "many") > 10, killed)
        killed.kill()
        killed.communicate()
        until(lambda: processes(killed.pid) == [])  # nor does the cluster outlive it
    before = played(place.folder / "many")
    assert before < 80

    done = place.run(*command)
    assert done.returncode == 0, done.stderr
    assert f"going on in many: {before} of 80" in done.stderr
    assert played(place.folder / "many") == 80  # none twice
    assert told(place.folder / "many") == in_one_process
    assert len(place.seen) >= 3  # two workers, and then others
    assert "ray" not in done.stdout.replace("array", "").lower()  # Ray itself is quiet


@pytest.mark.once
def test_a_killed_worker_loses_and_doubles_nothing(place: Place, cluster: Cluster) -> None:
    assert place.run("eval", *FROZEN, "--out", "one").returncode == 0
    for path in (place.folder / "seen").iterdir():
        path.unlink()
    joined = Place(place.folder, place.variables | cluster.variables)
    command = ("rollout", *FROZEN, *SENT, "--out", "many", "--ray", cluster.address, "--workers", "2")
    with joined.start(*command, "--concurrency", "2", nap=0.02) as process:
        until(lambda: played(place.folder / "many") > 10 and len(place.seen) == 2, process)
        os.kill(min(place.seen), signal.SIGKILL)
        _, complained = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, complained
    assert "a worker died" in complained
    assert "Traceback" not in complained
    assert played(place.folder / "many") == 80
    assert told(place.folder / "many") == told(place.folder / "one")
    # The node has built its own archive, once, where its cache is.
    assert [path.name.partition("-")[0] for path in (cluster.scratch / "cache").glob("*.mab")] == ["canonical"]


@pytest.mark.once
def test_ctrl_c_leaves_whole_records_and_the_cluster(place: Place, cluster: Cluster) -> None:
    joined = Place(place.folder, place.variables | cluster.variables)
    with joined.start("rollout", *OWN, *SENT, "--out", "run", "--ray", cluster.address, nap=0.02) as process:
        until(lambda: played(place.folder / "run") > 5, process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, complained = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    kept = sum(1 for _ in read_records(place.folder / "run"))
    assert f"stopped after {kept} of 300 episodes" in one_line(subprocess.CompletedProcess("", 130, "", complained))
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in place.seen))


def test_a_models_key_reaches_the_workers_and_no_disk(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    joined = Place(place.folder, place.variables | cluster.variables)
    with endpoint(solution()) as there:
        model = ("--model", "scripted", "--base-url", there.base_url, "--limit", "12")
        assert place.run("eval", *model, "--out", "one").returncode == 0
        done = joined.run("rollout", *model, "--out", "many", "--ray", cluster.address, "--concurrency", "2")
    assert done.returncode == 0, done.stderr
    assert "100.0" in done.stdout
    assert told(tmp_path / "many") == told(tmp_path / "one")
    files = [path for root in (cluster.scratch, tmp_path) for path in root.rglob("*") if path.is_file()]
    assert any(path.parent.name == "logs" for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


@pytest.mark.once
@pytest.mark.parametrize(("form", "env_id"), list(zip(FORMS, LIVING, strict=True)))
def test_stays_and_casework_come_to_the_same(
    form: str, env_id: str, place: Place, cluster: Cluster, living: Mapping[str, Mapping[str, EpisodeRecord]]
) -> None:
    """A case on the clock by a model; the record is that of one process, with every action.

    Ray sees no form of requests: each environment in one of them is enough.
    """
    joined = Place(place.folder, place.variables | cluster.variables)
    scripts, case = script_by_opening(living["text"].values()), LIVING[env_id][-1]
    which = ("--env", env_id, "--family", case.partition("/")[0], "--limit", "1")
    with endpoint(speaks(scripts, form)) as there:
        model = ("--model", "scripted", "--base-url", there.base_url, "--form", form)
        done = joined.run("rollout", *model, *which, "--out", "run", "--ray", cluster.address, "--workers", "1")
    assert done.returncode == 0, done.stderr
    (found,) = map(record_from, read_records(place.folder / "run"))
    record = living[form][case]
    check_solved(record, found.verdict, found.reward, found.actions)
    assert list(found.messages) == list(record.messages)
    assert json.dumps(found.course) == json.dumps(record.course)


def solution() -> Speaks:
    import gymnasium

    return solves(gold(gymnasium.make("mab_gym/MedAgentBench-v0"), limit=12))


@pytest.mark.once
def test_an_agent_that_kills_its_workers_stops_the_run(place: Place, cluster: Cluster) -> None:
    joined = Place(place.folder, place.variables | cluster.variables)
    deadly = WALKER.replace(
        "        self.chance =", "        if info['case'].endswith('/03'): os._exit(1)\n        self.chance ="
    )
    (place.folder / "walker.py").write_text(deadly)
    done = joined.run(
        "rollout", *OWN, *SENT, "--limit", "20", "--out", "run", "--ray", cluster.address, "--workers", "1"
    )
    assert done.returncode == 1
    assert "3 workers died over the same episode, patient_lookup/03" in one_line(done)
    assert "the same command goes on" in one_line(done)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ray", "127.0.0.1:1"], "there is no Ray cluster at 127.0.0.1:1"),
        (["--ray", "ray://127.0.0.1:10001"], "HOST:PORT"),
        (["--ray", "nowhere"], "HOST:PORT"),
        (["--workers", "2"], "--workers and --send-env go with --ray"),
        (["--ray", "--env", "MedAgentBench-HAPI-v0"], "containers"),
        (["--ray", "--agent", "one:agent"], "one:agent is one agent"),
        (["--ray", "--agent", "one:nobody"], "cannot be imported"),
        (["--ray", "--send-env", "NOT_SET_HERE"], "NOT_SET_HERE is not set here"),
        (["--ray", "--model", "some"], "a model is reached by --base-url"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.py").write_text(WALKER + "\nagent = Walker()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delitem(sys.modules, "one", raising=False)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with pytest.raises(UsageError, match=said):
        app(["rollout", "--out", "run", *arguments], standalone_mode=False)
    assert not (tmp_path / "run").exists()


def test_without_ray_one_line_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'mab-gym\[ray\]'"):
        app(["rollout", "--out", str(tmp_path / "run"), "--ray"], standalone_mode=False)
    app(["rollout", "--out", str(tmp_path / "run"), "--limit", "2"], standalone_mode=False)  # in this process it plays


def test_a_node_takes_the_archive_that_it_is_sent_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAB_GYM_CACHE", str(tmp_path / "cache"))
    bundled = Path(__file__).parents[2] / "envs"
    there = read_environment(next(path for path in bundled.glob("*.toml") if read_environment(path).archive is None))
    monkeypatch.delenv("MAB_GYM_CACHE")
    source = named_archive("canonical")
    monkeypatch.setenv("MAB_GYM_CACHE", str(tmp_path / "cache"))
    from dataclasses import replace

    digest = open_archive(source).digest
    asked: list[int] = []

    def sends(contents: bytes) -> Callable[[], memoryview]:
        def fetch() -> memoryview:
            asked.append(len(contents))
            return memoryview(contents)

        return fetch

    elsewhere = replace(there, archive=tmp_path / "not_here.mab")
    assert environment_here(elsewhere, digest, None) is None  # it must be sent
    contents = source.read_bytes()
    with pytest.raises(ArchiveError, match="damaged"):
        environment_here(elsewhere, digest, sends(contents[:-1] + bytes([contents[-1] ^ 1])))
    assert not list((tmp_path / "cache").glob("*.mab"))
    for _ in range(2):  # two workers of the node
        here = environment_here(elsewhere, digest, sends(contents))
        assert here is not None
        assert here.archive is not None
        assert open_archive(here.archive).digest == digest
    assert len(asked) == 2  # the damaged one, and one more
    assert environment_here(replace(there, archive=source), digest, None) == replace(there, archive=source)
