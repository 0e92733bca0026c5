"""What is wrong with the targets, features and parameters of an export, each with its own place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from workflow.client.checks.problems import Place, Problem, nearest
from workflow.errors import UnsupportedOperation, WorkflowError
from workflow.export.plan import filter_file, parse_request
from workflow.export.specification import parse_jobs
from workflow.export.unread import MEMBERS, MEMBERS_OF_BODY, unread_of_jobs, unread_of_params

_SHARED = ("feature_encoding", "disableEdgeFeatures")  # what decides whether a feature has any effect


def problems_of_export(neptune_ml: Mapping[str, Any], params: Any = None) -> list[Problem]:
    """What the exporter would refuse, and what it would pass over.

    Args:
        neptune_ml: the members of ``additionalParams.neptune_ml``.
        params: those that choose what is exported.
    """
    problems = [
        Problem((name,), "is no member of the export" + nearest(str(name), (*MEMBERS, "params")))
        for name in neptune_ml
        if name not in MEMBERS
    ]
    request = {"version": "v2.0", **{name: value for name, value in neptune_ml.items() if name in MEMBERS}}
    jobs = request.get("jobs")
    if jobs is None:
        problems += _of_job(request, {})
    else:
        shared = {name: value for name, value in request.items() if name in _SHARED}
        for number, job in enumerate(jobs if isinstance(jobs, list) else [jobs]):
            if isinstance(job, Mapping):
                problems += [one.below("jobs", number) for one in _of_job(job, shared)]
    problems += _of_params(params)
    if "targets" in request and not request["targets"]:
        problems.append(Problem(("targets",), "names nothing: write targets: [{node: LABEL, property: KEY, type: …}]"))
    if not problems:  # what only shows in the whole
        problems += [Problem((), one) for one in (*_refused(request), *_unread(request))]
    return problems


def problems_of_body(body: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a whole request of the export service; its members on AWS alone are fine."""
    problems = [
        Problem((name,), "is no member of the request" + nearest(str(name), MEMBERS_OF_BODY))
        for name in body
        if name not in MEMBERS_OF_BODY
    ]
    additional = body.get("additionalParams")
    if additional is not None and not isinstance(additional, Mapping):
        problems.append(Problem(("additionalParams",), f"is {additional!r:.60}, and must be a mapping"))
        additional = None
    problems += [
        Problem(("additionalParams", name), "is no member of it" + nearest(str(name), ("neptune_ml",)))
        for name in additional or ()
        if name != "neptune_ml"
    ]
    asked, params = (additional or {}).get("neptune_ml"), body.get("params")
    if isinstance(asked, Mapping):
        problems += [one.below("additionalParams", "neptune_ml") for one in problems_of_export(asked)]
        problems += _of_params(params)
    if (
        not problems and isinstance(params, Mapping | None) and filter_file(body) is None
    ):  # such a file the service reads
        problems += [Problem((), one) for one in _whole_refused(body)]
    return problems


def _whole_refused(body: Mapping[str, Any]) -> list[str]:
    try:
        parse_request(body)
    except UnsupportedOperation:  # AWS's own may do it, and the service says that it does not
        return []
    except WorkflowError as error:
        return [error.message]
    return []


def _of_job(job: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[Problem]:
    plain = {name: value for name, value in job.items() if name not in ("targets", "features", "jobs")}
    yield from _placed((), plain, [*_refused(plain), *_unread(plain)])
    shared = {**shared, **{name: job[name] for name in _SHARED if name in job}}
    for part in ("targets", "features"):
        given = job.get(part)
        if given is not None and not isinstance(given, list | Mapping):
            yield Problem((part,), f"is {given!r:.60}, and must be a list of mappings")
            continue
        for number, entry in enumerate(given if isinstance(given, list) else [given] if given else ()):
            at: Place = (part, number) if isinstance(given, list) else (part,)
            if isinstance(entry, Mapping):
                alone = {**shared, part: [entry], **({"times": _times(job)} if part == "targets" else {})}
                yield from _placed(at, entry, [*_refused(alone), *_unread(alone)])
            else:
                yield Problem(at, f"is {entry!r:.60}, and must be a mapping such as {{node: LABEL, property: KEY}}")


def _times(job: Mapping[str, Any]) -> list[Any]:
    """The times that a job names beside its targets and at them, as members of ``times``."""
    beside, targets = (
        given if isinstance(given, list) else [given] for given in (job.get("times") or [], job.get("targets") or [])
    )
    own = [one for one in targets if isinstance(one, Mapping) and isinstance(one.get("time"), str)]
    subjects = ({name: one[name] for name in ("node", "edge") if name in one} for one in own)
    return [*beside, *({**subject, "property": one["time"]} for subject, one in zip(subjects, own, strict=True))]


def _of_params(params: Any) -> Iterator[Problem]:
    if params is None:
        return
    if not isinstance(params, Mapping):
        yield Problem(("params",), f"is {params!r:.60}, and must be a mapping")
        return
    whole = {"profile": "neptune_ml", **params}
    sentences = [one.removeprefix("params: ") for one in unread_of_params(whole, True)]
    try:
        body = {"command": "export-pg", "outputS3Path": "s3://check/x", "params": whole}
        parse_request({**body, "additionalParams": {"neptune_ml": {"version": "v2.0"}}})
    except WorkflowError as error:
        sentences.append(error.message)
    yield from _placed(("params",), params, sentences)


def _refused(neptune_ml: Mapping[str, Any]) -> list[str]:
    try:
        parse_jobs(neptune_ml)
    except WorkflowError as error:
        return [error.message]
    return []


def _unread(neptune_ml: Mapping[str, Any]) -> list[str]:
    """What would be passed over, told of what has not happened yet."""
    found: list[str] = []
    with suppress(ValueError):  # a type that no feature has, which is refused
        found.extend(unread_of_jobs(neptune_ml))
    return [one.replace(" and was ignored", "").replace("had no effect", "has no effect") for one in found]


def _placed(at: Place, entry: Mapping[str, Any], sentences: list[str]) -> Iterator[Problem]:
    """Each sentence at the member that it quotes, without saying twice where that is."""
    for sentence in sentences:
        quoted = next((str(name) for name in entry if f"'{name}'" in sentence), None)
        told = re.sub(r"^neptune_ml(?: job \d+)?: (?:target [^:]*: |\w+ feature [^:]*: )?", "", sentence)
        place = at if quoted is None else (*at, quoted)
        yield Problem(place, told.removeprefix(f"'{quoted}' ") if quoted else told)
