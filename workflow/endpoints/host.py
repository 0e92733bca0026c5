"""The seam between the service of endpoints and whatever runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from workflow.predictions.endpoint import Signer
from workflow.runners.base import Resources
from workflow.storage import S3Uri


@dataclass(frozen=True)
class Deployment:
    """A model that serves under a name.

    Attributes:
        url: the base address below which ``/ping`` and ``/invocations`` answer.
        archive: the ``model.tar.gz`` that it serves.
        handle: what its host knows it by; no two deployments of a host share one.
        log: where its log can be read.
        description: the model's ``model.json``, ``{}`` where it has none.
        sign: gives the headers of a request, where only signed ones are answered.
    """

    name: str
    url: str
    archive: S3Uri
    handle: str
    log: str
    description: Mapping[str, Any] = field(default_factory=dict)
    sign: Signer | None = field(default=None, compare=False)


class EndpointHost(Protocol):
    """What runs endpoints. Safe to share between threads; calls for one name come one at a time.

    ``chosen`` says that each endpoint gets the machines, the keys and the role that its request names.
    """

    chosen: bool

    def deploy(self, name: str, archive: S3Uri, resources: Resources) -> Deployment:
        """Serve a model under a name; returns once it answers.

        What serves under the name meanwhile goes on until it is withdrawn. Where endpoints outlive the service, one
        that serves this archive under this name already is taken over as it is.

        Raises EndpointStartFailed with the reason and the last log lines, ObjectNotFound, BadArchive. What served
        before then serves on.
        """

    def withdraw(self, deployment: Deployment) -> None:
        """End one deployment, not a later one of the same name. Withdrawing twice is fine."""

    def remove(self, name: str) -> None:
        """End whatever serves under a name and forget what was kept for it. Removing what is not there is fine."""

    def look_up(self, name: str) -> Deployment | None:
        """What serves under a name though this service has not deployed it; None where nothing does.

        A model that somebody else has put behind an endpoint of the same account is asked like one's own.
        """

    def is_healthy(self, deployment: Deployment) -> bool:
        """Whether the deployment answers; an address that cannot be asked just now is no reason to say no."""

    def close(self) -> None:
        """Let go of everything: endpoints that cannot live without the service end, others go on."""
