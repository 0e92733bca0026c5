"""The file that ``despina run`` reads: every word is looked at before any work, and all that is wrong told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from workflow.errors import InvalidParameter, WorkflowError
from workflow.export import parse_request
from workflow.export.unread import unread_of_jobs, unread_of_params
from workflow.neptune import OPERATIONS

Place = tuple[str | int, ...]
Places = dict[Place, tuple[int, int]]

# members of the file's sections beside those of Neptune's request, and those that a run chooses itself
_OWN = {"dataprocessing": set[str](), "training": {"trials", "parallel", "hyperparameters"}, "endpoint": {"id"}}
_REQUESTS = {
    "dataprocessing": "StartMLDataProcessingJob",
    "training": "StartMLModelTrainingJob",
    "endpoint": "CreateMLEndpoint",
}
_CHOSEN = {
    *("id", "inputDataS3Location", "dataProcessingJobId", "mlModelTrainingJobId", "mlModelTransformJobId", "update"),
    *("maxHPONumberOfTrainingJobs", "maxHPOParallelTrainingJobs"),
}


class TrainingSection(BaseModel):
    """How much to try; further members go into Neptune's request as they are."""

    model_config = ConfigDict(extra="allow")
    trials: int = Field(4, ge=1)
    parallel: int = Field(2, ge=1)


