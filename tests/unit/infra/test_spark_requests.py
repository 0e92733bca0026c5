"""What the guide sends to AWS for Spark is what AWS's published models take, and runs what is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import validate_parameters

ROOT = Path(__file__).parents[3]
OPERATIONS = (("sagemaker", "CreateProcessingJob"), ("emr", "AddJobFlowSteps"), ("emr-serverless", "StartJobRun"))
GUIDE = (ROOT / "infra/README.md").read_text(encoding="utf-8")
REQUESTS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]


@pytest.mark.parametrize(
    ("service", "operation", "request_"), [(*o, r) for o, r in zip(OPERATIONS, REQUESTS, strict=True)]
)
def test_a_request_is_one_of_the_operation(service: str, operation: str, request_: dict[str, Any]) -> None:
    shape = ServiceModel(Loader().load_service_model(service, "service-2")).operation_model(operation).input_shape
    validate_parameters(request_, shape)


def test_every_request_gives_arguments_that_process_takes() -> None:
    usage = subprocess.run(
        [sys.executable, str(ROOT / "training_scripts/process.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    sagemaker, emr, serverless = REQUESTS
    submitted = (
        sagemaker["AppSpecification"]["ContainerEntrypoint"],
        emr["Steps"][0]["HadoopJarStep"]["Args"],
        ["process.py", *serverless["jobDriver"]["sparkSubmit"]["entryPointArguments"]],
    )
    for words in submitted:
        begin = next(place for place, word in enumerate(words) if word.endswith("process.py"))
        names = [word for word in words[begin + 1 :] if word.startswith("--")]
        assert "--engine" in names
        assert all(f"{name} " in usage for name in names)
