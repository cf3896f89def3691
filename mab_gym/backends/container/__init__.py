"""A real HAPI FHIR server in Docker behind episodes: snapshots, pools, restoring."""
