"""A HAPI FHIR server in Docker as a hospital: started, loaded from an archive, kept as a snapshot image."""
