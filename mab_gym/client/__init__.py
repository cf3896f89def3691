"""HTTP to a FHIR server that runs somewhere else.

`Transport` sends the requests of `mab_gym.fhir.http` to one FHIR base and to nothing else. A failure on the way is an
`InfrastructureError`; it is never taken for a response. Tokens and further headers come from environment variables and
are never shown.

Backends and the import of records use it. It may use `mab_gym.fhir` and httpx, which is optional. Begin with
`_transport.py`.
"""

__all__: list[str] = []
