"""A FHIR R4 server without a socket: it takes a ``Request`` and gives a ``Response``, answering as HAPI FHIR 7.6 does.

This layer knows FHIR and nothing of tasks, patients' stories or Gymnasium.
"""
