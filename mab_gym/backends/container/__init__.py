"""HAPI FHIR in Docker as a backend: a pool of containers, each started from a snapshot image.

``mab-gym hapi`` loads an archive into one container and keeps it as an image (`_hospital.py`, `_loading.py`). A `Pool`
starts containers from that image and leases them to episodes; afterwards a `Strategy` takes each back to the snapshot
and proves it, or has it replaced. Containers belong to the process that started them (`_process_lock.py`); the reaper,
a small process beside it (`_reaper.py`), removes them whatever ends that process.

The room needs the extra ``docker``, so other rooms import it only when a container is asked for; `_kind.py` alone is
always imported. It may use `mab_gym.client`, `mab_gym.fhir` and the files of `mab_gym.backends`. Begin with
`_backend.py`, then `_pool.py`.
"""

__all__: list[str] = []
