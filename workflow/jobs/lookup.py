"""Finding the finished jobs that a request builds on, with the guide's texts where there is none."""

from __future__ import annotations

from workflow.errors import BadRequest
from workflow.jobs.model import JobRecord
from workflow.jobs.store import JobStore
from workflow.neptune import Kind
from workflow.stages.base import Finished, NotCompleted, UnusableJob
from workflow.storage import S3Uri

# machine-learning-api-exceptions; the page words each kind differently
_NOT_COMPLETED: dict[Kind, str] = {
    "dataprocessing": "Provided MLDataProcessing job is not completed.",
    "modeltraining": "Provided ModelTraining job has not completed.",
    "modeltransform": "Provided ModelTransform job has not completed.",
}
_UNKNOWN: dict[Kind, str] = {
    "dataprocessing": "Invalid ID provided. Please check whether a resource with the given ID exists.",
    "modeltraining": "Provided MLModelTraining job doesn't exist.",
    "modeltransform": "Provided ModelTransformJob doesn't exist.",
}
_TRIAL_UNKNOWN = "Unable to find SageMaker AI resource. Please check your input."
_TRIAL_UNFINISHED = "Provided SageMaker AI Training job has not completed."


def finished(store: JobStore, kind: Kind, job_id: str) -> Finished:
    """A completed job by kind and id. Raises UnusableJob, NotCompleted."""
    job = store.find(kind, job_id)
    if job is None:
        raise UnusableJob(_UNKNOWN[kind], job_id, f"is no {kind} job")
    if job.state != "Completed":
        raise NotCompleted(_NOT_COMPLETED[kind], job_id, job.state, job.failure)
    if job.cleaned:
        raise UnusableJob(
            _NOT_COMPLETED[kind], job_id, "was completed, but its artefacts have been removed (clean=true)"
        )
    return as_finished(job)


def as_finished(job: JobRecord) -> Finished:
    """What a later stage may know of a job."""
    return Finished(job.id, S3Uri.parse(job.names["output"]), job.request, job.result)


def trial_archive(store: JobStore, name: str) -> tuple[Finished, S3Uri]:
    """The training job that made a trial, and the address of the trial's model. Raises BadRequest."""
    for job_id in store.newest_ids("modeltraining", limit=1_000_000):
        job = store.find("modeltraining", job_id)
        if job is None or job.cleaned:
            continue
        for trial in job.result.get("trials", ()):
            if trial["name"] == name and job.reused_from is None:
                if trial["state"] != "Completed":
                    raise BadRequest(f"{_TRIAL_UNFINISHED} {name!r} is {trial['state']}: {trial.get('reason')}")
                return as_finished(job), S3Uri.parse(job.names["trials"]) / name / "output/model.tar.gz"
    raise BadRequest(f"{_TRIAL_UNKNOWN} No training job of this service is called {name!r}.")
