"""Messages: people of the hospital answer what the agent writes to them, and consultants what they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mab_gym.dynamics._hospital import Hospital
from mab_gym.tasking.meaning._said import listed, member
from mab_gym.tasking.stay import Message

MOST_ANSWERS: Final = 100
"""Messages of the agent that are answered in a stay."""
_MOST_TEXT: Final = 4000
_LONGEST_WAIT: Final = 7 * 1440


class Messages:
    """The messages of one stay."""

    __slots__ = ("_answered", "_hospital")

    def __init__(self, hospital: Hospital) -> None:
        self._hospital = hospital
        self._answered = 0

    def take(self, address: str, resource: Mapping[str, Any]) -> None:
        """Reads a Communication or CommunicationRequest of the agent's."""
        texts = [member(part, "contentString") for part in listed(resource.get("payload"))]
        text = "\n".join(str(each) for each in texts if isinstance(each, str))[:_MOST_TEXT]
        recipients = [member(each, "reference") for each in listed(resource.get("recipient"))]
        recipient = next((each for each in recipients if isinstance(each, str)), "")
        self._answer(address, recipient, text, resource.get("priority"), consult=False)

    def take_consult(self, address: str, resource: Mapping[str, Any]) -> None:
        """Reads a ServiceRequest that asks for somebody's opinion."""
        words = [str(member(resource.get("code"), "text") or "")]
        words += [str(member(coding, "display") or "") for coding in listed(member(resource.get("code"), "coding"))]
        words += [str(member(reason, "text") or "") for reason in listed(resource.get("reasonCode"))]
        words += [str(member(note, "text") or "") for note in listed(resource.get("note"))]
        performers = [member(each, "reference") for each in listed(resource.get("performer"))]
        performer = next((each for each in performers if isinstance(each, str)), "")
        text = "\n".join(word for word in words if word)[:_MOST_TEXT]
        self._hospital.note(address, "accepted", "consult")
        self._answer(address, performer, text, resource.get("priority"), consult=True, resource=resource)

    def _answer(
        self,
        address: str,
        recipient: str,
        text: str,
        priority: object,
        *,
        consult: bool,
        resource: Mapping[str, Any] | None = None,
    ) -> None:
        hospital = self._hospital
        course = hospital.course
        urgent = priority in ("stat", "asap", "urgent")
        message = Message(hospital.minute, "", recipient, text, True, urgent, address)
        hospital.told.messages.append(message)
        replies = course.consults if consult else course.replies
        if replies is None or self._answered >= MOST_ANSWERS:
            return
        answer = replies(message, hospital.told)
        if answer is None:
            return
        self._answered += 1
        sender = answer.sender or recipient or course.nurse
        minutes = min(max(0, answer.minutes), _LONGEST_WAIT)
        hospital.at(hospital.minute + minutes, self._send, answer.text, address, sender, resource)

    def _send(self, text: str, address: str, sender: str, request: Mapping[str, Any] | None) -> None:
        self._hospital.send(text, sender=sender, answers=address)
        if request is not None:
            self._hospital.write({**request, "id": address.partition("/")[2], "status": "completed"})
            self._hospital.note(address, "completed", "consult")
