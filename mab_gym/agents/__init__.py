"""Agents: they read observations and write actions.

An `Agent` is any object with ``reset(observation, info, seed)`` and ``act(observation)``, an `AsyncAgent` one whose two
methods are coroutine functions. An agent may keep an `Account` of tokens and messages for the record of its episode.

    class Searches:
        name = "searches"

        def reset(self, observation, info, seed): ...

        def act(self, observation):
            return "GET http://localhost:8080/fhir/Patient?_count=1"

Reference agents show what a score means and need no model: `Oracle` plays the gold solution, `InstantFinish` ends at
once with an empty answer, `RandomPlausible` acts at random, `BlindConstant` writes fixed texts and never reads.
`ChatModel` describes a model behind an OpenAI-compatible endpoint, which acts by text or by tool calls.

The room knows environments and actions, and nothing of runs, scores or commands. Begin reading in ``_agent``; then
``_model`` (a chat model as an agent) and ``_endpoint`` (one request, and every way in which it can fail).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
