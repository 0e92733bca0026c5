"""What a request says and nobody reads, each in a sentence: a misspelt word must not pass for a wish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from training_scripts.graph_ml.schemas import FEATURE_TYPES, OPTION_ALIASES, feature_type
from workflow.export.parameters import WITHOUT_EFFECT, flag_of

_JOB = ("targets", "features", "times", "split_rate", "name", "feature_encoding")
#: members of ``additionalParams.neptune_ml``
MEMBERS = ("version", "jobs", "disableEdgeFeatures", *_JOB)
_TARGET = ("node", "edge", "property", "type", "split_rate", "separator", "time", "split_dates", "horizon", "history")
_FEATURE = ("node", "edge", "property", "properties", "type")
_BODY = (
    "command", "params", "outputS3Path", "jobSize", "jobsize", "createExportSubdirectory", "overwriteExisting",
    "configFileS3Path", "queriesFileS3Path", "completionFileS3Path", "completionFilePayload", "additionalParams",
)  # fmt: skip
# how Neptune's exporter reaches storage, and what it uploads after an error: there is nothing of the kind here
_BODY_ELSEWHERE = (
    "uploadToS3OnError", "s3Region", "sseKmsKeyId", "s3RoleArn", "s3RoleSessionName", "s3RoleExternalId",
)  # fmt: skip
#: members of a whole request
MEMBERS_OF_BODY = (*_BODY, *_BODY_ELSEWHERE)
# what the profile makes of parameters that shape the files; it names the folder by the time
_PROFILE = {
    "exportId": "", "excludeTypeDefinitions": True, "edgeLabelStrategy": "edgeAndVertexLabels", "mergeFiles": True,
    "multiValueSeparator": ";",
}  # fmt: skip


def unread_of_body(body: Mapping[str, Any]) -> Iterator[str]:
    """Members of a request beside ``params`` and ``neptune_ml``."""
    given = {name: value for name, value in body.items() if value not in (None, "", {}, [])}
    yield from _unknown(given, MEMBERS_OF_BODY, "the request")
    if elsewhere := [name for name in _BODY_ELSEWHERE if name in given]:
        yield f"{_listed(elsewhere)} had no effect: that is for Neptune's exporter on AWS alone"
    additional = given.get("additionalParams")
    if isinstance(additional, Mapping):
        yield from _unknown(additional, ("neptune_ml",), "additionalParams")


def unread_of_params(params: Mapping[str, Any], for_training: bool) -> Iterator[str]:
    """Members of ``params`` that only matter on a cluster, or that the profile decides itself."""
    if cluster := sorted(name for name in WITHOUT_EFFECT if params.get(name) not in (None, "", False, [])):
        yield f"params: {_listed(cluster)} had no effect: that only says how a cluster is reached and paged"
    if for_training:
        decided = [name for name, value in _PROFILE.items() if params.get(name) not in (None, "", value, str(value))]
        if decided:
            yield f"params: {_listed(decided)} had no effect: the profile neptune_ml decides that itself"


def unread_of_jobs(neptune_ml: object) -> Iterator[str]:
    """What ``additionalParams.neptune_ml`` says without effect, in the request, its jobs, targets and features."""
    for request in neptune_ml if isinstance(neptune_ml, list) else [neptune_ml]:
        if not isinstance(request, Mapping):
            continue
        yield from _unknown(request, MEMBERS, "neptune_ml")
        jobs = request.get("jobs")
        if jobs is None:
            yield from _of_job(request, "neptune_ml", flag_of(request, "disableEdgeFeatures"))
            continue
        if beside := [name for name in _JOB if request.get(name) is not None]:
            yield f"neptune_ml: {_listed(beside)} beside 'jobs' had no effect; each job has its own"
        for number, job in enumerate(jobs if isinstance(jobs, list) else [jobs], 1):
            if isinstance(job, Mapping):
                yield from _unknown(job, _JOB, f"neptune_ml job {number}")
                bare = flag_of(request, "disableEdgeFeatures")
                yield from _of_job(job, f"neptune_ml job {number}", bare)


def _of_job(job: Mapping[str, Any], where: str, edges_are_bare: bool) -> Iterator[str]:
    encoding = job.get("feature_encoding")
    encoding = "auto" if encoding is None else encoding
    if str(encoding).lower() not in ("auto", "none"):
        yield f"{where}: feature_encoding {encoding!r} is not known and was ignored; 'auto' and 'none' are"
    for target in _several(job.get("targets")):
        named = f"{where}: target {_subject(target)}"
        yield from _unknown(target, _TARGET, named)
        task = target.get("type")
        if task == "link_prediction" and target.get("property"):
            yield f"{named}: 'property' had no effect; links are predicted, whatever properties they have"
        if task in ("link_prediction", "regression") and target.get("separator"):
            yield f"{named}: 'separator' had no effect; only a classification has several values a cell"
    targets = Counter((_subject(one), str(one.get("property") or "")) for one in _several(job.get("targets")))
    for (subject, name), count in targets.items():
        if count > 1:
            of = f"{subject}.{name}" if name else subject
            yield f"{where}: target {of} is named {count} times; the first counts"
    for time in _several(job.get("times")):
        yield from _unknown(time, ("node", "edge", "property"), f"{where}: time of {_subject(time)}")
    seen: dict[tuple[str, str], str] = {}
    for feature in _several(job.get("features")):
        yield from _of_feature(feature, where, str(encoding).lower() == "none", edges_are_bare)
        for name in feature.get("properties") or [feature.get("property")]:
            key = _subject(feature), str(name)
            if key in seen and seen[key] != str(feature):
                yield f"{where}: feature {key[0]}.{key[1]} is described twice; name each property once"
            seen[key] = str(feature)


def _of_feature(feature: Mapping[str, Any], where: str, raw: bool, edges_are_bare: bool) -> Iterator[str]:
    kind = feature_type(feature.get("type"))
    facts = FEATURE_TYPES[kind]
    named = f"{where}: {kind} feature {_subject(feature)}.{feature.get('property') or feature.get('properties')}"
    on_edge = feature.get("edge") is not None and feature.get("node") is None
    if on_edge and edges_are_bare:
        yield f"{named} had no effect, for 'disableEdgeFeatures' leaves out the features of all edges"
    elif raw and not facts.listed_last and kind != "none":
        yield f"{named} had no effect, for feature_encoding 'none' keeps every property as it is"
    elif on_edge and kind == "auto" and feature.keys() & {*facts.options}:
        yield f"{named}: its options had no effect; on edges 'auto' is what properties are without being named"
    else:
        own = [name for name in facts.options if (kind, name) != ("auto", "norm")]  # as Neptune's exporter has it
        options = {*own, *(OPTION_ALIASES[name] for name in own if name in OPTION_ALIASES)}
        every = {name for other in FEATURE_TYPES.values() for name in other.options} | {*OPTION_ALIASES.values()}
        if without := [name for name in feature if name in every - options]:
            can = f"it has {_listed(own)}" if own else "it has no options"
            yield f"{named}: {_listed(without)} had no effect on this type; {can}"
        yield from _unknown(feature, (*_FEATURE, *every), named)
    if feature.get("property") and feature.get("properties"):
        yield f"{named}: 'properties' beside 'property' had no effect"


def _unknown(entry: Mapping[str, Any], known: Collection[str], where: str) -> Iterator[str]:
    for name in entry:
        if name not in known:
            close = get_close_matches(str(name), known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            yield f"{where}: {str(name)!r} is not known and was ignored{hint}"


def _several(value: object) -> list[Mapping[str, Any]]:
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _subject(entry: Mapping[str, Any]) -> str:
    return str(entry.get("node") or entry.get("edge")).replace("'", "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
