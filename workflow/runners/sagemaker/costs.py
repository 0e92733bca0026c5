"""What jobs have cost on SageMaker, and what goes on costing: instance seconds by a price table.

The prices are on demand in us-east-1, in US dollars an hour, without storage, transfer and taxes. AWS's own list was
not at hand. Four stand as AWS's Price List API answered other people, who published it with its day: ml.m5.large
(2026-08-11), ml.m5.xlarge (2026-06-27 and 2026-09-28), ml.m5.2xlarge (2026-09-28) and ml.g5.2xlarge (2026-08-20); the
first two are what jobs and endpoints run on by default. The others stand in tables that people have copied from AWS's
page (``JHUAPL-DTC-TA2/wiki`` and ``goerlitz/nlp-classification`` among them), of different years. Take the result for
an order of magnitude, and the bill from the account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from workflow.runners.base import Resources
from workflow.runners.sagemaker.account import Clients, call
from workflow.runners.sagemaker.jobs import PROCESSING_JOB, RUNNING, TRAINING_JOB, TRANSFORM_JOB, JobKind

CHECKED: Final = "ml.m5.large to 2xlarge as AWS's price list told others in 2026, the rest by copies of AWS's page"
PRICES_OF: Final = "2026-11-30"
PRICES: Final[Mapping[str, float]] = {
    "ml.t3.medium": 0.05,
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
    "ml.m5.2xlarge": 0.461,
    "ml.m5.4xlarge": 0.922,
    "ml.m5.12xlarge": 2.765,
    "ml.c5.xlarge": 0.204,
    "ml.c5.2xlarge": 0.408,
    "ml.r5.large": 0.151,
    "ml.r5.xlarge": 0.302,
    "ml.r5.2xlarge": 0.605,
    "ml.r5.4xlarge": 1.21,
    "ml.g4dn.xlarge": 0.7364,
    "ml.g5.xlarge": 1.408,
    "ml.g5.2xlarge": 1.515,
    "ml.p3.2xlarge": 3.825,
}
MOST = 100  # resources of a kind that are looked at, newest first; also what a page of a list holds at most
ENDPOINT = JobKind("Endpoint", "endpoint", "")
_SUMMARIES: Mapping[str, str] = {"Endpoint": "Endpoints"}  # of lists that are called otherwise than their kind


@dataclass(frozen=True)
class Cost:
    """What one job or endpoint has run for, and its estimated price.

    Attributes:
        seconds: of each instance, as far as they are paid for; up to now where it runs.
        runs: whether it goes on costing.
    """

    kind: str
    name: str
    status: str
    instance_type: str
    instances: int
    seconds: float
    runs: bool

    @property
    def hourly(self) -> float | None:
        """US dollars an hour; None where the table does not know the instance."""
        price = PRICES.get(self.instance_type)
        return None if price is None else price * self.instances

    @property
    def dollars(self) -> float | None:
        """What it has cost so far; None where the table does not know the instance."""
        return None if self.hourly is None else self.hourly * self.seconds / 3600


def hourly_of(resources: Resources, instance_type: str) -> float | None:
    """US dollars an hour of the machines of one job; None where the table does not know them.

    Args:
        resources: of the job.
        instance_type: what it runs on where it names none.
    """
    price = PRICES.get(resources.instance_type or instance_type)
    return None if price is None else price * resources.instance_count


def costs(clients: Clients, now: datetime | None = None, *, running: bool = False) -> Iterator[Cost]:
    """What carries our tags: endpoints, then training, processing and transform jobs, newest first of each.

    Args:
        running: only what goes on costing, however old it is; else of each kind the newest hundred.
    """
    moment = now or datetime.now(UTC)
    client = clients.get("sagemaker")
    for entry in _listed(client, ENDPOINT, running):
        if _is_ours(clients, entry["EndpointArn"]):
            found = _endpoint(client, entry["EndpointName"], moment)
            yield from (cost for cost in found if cost.runs or not running)
    for kind, cost_of in _JOBS.items():
        for entry in _listed(client, kind, running):
            if _is_ours(clients, entry[f"{kind.name}Arn"]):
                yield cost_of(_described(client, kind, entry[f"{kind.name}Name"]), moment)


def costs_of(clients: Clients, kind: str, name: str, now: datetime | None = None) -> list[Cost]:
    """What one stage has cost, by what SageMaker knows it by.

    Args:
        kind: ``processing``, ``training`` (``name`` is the search's; its trials bear it) or ``endpoint``.
    """
    client, moment = clients.get("sagemaker"), now or datetime.now(UTC)
    match kind:
        case "processing":
            return [_processing(_described(client, PROCESSING_JOB, name), moment)]
        case "training":
            pages = _pages(client, TRAINING_JOB, NameContains=f"{name}-")
            trials = [str(entry["TrainingJobName"]) for entry in pages]
            own = [trial for trial in sorted(trials) if trial.startswith(f"{name}-")]
            return [_training(_described(client, TRAINING_JOB, trial), moment) for trial in own]
        case _:
            return list(_endpoint(client, name, moment))


def _listed(client: Any, kind: JobKind, running: bool) -> Iterator[Mapping[str, Any]]:
    if not running:
        yield from islice(_pages(client, kind), MOST)
    elif kind is ENDPOINT:
        yield from _pages(client, kind)
    else:
        for status in RUNNING:
            yield from _pages(client, kind, StatusEquals=status)


def _pages(client: Any, kind: JobKind, **asked: Any) -> Iterator[Mapping[str, Any]]:
    """The summaries of a kind, the newest first, page by page."""
    more: dict[str, Any] = {}
    while True:
        answer = call(client, f"list_{kind.python_name}s", MaxResults=MOST, **asked, **more)
        yield from answer[_SUMMARIES.get(kind.name, f"{kind.name}Summaries")]
        if not answer.get("NextToken"):
            return
        more = {"NextToken": answer["NextToken"]}


def _described(client: Any, kind: JobKind, name: str) -> Mapping[str, Any]:
    asked: dict[str, Any] = {f"{kind.name}Name": name}
    document: Mapping[str, Any] = call(client, kind.operation("describe"), **asked)
    return document


def _is_ours(clients: Clients, arn: str) -> bool:
    tags = call(clients.get("sagemaker"), "list_tags", ResourceArn=arn)["Tags"]
    told = {tag["Key"]: tag["Value"] for tag in tags}
    return clients.account.tags.items() <= told.items()


def _endpoint(client: Any, name: str, now: datetime) -> Iterator[Cost]:
    endpoint = call(client, "describe_endpoint", EndpointName=name)
    config = call(client, "describe_endpoint_config", EndpointConfigName=endpoint["EndpointConfigName"])
    runs = endpoint["EndpointStatus"] not in ("Failed", "Deleting")
    # an autoscaler changes the number of instances, and leaves the configuration as it is
    current = {one["VariantName"]: one.get("CurrentInstanceCount") for one in endpoint.get("ProductionVariants", ())}
    for variant in config["ProductionVariants"]:
        yield Cost(
            "endpoint",
            name,
            endpoint["EndpointStatus"],
            variant["InstanceType"],
            int(current.get(variant["VariantName"]) or variant["InitialInstanceCount"]),
            (now - endpoint["CreationTime"]).total_seconds() if runs else 0.0,
            runs,
        )


def _training(job: Mapping[str, Any], now: datetime) -> Cost:
    cluster, runs = job["ResourceConfig"], job["TrainingJobStatus"] in RUNNING
    instances = int(cluster["InstanceCount"])
    if "BillableTimeInSeconds" in job:  # of all instances together, spot counted at its share
        seconds = float(job["BillableTimeInSeconds"]) / instances
    else:
        seconds = _passed(job.get("TrainingStartTime"), job.get("TrainingEndTime"), now)
    return Cost(
        "training",
        job["TrainingJobName"],
        job["TrainingJobStatus"],
        cluster["InstanceType"],
        instances,
        seconds,
        runs,
    )


def _processing(job: Mapping[str, Any], now: datetime) -> Cost:
    return _by_the_clock("processing", "Processing", job, job["ProcessingResources"]["ClusterConfig"], now)


def _transform(job: Mapping[str, Any], now: datetime) -> Cost:
    return _by_the_clock("transform", "Transform", job, job["TransformResources"], now)


def _by_the_clock(kind: str, prefix: str, job: Mapping[str, Any], cluster: Mapping[str, Any], now: datetime) -> Cost:
    """A job that costs from its start to its end; ``prefix`` begins the names of its members."""
    status = job[f"{prefix}JobStatus"]
    return Cost(
        kind,
        job[f"{prefix}JobName"],
        status,
        cluster["InstanceType"],
        int(cluster["InstanceCount"]),
        _passed(job.get(f"{prefix}StartTime"), job.get(f"{prefix}EndTime"), now),
        status in RUNNING,
    )


def _passed(start: datetime | None, end: datetime | None, now: datetime) -> float:
    return 0.0 if start is None else max(0.0, ((end or now) - start).total_seconds())


_JOBS: Mapping[JobKind, Callable[[Mapping[str, Any], datetime], Cost]] = {
    TRAINING_JOB: _training,
    PROCESSING_JOB: _processing,
    TRANSFORM_JOB: _transform,
}
