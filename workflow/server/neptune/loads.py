"""The loader's four operations; the id of a load comes in the path, as boto3 sends it, or in the query."""

from __future__ import annotations

from typing import Any

from workflow.errors import UnsupportedOperation
from workflow.jobs.loads import LoadService
from workflow.neptune.engine import CancelLoad, GetLoad, ListLoads, LoadAnswer, LoadList, LoadStarted, StartLoad
from workflow.server.neptune.routes import ApiCall
from workflow.server.services import Services


class LoaderOperations:
    """Handlers over a load service, which a service without a graph of its own has not."""

    def __init__(self, loads: LoadService | None) -> None:
        self._loads = loads

    @property
    def _service(self) -> LoadService:
        if self._loads is None:
            raise UnsupportedOperation("this service keeps no graph of its own, so there is nothing to load into")
        return self._loads

    def start(self, request: StartLoad, call: ApiCall) -> LoadStarted:
        return self._service.start(request)

    def status(self, request: GetLoad, call: ApiCall) -> LoadAnswer:
        asked = (request.load_id, request.details, request.errors, request.page, request.errors_per_page)
        return self._service.status(*asked)

    def list(self, request: ListLoads, call: ApiCall) -> LoadList:
        return self._service.list(request.limit, request.include_queued)

    def cancel(self, request: CancelLoad, call: ApiCall) -> dict[str, Any]:
        return self._service.cancel(request.load_id)


def handlers(services: Services) -> LoaderOperations:
    """Those of a service."""
    return LoaderOperations(services.loads)
