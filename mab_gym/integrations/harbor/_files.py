"""The texts of a task's files and of the images' folder, as Harbor 0.26 reads them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.actions import ALL_VERBS, Delete, Finish, Get, Patch, Post, Put, parse_action, sent
from mab_gym.integrations.harbor._server import PORT
from mab_gym.tasking._protocols import HINTS_AND_TASK

SERVER = f"http://localhost:{PORT}"
KEPT = "/episode/actions.jsonl"

LEAST_SECONDS, SECONDS_A_REQUEST = 900, 60
"""The time of an agent for a task; a long one has it by the number of its requests."""

INSTRUCTION = (
    """\
You work in a hospital's electronic health record, which speaks FHIR R4. Its base address is {base_url}/ and this \
machine reaches it, with curl for example:

curl -sS '{base_url}/RESOURCE?parameter=value'
    reads or searches.

curl -sS -X POST -H 'Content-Type: application/fhir+json' --data '{{"resourceType": "RESOURCE", ...}}' \
{base_url}/RESOURCE
    creates a resource. It is really stored, or refused with a reason.

{further}curl -sS -X POST --data '[item, ...]' {server}/finish
    ends the task with your answer, a JSON list. Text goes in double quotes. Without this the task has failed.

Where you have tools named {tools}, they do the same: each call is one of these requests.

You have {max_steps} requests, the last one to /finish included; after them the task is over. Write nothing to the \
record that the task does not ask for. Nothing that you leave on this machine counts.

"""
    + HINTS_AND_TASK
    + "\n"
)

FORMS: Mapping[str, str] = {
    "PUT": """\
curl -sS -X PUT -H 'Content-Type: application/fhir+json' --data '{{"resourceType": "RESOURCE", "id": "ID", ...}}' \
{base_url}/RESOURCE/ID
    replaces a resource by the whole one that is sent.

""",
    "PATCH": """\
curl -sS -X PATCH -H 'Content-Type: application/json-patch+json' \
--data '[{{"op": "replace", "path": "/status", "value": "stopped"}}]' {base_url}/RESOURCE/ID
    changes parts of a resource by JSON Patch.

""",
    "DELETE": """\
curl -sS -X DELETE {base_url}/RESOURCE/ID
    deletes a resource.

""",
}
"""The forms of verbs that not every environment allows."""

_TASK = """\
schema_version = "1.4"
# Kept by the record system's own container, which the agent cannot enter; the verifier judges it.
artifacts = [{{ source = "{kept}", service = "record" }}]

[task]
name = {name}
description = {description}
keywords = ["FHIR", "electronic health records"]

[metadata]
{metadata}

[agent]
timeout_sec = {seconds}
user = "agent"

[verifier]
timeout_sec = 120.0
user = "record"
environment_mode = "separate"

[[environment.mcp_servers]]
name = "record"
transport = "streamable-http"
url = "{server}/mcp"

[environment.healthcheck]
command = "curl -sS {server}/"
interval_sec = 0.5
retries = 60
"""

# The record system shares the network of the agent's container, so that it is at localhost there, whichever network
# Harbor gives that one. Nothing else is shared: neither files nor processes.
_COMPOSE = """\
services:
  main:
    stop_grace_period: 1s  # what keeps it alive ignores the signal
  record:
    image: {image}
    command: ["python", "-m", "mab_gym.integrations.harbor", "serve", "--kept", "{kept}", {start}]
    user: record
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    network_mode: "service:main"
    healthcheck:
      test: ["CMD", "test", "-f", "/episode/ready"]
      interval: 0.25s
      retries: 240
"""

_VERIFIER = """\
FROM {image}
COPY test.sh /tests/test.sh
"""

_VERIFIER_COMPOSE = """\
services:
  main:
    network_mode: none
    stop_grace_period: 1s
