"""botocore's service model judges names, paths, members, types and what is required."""

from __future__ import annotations

import functools
import types
from typing import Annotated, Any, Union, get_args, get_origin

import botocore.session
import pytest
from botocore.model import ServiceModel, Shape, StructureShape
from pydantic import BaseModel

from workflow.neptune import OPERATIONS
from workflow.neptune.responses import MlConfig

# in the user guide, not in the model
GUIDE_ONLY = {"enableInterContainerTrafficEncryption", "modelName", "maxWaitTime"}
# ours, in answers
EXTRAS = {"progress", "reusedFrom", "details"}


@functools.cache
def service() -> ServiceModel:
    return botocore.session.get_session().get_service_model("neptunedata")


def ml_operations() -> list[str]:
    return [name for name in service().operation_names if "ML" in name]


def test_all_sixteen_operations_and_no_others_are_there() -> None:
    assert sorted(OPERATIONS) == sorted(ml_operations())
    assert len(OPERATIONS) == 16


@pytest.mark.parametrize("name", ml_operations())
def test_method_and_path_are_the_models(name: str) -> None:
    http = service().operation_model(name).http
    assert (OPERATIONS[name].method, OPERATIONS[name].path) == (http["method"], http["requestUri"])


@pytest.mark.parametrize("name", ml_operations())
def test_requests_have_the_models_members_types_and_requirements(name: str) -> None:
    shape = service().operation_model(name).input_shape
    allowed = GUIDE_ONLY - set(shape.members)
    compare(OPERATIONS[name].request, shape, allowed_extras=allowed)


@pytest.mark.parametrize("name", ml_operations())
def test_answers_have_the_models_members_and_types(name: str) -> None:
    compare(OPERATIONS[name].response, service().operation_model(name).output_shape, EXTRAS, requirements=False)


def compare(model: type[BaseModel], shape: StructureShape, allowed_extras: set[str], requirements: bool = True) -> None:
    fields = {wire_name(name, field): field for name, field in model.model_fields.items()}
    expected = {
        (member.serialization.get("name", name) if member.serialization.get("location") else name): member
        for name, member in shape.members.items()
    }
    assert set(expected) <= set(fields)
    assert set(fields) - set(expected) <= allowed_extras
    for name, member in expected.items():
        check_type(fields[name].annotation, member, f"{shape.name}.{name}")
    if requirements:
        required = {name for name, field in fields.items() if field.is_required()}
        assert required == {shape.members[name].serialization.get("name", name) for name in shape.required_members}


def wire_name(name: str, field: Any) -> str:
    return field.serialization_alias or field.alias or name


def check_type(annotation: Any, shape: Shape, where: str) -> None:
    while get_origin(annotation) in (Union, types.UnionType, Annotated):
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        else:
            annotation = next(part for part in get_args(annotation) if part is not type(None))
    match shape.type_name:
        case "structure":
            assert issubclass(annotation, BaseModel), where
            compare(annotation, shape, set(), requirements=annotation is not MlConfig)
        case "list":
            assert get_origin(annotation) is list, where
            check_type(get_args(annotation)[0], shape.member, where)
        case "string":
            assert annotation is str or isinstance(get_args(annotation)[0], str), where
        case kind:
            assert annotation is {"integer": int, "long": int, "boolean": bool}[kind], where
