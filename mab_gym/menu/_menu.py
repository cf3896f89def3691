"""One player's menu in one episode: what can be done, what it writes, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.errors import UsageError
from mab_gym.menu._choices import CHOICES, Choice, Text
from mab_gym.menu._features import features
from mab_gym.menu._notes import Notes
from mab_gym.menu._prompt import Prompt, read_prompt


class Menu:
    """Reads an episode's texts as any agent is shown them, and nothing else: neither the case nor the verifier.

    Attributes:
        prompt: What the prompt says.
        notes: What has been read since.
    """

    def __init__(self) -> None:
        self.prompt: Prompt = read_prompt("")
        self.notes = Notes()
        self._texts: tuple[Text | None, ...] | None = None
        self._last: Choice | None = None

    def begin(self, observation: Mapping[str, Any]) -> None:
        """A new episode begins with this observation of the text environment."""
        self.prompt, self.notes = read_prompt(observation["text"]), Notes()
        self._texts = self._last = None

    @property
    def texts(self) -> tuple[Text | None, ...]:
        """What writes the text of each choice, None where it is not possible."""
        if self._texts is None:
            filling = self.notes.opened is not None
            self._texts = tuple(
                choice.write(self.prompt, self.notes) if choice.fills == filling else None for choice in CHOICES
            )
        return self._texts

    def mask(self) -> npt.NDArray[np.bool_]:
        """Which choices are possible, one Boolean each."""
        return np.array([text is not None for text in self.texts], dtype=np.bool_)

    def features(self) -> npt.NDArray[np.float32]:
        """What a learner sees; see `mab_gym.menu._features`."""
        return features(self.prompt, self.notes)

    def choose(self, action: int) -> str:
        """The text of a choice; what comes back for it is to be told by `see`.

        It is empty where the choice opens the form of an order: nothing is sent before it has been filled in.

        Raises:
            UsageError: There is no such choice, or it is not possible here.
        """
        if not 0 <= action < len(CHOICES):
            raise UsageError(f"the menu has the choices 0 to {len(CHOICES) - 1}, not {action!r}")
        text = self.texts[action]
        if text is None:
            raise UsageError(f"the choice {action} ({CHOICES[action].name}) is not possible here: look at the mask")
        self._last = CHOICES[action]
        written = text()
        if not written:
            self.notes.opened, self._texts = self._last.form, None
        return written

    def see(self, observation: Mapping[str, Any]) -> None:
        """Notes what came back for the choice that was made last."""
        choice, notes = self._last, self.notes
        status = int(observation["status"])
        notes.steps += 1
        notes.status = status
        self._texts = self._last = None
        if choice is None:
            return
        if choice.further or choice.search:
            notes.returned(choice.search or notes.search, status, observation["fhir"], further=choice.further)
        form = notes.opened if choice.fills else choice.form
        notes.opened = None
        if form is not None and 200 <= status < 300:
            notes.stored[form] = notes.stored.get(form, 0) + 1
