"""The cases as tasks for Harbor (https://www.harborframework.com): their folders, their server, their verifier.

`write_tasks` writes them (`mab-gym export --harbor DIR`). Each task has three containers, and what one knows is nowhere
in the others:

- ``main`` is the agent's. It has a shell and curl, and reaches the record system at ``http://localhost:8080/fhir``.
- ``record`` holds the episode (``_episode``, ``_server``). Each request of the agent is one action; it is kept in a
  file that the agent can neither read nor write.
- the verifier starts when both have ended. It is given that file, has no network, plays the actions again and writes
  the reward (``_judge``).

Nothing here imports Harbor. Reading begins in ``_tasks``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
