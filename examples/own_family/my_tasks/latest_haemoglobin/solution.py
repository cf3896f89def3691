"""The newest result."""


def solve(case, desk):
    """One search, one answer."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="HGB", _sort="-date", _count="5")
    newest = desk.decide("the newest result", reply.resources[0])
    yield desk.finish([newest["valueQuantity"]["value"], newest["effectiveDateTime"]])
