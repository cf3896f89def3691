"""The FHIR server of this package as a backend: in this process, and reset in microseconds.

`EmbeddedBackend` opens sessions on a `mab_gym.fhir.http` server over an archive. A session writes to an overlay of its
own, which a reset drops. `embedded_backend` remembers what it has opened by the file's inode, time and size, so that a
file which was replaced is opened anew, while episodes under way keep the old one.

A fault of the server is an `InfrastructureError` here; over HTTP it would be a 500. The room may use `mab_gym.fhir` and
`mab_gym._opening`. Begin with `_backend.py`.
"""

__all__: list[str] = []
