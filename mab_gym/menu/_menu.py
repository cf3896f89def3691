"""The menu of one player: the possible choices of an episode, their texts, and notes of the responses."""

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
    """A menu that reads only the texts that every agent is shown, never the case or the verifier.

    Attributes:
        prompt: The facts of the prompt.
        notes: The facts of the responses so far.
    """

    def __init__(self) -> None:
        self.prompt: Prompt = read_prompt("")
        self.notes = Notes()
        self._texts: tuple[Text | None, ...] | None = None
        self._last: Choice | None = None

    def begin(self, observation: Mapping[str, Any]) -> None:
        """Begins a new episode with the first observation of the text environment."""
        self.prompt, self.notes = read_prompt(observation["text"]), Notes()
        self._texts = self._last = None

    @property
    def texts(self) -> tuple[Text | None, ...]:
        """For each choice the function that writes its text; None if the choice is not possible."""
        if self._texts is None:
            filling = self.notes.opened is not None
            self._texts = tuple(
                choice.write(self.prompt, self.notes) if choice.fills == filling else None for choice in CHOICES
            )
        return self._texts

    def mask(self) -> npt.NDArray[np.bool_]:
        """Returns for each choice True if it is possible."""
        return np.array([text is not None for text in self.texts], dtype=np.bool_)

    def features(self) -> npt.NDArray[np.float32]:
        """Returns the features that a learner sees; see `mab_gym.menu._features`."""
        return features(self.prompt, self.notes)

    def choose(self, action: int) -> str:
        """Returns the text of a choice; pass the response to `see`.

        The text is empty if the choice opens the form of an order: nothing is sent until it is filled in.

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
        """Notes the response to the last choice."""
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