"""

_TEST = f"""\
#!/bin/sh
# Plays the kept actions again and judges them; writes reward.json and the record of the episode.
exec python -m mab_gym.integrations.harbor judge {KEPT} --out /logs/verifier
"""

IMAGES = """\
# The two images of all tasks. desk: the agent's machine, on which nothing of mab_gym is. record: the record system and
# the verifier. BASE is any Debian with Python 3.11 or newer.
ARG BASE=python:3.12-slim
FROM ${BASE} AS desk
RUN command -v curl >/dev/null || { apt-get update && apt-get install -y --no-install-recommends curl ca-certificates \\
    && rm -rf /var/lib/apt/lists/*; }
RUN useradd --create-home agent
WORKDIR /home/agent

FROM ${BASE} AS record
ENV MAB_GYM_CACHE=/opt/archives PATH=/opt/mab_gym/bin:$PATH
COPY *.whl /opt/
RUN python3 -m venv /opt/mab_gym && for wheel in /opt/*.whl; do \\
    /opt/mab_gym/bin/pip install --no-cache-dir --disable-pip-version-check "$wheel[serve,mcp]"; done && rm /opt/*.whl
COPY --chmod=644 *.mab /opt/archives/
RUN useradd --system record && mkdir /episode && chown record /episode
"""

_BUILD = """\
#!/bin/sh
# Builds the images of these tasks; arguments go to docker build, as in --build-arg BASE=python:3.13-slim.
set -eu
cd "$(dirname "$0")"
docker build --target desk --tag {desk} "$@" .
docker build --target record --tag {record} "$@" .
"""


def build_script(images: Mapping[str, str]) -> str:
    """Returns the script that builds the images."""
    return _BUILD.format(**images)


def task_files(
    images: Mapping[str, str],
    name: str,
    description: str,
    metadata: Mapping[str, Any],
    start: str,
    actions: Sequence[str],
    max_steps: int,
) -> dict[str, str]:
    """Returns the files of a task, but for ``instruction.md``, by their paths.

    Args:
        images: The names of the images ``desk`` and ``record``.
        name: The task's name, as in ``mab-gym/latest_magnesium-07``.
        description: A few words on what it is.
        metadata: The entries of the table ``metadata``.
        start: The episode, as the server reads it.
        actions: The actions that solve it.
        max_steps: Requests after which the episode is over.
    """
    told = "\n".join(f"{key} = {json.dumps(value)}" for key, value in metadata.items())
    return {
        "task.toml": _TASK.format(
            kept=KEPT,
            server=SERVER,
            name=json.dumps(name),
            description=json.dumps(description),
            metadata=told,
            seconds=float(max(LEAST_SECONDS, SECONDS_A_REQUEST * max_steps)),
        ),
        "environment/Dockerfile": f"FROM {images['desk']}\n",
        "environment/docker-compose.yaml": _COMPOSE.format(
            image=images["record"], kept=KEPT, start=json.dumps(start.replace("$", "$$"))
        ),
        "solution/solve.sh": "".join(["#!/bin/sh\nset -eu\n", *map(_command, actions)]),
        "tests/Dockerfile": _VERIFIER.format(image=images["record"]),
        "tests/docker-compose.yaml": _VERIFIER_COMPOSE,
        "tests/test.sh": _TEST,
    }


def _command(action: str) -> str:
    """Returns the shell command that takes an action; its reply is printed."""
    found = parse_action(action, ALL_VERBS)
    match found:
        case Get(url):
            return f"curl -sS --globoff {shlex.quote(url)}\n"
        case Delete(url):
            return f"curl -sS --globoff -X DELETE {shlex.quote(url)}\n"
        case Post(url, body) | Put(url, body) | Patch(url, body):
            verb, *_, headers = sent(found)
            kind = f"-H 'Content-Type: {headers['content-type']}'"
            return f"curl -sS --globoff -X {verb} {kind} --data-raw {shlex.quote(body)} {shlex.quote(url)}\n"
        case Finish(answer):
            return f"curl -sS -X POST --data-raw {shlex.quote(answer)} {SERVER}/finish\n"
    raise ValueError(f"no gold solution holds {action!r}")