class EndpointSection(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: str | None = None


class WorkflowFile(BaseModel):
    """What ``despina run`` reads.

    ``load`` is a bundled graph, a local folder, an s3:// prefix or a bolt:// address, which ``source`` is another word
    for; left out, the graph is taken as it stands.
    ``export`` is what Neptune calls ``additionalParams.neptune_ml``; its ``params`` choose what is exported.
    ``queries`` are Gremlin text in which ``{endpoint}`` stands for the endpoint's id.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-zA-Z0-9](-?[a-zA-Z0-9])*$", max_length=24)
    bucket: str = "s3://despina"
    load: str | None = Field(None, validation_alias=AliasChoices("load", "source"))
    export: dict[str, Any]
    dataprocessing: dict[str, Any] = {}
    training: TrainingSection = TrainingSection(trials=4, parallel=2)
    endpoint: EndpointSection = EndpointSection()
    queries: dict[str, str] = {}

    @classmethod
    def read(cls, path: Path) -> WorkflowFile:
        """Read and check a file. Raises InvalidParameter with a line for each thing that is wrong, and where."""
        try:
            text = path.read_text()
        except FileNotFoundError as error:
            raise InvalidParameter(f"There is no file {path}.") from error
        try:
            tree = yaml.compose(text, yaml.SafeLoader)
            described = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
            raise InvalidParameter(f"{path}{where} is not YAML: {getattr(error, 'problem', error)}") from error
        places: Places = {}
        problems = list(_walk(tree, (), places))
        found: WorkflowFile | None = None
        try:
            found = cls.model_validate(described)
        except ValidationError as error:
            problems += [
                (tuple(one["loc"]), _in_words(one, cls))
                for one in error.errors(include_url=False, include_context=False)
            ]
        if isinstance(described, dict):
            problems += _unknown_members(described)
            problems += _of_export(described)
        if problems or found is None:
            raise InvalidParameter("\n".join(_lines(path, problems, places)))
        return found


def _walk(node: Any, at: Place, places: Places) -> Iterator[tuple[Place, str]]:
    """Note where every member stands; gives those that a mapping names twice."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield (*at, name), "is named a second time; only one of them could count"
                places[*at, name] = key.start_mark.line + 1, key.start_mark.column + 1
            seen.add(name)
            places.setdefault((*at, name), (key.start_mark.line + 1, key.start_mark.column + 1))
            yield from _walk(value, (*at, name), places)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            places[*at, number] = value.start_mark.line + 1, value.start_mark.column + 1
            yield from _walk(value, (*at, number), places)


def _in_words(problem: Any, model: type[BaseModel]) -> str:
    """What pydantic complains of, as people say it."""
    kind, given = problem["type"], repr(problem["input"])[:60]
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is no member of the file" + nearest(str(problem["loc"][-1]), model.model_fields)
        case "string_pattern_mismatch" | "string_too_long":
            return f"is {given}; write at most 24 letters, digits and single hyphens"
        case "model_type" | "dict_type":
            return f"is {given}, and must be a mapping of names to values"
    wanted = {"int_type": "a whole number", "int_parsing": "a whole number", "string_type": "a text"}
    wanted |= {"int_from_float": "a whole number", "greater_than_equal": "1 or more"}
    return f"is {given}, and must be {wanted[kind]}" if kind in wanted else str(problem["msg"])


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'targets'?``, or what there is."""
    names = list(known)
    close = get_close_matches(word, names, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(sorted(names))}"


def _unknown_members(described: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    for section, operation in _REQUESTS.items():
        given = described.get(section)
        fields = OPERATIONS[operation].request.model_fields
        known = {field.serialization_alias or field.alias or name for name, field in fields.items()}
        for name in given if isinstance(given, dict) else ():
            if name in _CHOSEN - _OWN[section]:
                yield (section, name), "is chosen by the run; leave it out"
            elif name not in known | _OWN[section]:
                yield (
                    (section, name),
                    f"is no member of {section}" + nearest(str(name), (known - _CHOSEN) | _OWN[section]),
                )


def _of_export(described: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    export = described.get("export")
    if not isinstance(export, dict):
        return
    request = {name: value for name, value in export.items() if name != "params"}
    ml = {"version": "v2.0", **request}
    params = {"profile": "neptune_ml", **(export.get("params") or {})}
    body = {"command": "export-pg", "outputS3Path": "s3://check/x", "params": params}
    try:
        parse_request({**body, "additionalParams": {"neptune_ml": ml}})
    except WorkflowError as error:
        yield ("export",), error.message
        return
    for sentence in (*unread_of_jobs(ml), *unread_of_params(params, True)):
        yield ("export",), sentence.removeprefix("neptune_ml: ")


def _lines(path: Path, problems: Iterable[tuple[Place, str]], places: Places) -> Iterator[str]:
    for place, sentence in dict.fromkeys(problems):
        at = place
        while at and at not in places:
            at = at[:-1]
        where = f", line {places[at][0]}, column {places[at][1]}" if at else ""
        yield f"{path}{where}: {'.'.join(map(str, place)) or 'the file'} {sentence}"


def check_graph(described: WorkflowFile, summary: Mapping[str, Any]) -> None:
    """Compare labels and properties of the export's targets and features with what is in the graph.

    Raises InvalidParameter naming every one that is not there, with the nearest that is.
    """
    problems: list[str] = []
    labels = {"node": set(summary.get("nodeLabels") or ()), "edge": set(summary.get("edgeLabels") or ())}
    names = {
        kind: {name for entry in summary.get(f"{kind}Properties") or () for name in entry} for kind in ("node", "edge")
    }
    jobs = described.export.get("jobs") or [described.export]
    for job in jobs if isinstance(jobs, list) and summary else ():
        for part in ("targets", "features"):
            entries = job.get(part) or () if isinstance(job, dict) else ()
            for entry in entries if isinstance(entries, list) else [entries]:
                if isinstance(entry, dict):
                    problems += _not_there(part[:-1], entry, labels, names)
    if problems:
        raise InvalidParameter("\n".join(dict.fromkeys(problems)))


def _not_there(
    what: str, entry: Mapping[str, Any], labels: Mapping[str, set[str]], names: Mapping[str, set[str]]
) -> Iterator[str]:
    ends = entry.get("edge") if isinstance(entry.get("edge"), list) else []
    asked = [("node", entry.get("node"))]
    if len(ends or ()) == 3:
        asked += [("node", ends[0]), ("edge", ends[1]), ("node", ends[2])]  # type: ignore[index]
    for kind, label in asked:
        for one in str(label).split(";") if isinstance(label, str) else ():
            if labels[kind] and one not in labels[kind]:
                yield f"export: a {what} names the {kind} label {one!r}, which the graph has not" + nearest(
                    one, labels[kind]
                )
    kind = "edge" if ends else "node"
    properties = [entry.get("property"), *(entry.get("properties") or ())]
    for name in filter(None, properties):
        if isinstance(name, str) and names[kind] and name not in names[kind]:
            yield f"export: a {what} names the {kind} property {name!r}, which no {kind} has" + nearest(
                name, names[kind]
            )
