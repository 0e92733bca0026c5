"""The machines, network and keys that a request of Neptune's names, as the runners and hosts take them."""

from __future__ import annotations

from workflow.neptune.requests import CreateEndpoint, StartDataProcessing, StartModelTraining, StartModelTransform
from workflow.runners.base import Resources


def resources_of(
    request: StartDataProcessing | StartModelTraining | StartModelTransform | CreateEndpoint,
) -> Resources:
    """The resources of a request.

    Of a training request they are those of its trials; ``baseProcessingInstanceType`` there has no effect, for what it
    prepares is prepared by the service itself.
    """
    if isinstance(request, CreateEndpoint):
        return Resources(
            request.instance_type,
            request.instance_count,
            role=request.neptune_role,
            volume_key=request.volume_key,
            device=request.device,
        )
    training = request if isinstance(request, StartModelTraining) else None
    return Resources(
        request.instance_type,
        training.instance_count if training else 1,
        volume_gb=request.volume_gb,
        role=request.sagemaker_role,
        subnets=tuple(request.subnets or ()),
        security_groups=tuple(request.security_groups or ()),
        volume_key=request.volume_key,
        output_key=request.output_key,
        encrypt_traffic=bool(request.encrypt_traffic),
        spot=bool(training and training.spot),
        max_wait_s=training.max_wait_s if training else None,
        device=None if isinstance(request, StartDataProcessing) else request.device,
    )


def device_argument(resources: Resources) -> dict[str, str]:
    """The argument that names the device to a job; nothing where the request names none."""
    return {} if resources.device is None else {"device": resources.device}
