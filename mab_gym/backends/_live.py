"""A real FHIR server over HTTP, used by one episode at a time.

It keeps what the episode writes, so that it can be undone, and it tells an error response from a failure of the server.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mab_gym.backends._effects import Touched, effect_of
from mab_gym.client._transport import Transport
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.model._json_text import compact
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._overlay import Write

PROBE: Final = Request("GET", "Patient?_count=1&_elements=id")
"""A request that every working server answers with 200."""
_BROKEN: Final = (502, 503, 504)
"""Statuses that come from a broken server, never from FHIR."""
_SENT: Final[Mapping[str, str]] = {"content-type": "application/fhir+json"}
_EXPUNGE: Final = compact(
    {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "expungeDeletedResources", "valueBoolean": True},
            {"name": "expungePreviousVersions", "valueBoolean": True},
        ],
    }
)


def _transaction(entries: list[Any]) -> Request:
    return Request("POST", "", _SENT, compact({"resourceType": "Bundle", "type": "transaction", "entry": entries}))


def _address(of: Touched | Write) -> str:
    return f"{of.resource_type}/{of.logical_id}"


class LiveServer:
    """The conversation of one episode with a server.

    Args:
        transport: The connection to the server.

    Attributes:
        writes: The resources that the episode has written, in order.
        recorded: The resources that the hospital itself has written, in order.
        prepared: The resources that were laid over the snapshot for it.
        known: True if nothing else can have changed.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.writes: list[Write] = []
        self.recorded: list[Write] = []
        self.prepared: list[Touched] = []
        self.known = True
        self._changes: list[Touched | Write] = []
        """All of the three, in the order in which they came: what comes later may refer to what was there."""
        self._before: dict[str, Mapping[str, Any]] = {}

    @property
    def untouched(self) -> bool:
        """True if nothing on the server was changed."""
        return self.known and not self._changes

    @property
    def types(self) -> frozenset[str]:
        """The resource types that were written to."""
        return frozenset(each.resource_type for each in self._changes)

    @property
    def _created(self) -> list[str]:
        """The addresses of the resources that are on the server only since the snapshot, in order."""
        addresses = dict.fromkeys(_address(each) for each in self._changes if each.interaction == "create")
        return [address for address in addresses if address not in self._before]

    def handle(self, request: Request) -> Response:
        """Sends an agent's request to the server.

        Raises:
            InfrastructureError: There was no answer, or one that only a broken server gives.
        """
        writing = request.method not in ("GET", "HEAD")
        known, self.known = self.known, self.known and not writing  # whatever happens before the answer is read
        response = self._answer(request, writing)
        effect = effect_of(request, response)
        for touched in effect.touched:
            self.writes.append(self._read_back(touched))
            self._changes.append(self.writes[-1])
        self.known = known and effect.whole
        return response

    def keep(self, address: str) -> bool:
        """Keeps a resource as it is, before a request changes it, so that it can be written so again.

        Returns:
            False if it was there and is deleted: it could come again, but its history would tell.

        Raises:
            InfrastructureError: There was no answer, or one that is no resource.
        """
        if address in self._created or address in self._before:
            return True
        response = self._transport.send(Request("GET", address, {"accept": FHIR_JSON}))
        if response.status in (404, 410):
            return response.status == 404
        self._before[address] = self._resource(address, response)
        return True

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Lays resources over the snapshot, each under its own id.

        Raises:
            InfrastructureError: The server does not take them.
        """
        entries: list[Any] = []
        for resource in resources:
            name, given = str(resource["resourceType"]), resource.get("id")
            asked = {"method": "PUT", "url": f"{name}/{given}"} if given else {"method": "POST", "url": name}
            entries.append({"resource": dict(resource), "request": asked})
        request = _transaction(entries)
        self.known = False
        response = self._transport.send(request)
        effect = effect_of(request, response)
        if response.status != 200 or len(effect.touched) != len(entries):
            raise InfrastructureError(f"the record system does not take a case's own resources ({response.status})")
        self.prepared.extend(effect.touched)
        self._changes.extend(effect.touched)
        self.known = effect.whole

    def record(self, resources: Sequence[Mapping[str, Any]]) -> list[str]:
        """Writes as the hospital, in one transaction, and returns the addresses.

        Raises:
            InfrastructureError: The server does not take them.
        """
        entries: list[Any] = []
        created = set(self._created)
        for resource in resources:
            name, given = str(resource["resourceType"]), resource.get("id")
            address = f"{name}/{given}"
            if given and address not in created and address not in self._before:
                self._before[address] = self._stored(address)
            asked = {"method": "PUT", "url": address} if given else {"method": "POST", "url": name}
            entries.append({"resource": dict(resource), "request": asked})
        request = _transaction(entries)
        known, self.known = self.known, False
        response = self._transport.send(request)
        effect = effect_of(request, response)
        if response.status != 200:
            raise InfrastructureError(f"the record system does not take the hospital's own notes ({response.status})")
        if len(effect.touched) != len(entries):
            raise InfrastructureError("the record system does not say what became of the hospital's own notes")
        for touched, resource in zip(effect.touched, resources, strict=True):
            stored = {**resource, "id": touched.logical_id}
            key = touched.resource_type, touched.logical_id
            self.recorded.append(Write(touched.interaction, *key, stored, "", touched.version))
            self._changes.append(self.recorded[-1])
        self.known = known and effect.whole
        return [_address(touched) for touched in effect.touched]

    def _stored(self, address: str) -> Mapping[str, Any]:
        return self._resource(address, self._transport.send(Request("GET", address, {"accept": FHIR_JSON})))

    def _resource(self, address: str, response: Response) -> Mapping[str, Any]:
        stored = parse_element(response.body) if response.status == 200 else None
        if not isinstance(stored, dict):
            raise InfrastructureError(f"the record system does not show {address}")
        return stored

    def take_back(self) -> bool:
        """Deletes and expunges what was created since the snapshot; returns False where that is not enough.

        What of the snapshot was changed by the hospital, or was kept before an agent changed it, is written as it was
        before; its version is a later one then.

        Raises:
            InfrastructureError: The server did not answer.
        """
        if not self.known:
            return False
        created = self._created
        theirs: list[Touched | Write] = [*self.prepared, *self.writes]
        kept = {*created, *self._before}
        if any(touched.interaction != "create" and _address(touched) not in kept for touched in theirs):
            return False
        # An id that the snapshot had and that was deleted from it comes again with a version above 1.
        again = (each for each in theirs if each.interaction == "create" and each.version > 1)
        if any(_address(each) not in self._before for each in again):
            return False
        if self._before and not self._put_back():
            return False
        gone = {_address(write) for write in self.writes if write.interaction == "delete"}
        addresses = created[::-1]
        there = [address for address in addresses if address not in gone]
        if there and not self._delete(there):
            return False
        for address in addresses:
            self._transport.send(Request("POST", f"{address}/$expunge", _SENT, _EXPUNGE))
        if any(self._transport.send(Request("GET", address)).status not in (404, 410) for address in addresses):
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """Begins anew: the server is at the snapshot."""
        self.writes = []
        self.recorded = []
        self.prepared = []
        self.known = True
        self._changes = []
        self._before = {}

    def _put_back(self) -> bool:
        """Writes what was changed as it was before."""
        entries = [
            {"resource": dict(before), "request": {"method": "PUT", "url": address}}
            for address, before in self._before.items()
        ]
        return self._transport.send(_transaction(entries)).status == 200

    def _delete(self, addresses: Sequence[str]) -> bool:
        """Deletes resources in the order given; returns False where some are still there that cannot go.

        What others refer to goes after them, even where the order is another one.
        """
        left: Sequence[str] = addresses
        while left:
            still = self._undeleted(left)
            if len(still) == len(left):
                return False
            left = still
        return True

    def _undeleted(self, addresses: Sequence[str]) -> list[str]:
        """Deletes resources together, by halves where the server does not take so many; returns those that stayed."""
        if len(addresses) == 1:
            return [] if self._transport.send(Request("DELETE", addresses[0])).status < 300 else list(addresses)
        request = _transaction([{"request": {"method": "DELETE", "url": address}} for address in addresses])
        if self._transport.send(request).status == 200:
            return []
        middle = len(addresses) // 2
        return self._undeleted(addresses[:middle]) + self._undeleted(addresses[middle:])

    def _answer(self, request: Request, writing: bool) -> Response:
        response = self._transport.send(request)
        if response.status in _BROKEN and not writing:
            response = self._transport.send(request)
        if response.status in _BROKEN or (response.status >= 500 and not self._well(writing)):
            raise InfrastructureError(f"the record system is out of order: it answers {response.status}")
        return response

    def _well(self, writing: bool) -> bool:
        """Returns True if the server can still read and, where ``writing``, write.

        HAPI answers 500 to some requests that it does not understand; then it works on.
        """
        if self._transport.send(PROBE).status != 200:
            return False
        if not writing:
            return True
        canary = f"Basic/mab-gym-{uuid.uuid4()}"
        resource = {"resourceType": "Basic", "id": canary.partition("/")[2], "code": {"text": "mab_gym"}}
        if self._transport.send(Request("PUT", canary, _SENT, compact(resource))).status != 201:
            return False
        deleted = self._delete([canary])
        self._transport.send(Request("POST", f"{canary}/$expunge", _SENT, _EXPUNGE))
        return deleted

    def _read_back(self, touched: Touched) -> Write:
        """Reads a resource that was written, as the server has stored it."""
        if touched.interaction == "delete":
            return Write("delete", touched.resource_type, touched.logical_id, None, "", touched.version)
        address = f"{touched.resource_type}/{touched.logical_id}"
        response = self._transport.send(Request("GET", address, {"accept": FHIR_JSON}))
        resource = parse_element(response.body) if response.status == 200 else None
        if not isinstance(resource, dict):
            raise InfrastructureError(f"the record system has stored {address} and does not give it back")
        meta = resource.get("meta", {})
        version = touched.version or int(meta.get("versionId", 1))
        return Write(
            touched.interaction,
            touched.resource_type,
            touched.logical_id,
            resource,
            response.body,
            version,
            updated=str(meta.get("lastUpdated", "")),
        )
