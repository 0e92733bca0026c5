"""The four functions a SageMaker endpoint calls: model_fn, input_fn, predict_fn, output_fn."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from graph_ml.container import Container
from graph_ml.predict import Incompatible, Predictor
from graph_ml.schemas import EndpointRequest, EndpointResponse
from graph_ml.training.as_of import load_with_moments

JSON = "application/json"


def model_fn(model_dir: str) -> Predictor:
    """Load the model folder and answer once, so that the first request finds everything ready."""
    predictor = load_with_moments(Path(model_dir), Container.from_environment().device)
    predictor.warm()
    return predictor


def input_fn(body: str | bytes, content_type: str = JSON) -> EndpointRequest:
    """Parse a request.

    Raises:
        Incompatible: another content type.
        pydantic.ValidationError: the body is not a request.
    """
    if content_type.split(";")[0].strip().lower() not in ("", JSON, "application/x-www-form-urlencoded"):
        raise Incompatible(f"content type {content_type!r} is not supported; send {JSON}")
    return EndpointRequest.model_validate_json(body)


def predict_fn(request: EndpointRequest, predictor: Predictor) -> EndpointResponse:
    """Answer it."""
    return predictor.answer(request)


def output_fn(answer: EndpointResponse, accept: str = JSON) -> str:
    """The body of the answer."""
    return answer.to_json()
