"""A FHIR R4 server somewhere else as a backend; others may use it, too.

With ``writes="refused"`` nothing is ever written. With ``writes="undone"`` an agent's creates are sent, and deleted
when the episode ends; a request that could not be undone is refused. Verifiers read the same server.

The room needs the extra ``remote``. It may use `mab_gym.client`, `mab_gym.fhir` and the files of `mab_gym.backends`.
Begin with `_backend.py`.
"""

__all__: list[str] = []
