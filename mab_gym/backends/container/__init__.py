"""A real HAPI FHIR server in Docker behind episodes: snapshots, pools, restoring."""

__all__: list[str] = []
