"""Bulk Data: ``$export`` with polling, as HAPI FHIR 7.6 has it where it is switched on.

Source: https://hl7.org/fhir/uv/bulkdata/export.html; words and order are those of HAPI's ``BulkDataExportProvider``. An
export shows the session's state at the moment at which it was asked for. What it finds is looked up then, at the cost
of that request; a file is written each time it is asked for. The first poll is answered with 202, as HAPI's first polls
are; the next one with the list of the files.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.http._asked import Path, Values, given, read_path, read_values
from mab_gym.fhir.http._bodies import read_resource
from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._export_asked import NDJSON, read_scope
from mab_gym.fhir.http._export_jobs import Job, Part, Status, part
from mab_gym.fhir.http._export_scope import (
    ExportFailedError,
    Found,
    Scope,
    everything,
    file_ends,
    of_group,
    of_patients,
)
from mab_gym.fhir.http._formats import wanted_format
from mab_gym.fhir.http._operations import not_allowed
from mab_gym.fhir.http._reading import resource_headers
from mab_gym.fhir.http._shaping import shown
from mab_gym.fhir.http._world import World
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.model._operation_definitions import find_bulk_operation
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._url import Parameters
from mab_gym.fhir.store._base import one_line
from mab_gym.fhir.store._budget import ENTRY, ONE_LINE, PARAMETER
from mab_gym.fhir.store._table import Rows

RETRY_SECONDS = 1
"""The seconds after which a client is to poll again; HAPI says 120, which is about how long its jobs take."""
_EXTENSIONS = "https://hapifhir.org/NamingSystem/bulk-export-"
_MANIFEST = "application/json;charset=ISO-8859-1"
_FAILED = "application/json+fhir;charset=ISO-8859-1"
_AT_A_TIME = 100
_CHARACTER_ASKED = 0.2
"""The work of reading one character of what an export asks for."""


def bulk_export(world: World, request: Request, segments: Sequence[str], parameters: Parameters) -> Response | None:
    """Answers ``$export`` and ``$export-poll-status``.

    Returns:
        The answer, or None if the path names neither where HAPI has it.

    Raises:
        FhirError: HAPI refuses it, or it would cost too much.
    """
    path = read_path(segments)
    definition = find_bulk_operation(path.operation, path.kind, one=path.logical_id is not None)
    if definition is None or request.method not in ("GET", "POST", "DELETE"):
        return None
    if definition.code == "export-poll-status":
        return _polled(world, request, parameters)
    if request.method == "DELETE":
        return not_allowed(request.method, definition, parameters)
    values = read_values(request, path, parameters, definition)
    texts = [str(value) for given_values in values.values() for value in given_values]
    parts = len(texts) + sum(text.count(",") for text in texts)
    world.budget.spend(parts * PARAMETER + sum(map(len, texts)) * _CHARACTER_ASKED)
    return _begin(world, request, path, values)


# --- beginning -----------------------------------------------------------------------------------------------------


def _begin(world: World, request: Request, path: Path, values: Values) -> Response:
    preferred = re.split("[;,]", request.headers.get("prefer", ""))
    if not any(each.partition("=")[0].strip() == "respond-async" for each in preferred):
        raise FhirError(400, "HAPI-0513: Must request async processing for $export")
    scope = read_scope(world, path, values)
    label = str(given(values, "_exportId") or "")
    job = _job(world, request, path, scope, label, matched=given(values, "_mdm") is True)
    world.exports().add(job)
    url = f"{world.origin.base_url}/$export-poll-status?_jobId={job.id}"
    return Response(202, "", {"content-location": url})


def _job(world: World, request: Request, path: Path, scope: Scope, label: str, *, matched: bool) -> Job:
    """Looks up what an export has; what fails then, fails when the client polls."""
    view = world.view()
    parts: Sequence[Part] = ()
    failure = "" if matched else None  # HAPI has no words for what it does without MDM
    try:
        if failure is None:
            find = {None: everything, "Patient": of_patients, "Group": of_group}[path.kind]
            parts = _parts(world, find(view, scope))
    except ExportFailedError as error:
        failure = f"ca.uhn.fhir.batch2.api.JobExecutionFailedException: HAPI-2239:  : {error}"
    ids, url = world.counter_ids, f"{world.origin.base_url}/{request.target}"
    return Job(ids.uuid(), ids.text(16), url, world.now(), label, view.frozen(), parts, failure)


def _parts(world: World, found: Found) -> list[Part]:
    view = world.view()
    filled = {kind: hits for kind, hits in found.items() if len(hits)}
    kinds = java_set_order(filled, string_hash)
    return [part(kind, filled[kind], file_ends(view, kind, filled[kind])) for kind in kinds]


# --- polling -------------------------------------------------------------------------------------------------------


def _polled(world: World, request: Request, parameters: Parameters) -> Response:
    job_id = _job_id(request, parameters)
    job = world.exports().find(job_id)
    if job is None:
        text = f"HAPI-2040: Unknown instance ID: {job_id}. Please check if the input job ID is valid."
        raise FhirError(404, text)
    if request.method == "DELETE":
        return _cancelled(job)
    if job.status in (Status.QUEUED, Status.CANCELLED):
        progress = f"Build in progress - Status set to {job.status} at {job.time}"
        if job.status is Status.QUEUED:
            job.status = Status.COMPLETED if job.failure is None else Status.FAILED
        return Response(202, "", {"x-progress": progress, "retry-after": str(RETRY_SECONDS)})
    if job.failure is not None:
        return Response(500, _outcome("error", job.failure), {"content-type": _FAILED})
    text = _manifest(job, world.origin.base_url)
    world.budget.show(len(text))
    return Response(200, text, {"content-type": _MANIFEST})


def _job_id(request: Request, parameters: Parameters) -> str:
    found = next((value for name, value in parameters if name == "_jobId"), None)
    if found is not None:
        return found
    if request.method != "POST" or not (request.body.strip() or request.headers.get("content-type", "").strip()):
        raise FhirError(
            500,
            "HAPI-0389: Failed to call access method: java.lang.NullPointerException: Cannot invoke "
            '"org.hl7.fhir.r4.model.Parameters.getParameter()" because "parameters" is null',
        )
    sent = read_resource(request, None, "EXTENDED_OPERATION_SERVER")
    for each in sent.get("parameter", ()) if sent["resourceType"] == "Parameters" else ():
        if each.get("name") == "_jobId":
            return next((str(value) for name, value in each.items() if name.startswith("value")), "")
    text = "HAPI-2227: $export-poll-status requires a job ID, please provide the value of target jobId."
    raise FhirError(400, text)


def _cancelled(job: Job) -> Response:
    if job.status is Status.COMPLETED:
        text = f"Job instance <{job.id}> was already cancelled or has completed.  Nothing to do."
        return Response(404, _outcome("error", text), {})
    job.status = Status.CANCELLED
    text = f"Job instance <{job.id}> successfully cancelled."
    return Response(202, _outcome("information", text, "informational"), {})


def _outcome(severity: str, text: str, code: str = "") -> str:
    issue = {"severity": severity, "code": code, "diagnostics": text}
    return pretty({"resourceType": "OperationOutcome", "issue": [{k: v for k, v in issue.items() if v}]})


def _manifest(job: Job, base_url: str) -> str:
    """Returns the list of an export's files, in the form in which HAPI writes it."""
    files = [
        f'{{\n    "type" : "{kind}",\n    "url" : {json.dumps(f"{base_url}/Binary/{logical_id}")}\n  }}'
        for kind, logical_id in job.files()
    ]
    fields = {
        "transactionTime": f'"{job.time}"',
        "request": json.dumps(job.request),
        "requiresAccessToken": "true",
        "output": f"[ {', '.join(files)} ]" if files else "[ ]",
        "error": "[ ]",
    }
    if not files:
        text = f"Export complete, but no data to generate report for job instance: {job.id}"
        fields["message"] = f'"{text}"'
    return "{\n  " + ",\n  ".join(f'"{name}" : {value}' for name, value in fields.items()) + "\n}"


