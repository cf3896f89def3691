"""An embedded FHIR R4 server: it takes a `Request` and returns a `Response`, without a socket.

It answers as HAPI FHIR 7.6 does, with the same statuses, bodies, headers, order of results and error texts;
recordings of a real HAPI in the tests measure how well. Agents work in it, and ``mab-gym serve`` puts it behind HTTP.
A server is the immutable part, which any number of sessions share; a session sees its own writes and can be reset in
microseconds.

    from mab_gym.fhir import FhirServer, Request, build_tables

    patient = {"resourceType": "Patient", "id": "S1", "name": [{"family": "Lee"}]}
    server = FhirServer({table.resource_type: table for table in build_tables([patient])})
    session = server.open()
    print(session.handle(Request("GET", "Patient?name=lee")).body)  # a searchset Bundle
    session.reset()

Six rooms, each of which imports only from those behind it in this list (import-linter checks it):

* ``http``: requests, responses, and everything that changes resources;
* ``search``: reads search parameters, finds, sorts and pages;
* ``validation``: tests resources for `$validate`;
* ``hapi``: orders, hashes and texts that are HAPI's own and follow from no specification;
* ``store``: columns, indexes, archives, and the writes of a session on top;
* ``model``: FHIR's definitions, JSON, XML and values; it knows no server.

The package knows FHIR and nothing of tasks, patients' stories or Gymnasium. Begin to read in ``http/_server.py``.
What the server does, refuses and does differently from HAPI is told in ``docs/fhir-server.md``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
