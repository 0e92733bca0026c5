"""botocore's service model judges names, paths, members, types and what is required."""

from __future__ import annotations

import functools
import types
from dataclasses import replace
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import botocore.session
import pytest
from botocore import xform_name
from botocore.model import ServiceModel, Shape, StructureShape
from pydantic import BaseModel

from workflow.neptune import KINDS, OPERATIONS, Kind, operation_of
from workflow.neptune.engine import Nothing, ParserConfiguration
from workflow.neptune.operations import Verb, table
from workflow.neptune.responses import MlConfig

# in the user guide, not in the model
GUIDE_ONLY = {"enableInterContainerTrafficEncryption", "modelName", "maxWaitTime"}
# ours: which graph of the service; what to compute on
OURS = {
    "StartLoaderJob": {"graph"},
    **{key: {"device"} for key in ("StartMLModelTransformJob", "CreateMLEndpoint")},
    "StartMLModelTrainingJob": {"device", "trainingInstanceCount", "maxHPOTimeInSeconds"},
}
# ours, in answers; and what the guide's sample of an answer has and the model has not
EXTRAS = {"progress", "reusedFrom", "details"}
GUIDE_ANSWERS = {"CancelGremlinQuery": {"payload"}}
# required by the model, and never asked for here, where no bucket has a region or a role
NOT_REQUIRED = {"StartLoaderJob": {"region", "iamRoleArn"}, "ManagePropertygraphStatistics": set()}


@functools.cache
def service() -> ServiceModel:
    return botocore.session.get_session().get_service_model("neptunedata")


def names() -> list[str]:
    return sorted(service().operation_names)


def test_the_table_has_every_operation_of_the_model_and_no_other() -> None:
    assert sorted(OPERATIONS) == names()


@pytest.mark.parametrize("name", names())
def test_method_and_path_are_the_models(name: str) -> None:
    http = service().operation_model(name).http
    assert (OPERATIONS[name].method, OPERATIONS[name].path) == (http["method"], http["requestUri"])


@pytest.mark.parametrize("name", names())
def test_requests_have_the_models_members_types_and_requirements(name: str) -> None:
    shape = service().operation_model(name).input_shape
    if shape is None:
        assert OPERATIONS[name].request is Nothing
        return
    allowed = (GUIDE_ONLY | OURS.get(name, set())) - set(shape.members)
    compare(OPERATIONS[name].request, shape, allowed, NOT_REQUIRED.get(name, set()))


@pytest.mark.parametrize("name", names())
def test_answers_have_the_models_members_and_types(name: str) -> None:
    allowed = EXTRAS | GUIDE_ANSWERS.get(name, set())
    compare(OPERATIONS[name].response, service().operation_model(name).output_shape, allowed, None)


@pytest.mark.parametrize("name", names())
def test_an_operation_is_called_what_boto3_calls_it(name: str) -> None:
    assert OPERATIONS[name].python_name == xform_name(name)


def test_the_kinds_of_jobs_are_those_of_the_paths() -> None:
    paths = {row.path.split("/")[2] for row in OPERATIONS.values() if row.path.startswith("/ml/")}
    assert set(KINDS) == set(get_args(Kind)) == paths
    assert len(KINDS) == len(set(KINDS))


def test_every_kind_of_job_has_its_four_operations() -> None:
    for kind in KINDS:
        for verb in get_args(Verb):
            assert (operation_of(kind, verb).kind, operation_of(kind, verb).verb) == (kind, verb)


def test_an_operation_that_stands_in_the_table_twice_is_refused() -> None:
    row = OPERATIONS["GetEngineStatus"]
    with pytest.raises(ValueError, match="GetEngineStatus stands in the table twice"):
        table([row, replace(row, path="/other")])


def compare(model: type[Any], shape: StructureShape, allowed: set[str], not_required: set[str] | None) -> None:
    """Members by their names on the wire, types, and, unless ``not_required`` is None, what is required."""
    fields = fields_of(model)
    expected = {
        member.serialization.get("name", name): member
        for name, member in shape.members.items()
        if member.serialization.get("location") not in ("header", "statusCode")
    }
    assert set(expected) <= set(fields)
    assert set(fields) - set(expected) <= allowed
    for name, member in expected.items():
        check_type(fields[name][0], member, f"{shape.name}.{name}")
    if not_required is not None or not issubclass(model, BaseModel):
        required = {name for name, (_, needed) in fields.items() if needed}
        listed = {shape.members[name].serialization.get("name", name) for name in shape.required_members}
        assert required == listed - (not_required or set())


def fields_of(model: type[Any]) -> dict[str, tuple[Any, bool]]:
    """Name on the wire to annotation and whether it is required, of a model or a typed dictionary."""
    if issubclass(model, BaseModel):
        return {
            field.serialization_alias or field.alias or name: (field.annotation, field.is_required())
            for name, field in model.model_fields.items()
        }
    hints = get_type_hints(model, include_extras=True)
    return {
        name: (get_args(hint)[0], False) if get_origin(hint) is NotRequired else (hint, model.__total__)
        for name, hint in hints.items()
    }


def check_type(annotation: Any, shape: Shape, where: str) -> None:
    while get_origin(annotation) in (Union, types.UnionType, Annotated):
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        else:
            annotation = next(part for part in get_args(annotation) if part is not type(None))
    if getattr(shape, "is_document_type", False):
        assert get_origin(annotation) is dict or is_typeddict(annotation), where
        return
    match shape.type_name:
        case "structure":
            compare(annotation, shape, set(), None if annotation is MlConfig else set())
        case "list":
            assert get_origin(annotation) is list, where
            check_type(get_args(annotation)[0], shape.member, where)
        case "map" if annotation is ParserConfiguration:
            pass  # its keys are the guide's
        case "map":
            assert get_origin(annotation) is dict, where
            if get_args(annotation)[1] is not Any:
                check_type(get_args(annotation)[1], shape.value, where)
        case "string":
            assert annotation is str or isinstance(get_args(annotation)[0], str), where
        case kind:
            known = {"integer": int, "long": int, "boolean": bool, "blob": bytes, "timestamp": str}
            assert annotation is known[kind], where
