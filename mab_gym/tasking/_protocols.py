"""Protocols: the texts that put a task to an agent and answer its actions.

``ehr`` is this project's own: POSTs are really executed, may be refused, and the reply shows what was stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mab_gym.fhir.http._server import Response


@dataclass(frozen=True, slots=True)
class Protocol:
    """The texts of a protocol.

    Attributes:
        name: The name that environment files use.
        opening: The first text of an episode; filled with ``base_url``, ``further`` (the forms of further verbs),
            ``max_steps``, ``context`` and ``question``.
        forms: By verb, the words that show the form of an action that not every environment allows; filled with
            ``base_url``.
        got: The reply to a GET that succeeded; filled with ``status`` and ``body``.
        stored: The reply to a POST or PUT that created something; filled with ``status``, ``location`` and ``body``.
        failed: The reply if the record system refused; filled with ``verb``, ``status`` and ``body``.
        refused: The reply if nothing was sent; filled with ``reason``.
    """

    name: str
    opening: str
    forms: Mapping[str, str]
    got: str
    stored: str
    failed: str
    refused: str

    def further(self, verbs: Sequence[str], base_url: str) -> str:
        """Returns the words for the verbs that go beyond reading and creating; empty where there are none."""
        return "".join(self.forms[verb].format(base_url=base_url) for verb in verbs if verb in self.forms)

    def reply(self, verb: str, response: Response) -> str:
        """Returns the text that answers an executed action."""
        if response.status >= 400:
            return self.failed.format(verb=verb, status=response.status, body=response.body)
        if verb in ("POST", "PUT") and response.status == 201:
            location = response.headers.get("location", "")
            return self.stored.format(status=response.status, location=location, body=response.body)
        return self.got.format(status=response.status, body=response.body)


HINTS_AND_TASK = """\
What is often needed:
- Patient?family=…&given=…&birthdate=YYYY-MM-DD finds a person; a Patient's id is the medical record number (MRN).
- Observation?patient=MRN&code=CODE finds results and vital signs. Pages hold 20 entries, in no particular order, and \
a link named next leads on; FHIR's search parameters (_count, _sort, date with ge, lt and so on) work. A '+' inside an \
address is written %2B.
- Condition, Procedure, MedicationRequest and ServiceRequest can be searched by patient as well.
- A result with the status entered-in-error does not count.

Context: {context}

Task: {question}"""
"""The end of a first text: hints on the record system, which no protocol changes, and the task."""

EHR = Protocol(
    name="ehr",
    opening="""\
You work in a hospital's electronic health record, which speaks FHIR R4. Its base address is {base_url}/

Each of your messages must be exactly one action, with no other text around it:

GET {base_url}/RESOURCE?parameter=value
    reads or searches. You are shown the response.

POST {base_url}/RESOURCE
{{"resourceType": "RESOURCE", ...}}
    creates a resource; the JSON follows on the next line. It is really stored, or refused with a reason, and you are \
shown which.

{further}FINISH([item, ...])
    ends the task with your answer, a JSON list. Text goes in double quotes.

You have {max_steps} messages, FINISH included. Write nothing to the record that the task does not ask for. Any other \
message ends the task as failed.

"""
    + HINTS_AND_TASK,
    forms={
        "PUT": """\
PUT {base_url}/RESOURCE/ID
{{"resourceType": "RESOURCE", "id": "ID", ...}}
    replaces a resource by the whole one that follows.

""",
        "PATCH": """\
PATCH {base_url}/RESOURCE/ID
[{{"op": "replace", "path": "/status", "value": "stopped"}}]
    changes parts of a resource by JSON Patch.

""",
        "DELETE": """\
DELETE {base_url}/RESOURCE/ID
    deletes a resource.

""",
    },
    got="HTTP {status}\n{body}",
    stored="HTTP {status}, stored as {location}\n{body}",
    failed="HTTP {status}: the {verb} was refused and changed nothing.\n{body}",
    refused="Not sent: {reason}.",
)

PROTOCOLS: Mapping[str, Protocol] = {EHR.name: EHR}
