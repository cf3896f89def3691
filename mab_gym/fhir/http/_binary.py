"""Binary resources as they are: raw content comes and goes under its own media type (FHIR R4, binary.html)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._media_types import Format, stated_format

_CHARSET = re.compile(r"\s*;\s*charset=[^;]*", re.IGNORECASE)
_FORM_TYPE = "application/x-www-form-urlencoded"
OCTETS = "application/octet-stream"


def is_raw(request: Request) -> bool:
    """True if a request brings content as it is rather than a Binary in JSON or XML."""
    return request.method in ("POST", "PUT") and stated_format(_content_type(request), strict=True) is None


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "")


def raw_binary(request: Request, logical_id: str) -> dict[str, Any]:
    """Returns the Binary resource of a request that brings content as it is.

    Args:
        request: The request.
        logical_id: The id in its path, if there is one.
    """
    content_type, context = _content_type(request), request.headers.get("x-security-context", "")
    content = request.body.encode("utf-8", "replace") if request.content is None else request.content
    if request.method == "POST" and content_type.startswith(_FORM_TYPE):
        content = b""  # the web server around HAPI has read it before HAPI does
    resource: dict[str, Any] = {"resourceType": "Binary"}
    if logical_id:
        resource["id"] = logical_id
    if content_type.strip():
        resource["contentType"] = content_type
    if context.strip():
        resource["securityContext"] = {"reference": context}
    if content:
        resource["data"] = base64.b64encode(content).decode()
    return resource


def as_it_is(request: Request, response: Response, resource: Mapping[str, Any], wanted: Format | None) -> Response:
    """Returns the content of a Binary, or its resource where the client wants FHIR.

    Args:
        request: The request.
        response: The answer to it, in JSON.
        resource: What stands in the answer.
        wanted: The format that the client wants, judged by FHIR's own media types alone.
    """
    data, content_type = resource.get("data"), resource.get("contentType", "")
    if resource["resourceType"] != "Binary" or (data is None and not is_raw(request)):
        return response
    if wanted is not None and not _is_wanted(content_type, wanted):
        return response
    content = base64.b64decode(data or "")
    kept = {name: value for name, value in response.headers.items() if name != "last-modified"}
    kept["content-type"] = _CHARSET.sub("", content_type) if "/" in content_type else content_type or OCTETS
    kept["content-disposition"] = "Attachment;"
    if context := resource.get("securityContext", {}).get("reference"):
        kept["x-security-context"] = context
    return Response(response.status, content.decode("utf-8", "replace"), kept, content)


def _is_wanted(content_type: str, wanted: Format) -> bool:
    """True if content of a media type answers the wish for a format: a JSON file that of FHIR's JSON."""
    own = stated_format(content_type)
    same = content_type.lower() == wanted.stated.lower()
    return bool(content_type) and (same or (own is not None and own.encoding == wanted.encoding))
