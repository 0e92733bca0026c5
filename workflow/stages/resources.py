"""The machines, network and keys that a request of Neptune's names, as the runners and hosts take them."""

from __future__ import annotations

from collections.abc import Iterator

from workflow.neptune.requests import CreateEndpoint, StartDataProcessing, StartModelTraining, StartModelTransform
from workflow.runners.base import Resources

Request = StartDataProcessing | StartModelTraining | StartModelTransform | CreateEndpoint


def resources_of(request: Request) -> Resources:
    """The resources of a request.

    Of a training request they are those of its trials.
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


# of a job's machine, network and keys; all without effect where every job runs on one machine
_CHOICES = (
    *("instance_type", "volume_gb", "sagemaker_role", "subnets", "security_groups", "volume_key", "output_key"),
    *("encrypt_traffic", "spot", "max_wait_s"),
)
#: unknown members that are named
MOST_NAMED = 10
_CHOICES_OF_ENDPOINTS = ("instance_type", "instance_count", "volume_key", "neptune_role")


def without_effect(request: Request, *, chosen: bool) -> list[str]:
    """A sentence about each sort of resource, and about members that nobody knows, of which nothing comes.

    Args:
        chosen: whether jobs get the machines that requests name, and endpoints too; see ``Capacity`` and
            ``EndpointHost``.
    """
    unknown = request.unknown()
    sentences = [f"{', '.join(unknown[:MOST_NAMED])} had no effect: no such member is known"] if unknown else []
    if isinstance(request, CreateEndpoint):
        named = [] if chosen else _named(request, _CHOICES_OF_ENDPOINTS)
        if named:
            sentences.append(f"{', '.join(named)} had no effect: the endpoint is one process beside the service")
        if request.model_name is not None:
            sentences.append("modelName had no effect: an endpoint serves what was trained")
        return sentences
    named = [] if chosen else _named(request, _CHOICES)
    if named:
        sentences.append(f"{', '.join(named)} had no effect: jobs run on the machine of the service")
    if _named(request, ("base_instance_type",)):
        sentences.append(
            "baseProcessingInstanceType had no effect: what training prepares is prepared by the service itself"
        )
    if _named(request, ("neptune_role",)):
        sentences.append("neptuneIamRoleArn had no effect: the service reads and writes S3 as itself")
    if isinstance(request, StartModelTraining):
        sentences.extend(_contradicting(request))
    scripted = not isinstance(request, StartDataProcessing) and request.custom is not None
    if scripted and _named(request, ("device",)):
        sentences.append("device had no effect: the scripts of a custom model decide what they compute on")
    return sentences


def _contradicting(request: StartModelTraining) -> Iterator[str]:
    """A sentence about each member of a training request that another one leaves without effect."""
    if request.max_wait_s is not None and not request.spot:
        yield "maxWaitTime had no effect without enableManagedSpotTraining"
    if request.custom is not None and request.model_name not in (None, "custom"):
        yield f"modelName {request.model_name!r} had no effect: customModelTrainingParameters name the model"
    asked = request.max_parallel
    if asked > request.max_trials and asked != type(request).model_fields["max_parallel"].default:
        yield f"maxHPOParallelTrainingJobs {asked} counts as {request.max_trials}, as many as there are trials"


def _named(request: Request, names: tuple[str, ...]) -> list[str]:
    """Of some members those that a request gives a value of its own, as Neptune calls them."""
    fields = type(request).model_fields
    given = [name for name in names if name in fields and getattr(request, name) not in (fields[name].default, [])]
    return [str(fields[name].alias or name) for name in given]


def device_argument(resources: Resources) -> dict[str, str]:
    """The argument that names the device to a job; nothing where the request names none."""
    return {} if resources.device is None else {"device": resources.device}