# --- files ---------------------------------------------------------------------------------------------------------


def export_file(world: World, request: Request, path: Sequence[str], parameters: Parameters) -> Response | None:
    """Answers a read of a file of an export, or of its only version; None if there is no such file."""
    found = world.exports().file(path[1])
    if found is None or tuple(path[2:]) not in ((), ("_history", "1")):
        return None
    job, kind, hits = found
    text = _written(world, job, kind, hits)
    headers = resource_headers(world.origin, ("Binary", path[1]), 1, job.time)
    if not request.nested and wanted_format(request, parameters, strict=True) is None:
        del headers["last-modified"]
        headers |= {"content-type": NDJSON, "content-disposition": "Attachment;"}
        return Response(200, text, headers, text.encode("utf-8", "replace"))
    data = base64.b64encode(text.encode("utf-8", "replace")).decode()
    world.budget.show(len(data))
    return shown({**_about(job, kind, path[1]), "data": data}, parameters, headers)


def _about(job: Job, kind: str, logical_id: str) -> Mapping[str, Any]:
    labels = {"identifier": job.label, "job-id": job.id, "binary-resource-type": kind}
    extension = [{"url": _EXTENSIONS + name, "valueString": text} for name, text in labels.items() if text]
    meta = {"extension": extension, "versionId": "1", "lastUpdated": job.time}
    return {"resourceType": "Binary", "id": logical_id, "meta": meta, "contentType": NDJSON}


def _written(world: World, job: Job, kind: str, hits: Rows) -> str:
    """Returns resources as they were when the export began, one a line."""
    view, lines = job.view.over(world.view()), []
    for start in range(0, len(hits), _AT_A_TIME):
        some = hits[start : start + _AT_A_TIME]
        world.budget.spend(len(some) * ENTRY)
        for _, text in view.entries(kind, some):
            world.budget.spend(len(text) * ONE_LINE)
            line = one_line(text)
            world.budget.show(len(line))
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)
