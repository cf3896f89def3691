"""The HTTP room: it turns a `Request` into a `Response` and holds the state of a session.

Everything that a client can ask for is routed here: reads, versions, histories, creates, updates, deletes, Bundles,
operations, searches and the CapabilityStatement. Refusals come from below as `FhirError` and become OperationOutcomes
in one place.

Begin with ``_server.py``: `FhirServer` is what all sessions share, `FhirSession.handle` answers one request. A
session is a `World` (``_world.py``): the snapshot, the session's own writes, the clock and the counters of ids. The
interactions stand in files of their own: ``_reading.py``, ``_writing.py`` with ``_checks.py``, ``_transactions.py``,
``_searching.py``, which keeps searches for paging, and ``_operations.py``, which finds who answers an operation.

It may use all other rooms, and none of them uses it. It opens no socket and reads no clock: the time is simulated,
and ids come from counters, so that equal requests give equal bytes. It may hold only the state of a session; whatever
sessions share lies in the store and never changes.
"""

__all__: list[str] = []
