"""A FHIR R4 server without a socket: it takes a ``Request`` and gives a ``Response``, answering as HAPI FHIR 7.6 does.

This layer knows FHIR and nothing of tasks, patients' stories or Gymnasium.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
