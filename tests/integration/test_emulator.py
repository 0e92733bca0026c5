"""The emulator answers boto3 as SageMaker does, and the code of jobs and endpoints really runs."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import emulated
from tests.waiting import until
from workflow.emulator.app import Emulator
from workflow.emulator.cloud import Pace
from workflow.emulator.containers.isolation import best_isolation

BUCKET = "emulated-lab"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="module")
def emulator(home: Path) -> Iterator[Emulator]:
    with emulated.emulator(home, pace=Pace(grace_s=5.0, health_s=20.0)) as emulator:
        yield emulator


class Lab:
    """boto3's clients of an emulator, and the requests of small jobs."""

    def __init__(self, url: str) -> None:
        clients = emulated.clients(url)
        self.url = url
        self.sagemaker, self.s3 = clients.get("sagemaker"), clients.get("s3")
        self.runtime, self.logs = clients.get("sagemaker-runtime"), clients.get("logs")
        self.close = clients.close
        self.s3.create_bucket(Bucket=BUCKET)
        for number in range(4):
            self.s3.put_object(Bucket=BUCKET, Key=f"in/part-{number}.txt", Body=str(number).encode())

    def train(self, name: str, program: str, **changes: Any) -> None:
        self.sagemaker.create_training_job(
            **{
                "TrainingJobName": name,
                "AlgorithmSpecification": {
                    "TrainingImage": "any",
                    "TrainingInputMode": "File",
                    "ContainerEntrypoint": ["python3", "-c", self.script(name, program), "begin"],
                    "MetricDefinitions": [{"Name": "score", "Regex": r"score=([0-9.]+)"}],
                },
                "RoleArn": emulated.ROLE,
                "InputDataConfig": [channel()],
                "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                **changes,
            }
        )

    def script(self, name: str, program: str) -> str:
        """A program may be longer than an argument of a request may be: it is run from the job's input."""
        self.s3.put_object(Bucket=BUCKET, Key=f"programs/{name}/program.py", Body=program.encode())
        return "exec(open('/opt/ml/input/data/program/program.py').read())"

    def trained(self, name: str) -> dict[str, Any]:
        return waited(lambda: self.sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def fault(self, **document: Any) -> None:
        emulated.request(self.url, "PUT", "/_emulator/faults", json.dumps(document).encode())


def channel(name: str = "train", prefix: str = "in", how: str = "FullyReplicated") -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}", "S3DataDistributionType": how}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def programmed(name: str, *more: dict[str, Any]) -> list[dict[str, Any]]:
    return [channel("program", f"programs/{name}"), *(more or [channel()])]


def waited(describe: Callable[[], dict[str, Any]], member: str, *unlike: str) -> dict[str, Any]:
    def has_come() -> dict[str, Any] | None:
        document = describe()
        return None if document[member] in (unlike or ("InProgress", "Stopping")) else document

    return until(has_come, member) or {}


@pytest.fixture(scope="module")
def lab(emulator: Emulator) -> Iterator[Lab]:
    lab = Lab(emulator.url)
    yield lab
    lab.close()


def archived(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


MODEL = "open('/opt/ml/model/weights', 'w').write('w')\n"


def test_a_training_job_passes_its_states_and_leaves_model_output_metrics_and_log(lab: Lab) -> None:
    program = (
        "import os\nprint('score=0.25 score=0.5')\nprint('score=0.75')\n"
        "print(sorted(os.listdir('/opt/ml/input/data/train')))\n"
        "open('/opt/ml/output/data/extra', 'w').write('e')\n"
        "os.makedirs('/opt/ml/output/tensorboard')\nopen('/opt/ml/output/tensorboard/events', 'w').write('t')\n"
    )
    curves = {"S3OutputPath": f"s3://{BUCKET}/curves"}
    lab.train("t-good", program + MODEL, InputDataConfig=programmed("t-good"), TensorBoardOutputConfig=curves)
    job = lab.trained("t-good")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    passed = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert passed == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all("EndTime" in step for step in job["SecondaryStatusTransitions"][:-1])
    # the last of three matches counts
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("score", 0.75)]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/t-good/output/model.tar.gz"
    assert archived(lab.read("out/t-good/output/model.tar.gz")) == {"weights": b"w"}
    assert archived(lab.read("out/t-good/output/output.tar.gz")) == {"extra": b"e"}
    assert lab.read("curves/t-good/tensorboard-output/events") == b"t"
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = lab.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="t-good/")["logStreams"]
    assert stream["logStreamName"].startswith("t-good/algo-1-")
    events = lab.logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    assert events[-1]["message"] == "['part-0.txt', 'part-1.txt', 'part-2.txt', 'part-3.txt']"


def test_a_failed_job_tells_what_its_failure_file_says(lab: Lab) -> None:
    program = "import sys\nopen('/opt/ml/output/failure', 'w').write('no edges')\nsys.exit(3)\n"
    lab.train("t-bad", program, InputDataConfig=programmed("t-bad"))
    job = lab.trained("t-bad")
    assert job["TrainingJobStatus"] == "Failed"
    assert "AlgorithmError: no edges" in job["FailureReason"]
    assert "exit code: 3" in job["FailureReason"]


def test_an_input_that_is_not_there_fails_the_job(lab: Lab) -> None:
    lab.train("t-empty", "", InputDataConfig=programmed("t-empty", channel(prefix="nothing")))
    job = lab.trained("t-empty")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError")
    assert f"s3://{BUCKET}/nothing" in job["FailureReason"]


def test_a_stopped_job_has_its_model_uploaded(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "begun"
    program = f"{MODEL}open({str(mark)!r}, 'w')\nimport time\ntime.sleep(600)\n"
    lab.train("t-stop", program, InputDataConfig=programmed("t-stop"))
    until(mark.exists, "the program to begin")
    lab.sagemaker.stop_training_job(TrainingJobName="t-stop")
    job = lab.trained("t-stop")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert archived(lab.read("out/t-stop/output/model.tar.gz")) == {"weights": b"w"}
    with pytest.raises(ClientError, match="ValidationException"):
        lab.sagemaker.stop_training_job(TrainingJobName="t-stop")


def test_a_job_past_its_limit_is_stopped_and_says_so(lab: Lab) -> None:
    lab.train(
        "t-long",
        MODEL + "import time\ntime.sleep(600)\n",
        InputDataConfig=programmed("t-long"),
        StoppingCondition={"MaxRuntimeInSeconds": 2},
    )
    job = lab.trained("t-long")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_several_hosts_share_out_their_input_and_merge_their_output(lab: Lab) -> None:
    program = (
        "import json, os\n"
        "here = json.load(open('/opt/ml/input/config/resourceconfig.json'))\n"
        "assert here['hosts'] == ['algo-1', 'algo-2']\n"
        "found = sorted(os.listdir('/opt/ml/input/data/train'))\n"
        "open('/opt/ml/model/' + here['current_host'], 'w').write(json.dumps(found))\n"
    )
    lab.train(
        "t-hosts",
        program,
        InputDataConfig=programmed("t-hosts", channel(how="ShardedByS3Key")),
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    assert lab.trained("t-hosts")["TrainingJobStatus"] == "Completed"
    shares = {name: json.loads(data) for name, data in archived(lab.read("out/t-hosts/output/model.tar.gz")).items()}
    # four keys over two hosts, every second one each
    assert shares == {"algo-1": ["part-0.txt", "part-2.txt"], "algo-2": ["part-1.txt", "part-3.txt"]}


def test_an_interrupted_spot_job_starts_again_from_its_checkpoint_and_costs_less(lab: Lab) -> None:
    program = (
        "import os, time\nmark = '/opt/ml/checkpoints/epoch'\n"
        "if os.path.exists(mark):\n    open('/opt/ml/model/from', 'w').write(open(mark).read())\n"
        "else:\n    open(mark, 'w').write('7')\n    time.sleep(600)\n"
    )
    lab.fault(fault="interruption", match="^t-spot$", seconds=2)
    lab.train(
        "t-spot",
        program,
        InputDataConfig=programmed("t-spot"),
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/t-spot"},
    )
    job = lab.trained("t-spot")
    passed = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    once = ["Starting", "Downloading", "Training"]
    assert passed == [*once, "Interrupted", *once, "Uploading", "Completed"]
    assert archived(lab.read("out/t-spot/output/model.tar.gz")) == {"from": b"7"}
    assert job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]


def test_spot_without_a_limit_to_wait_is_refused(lab: Lab) -> None:
    with pytest.raises(ClientError, match="MaxWaitTimeInSeconds"):
        lab.train("t-refused", "", EnableManagedSpotTraining=True)


def test_a_taken_name_an_unknown_name_and_an_unknown_operation_are_answered_as_clients_expect(lab: Lab) -> None:
    lab.train("t-twice", MODEL, InputDataConfig=programmed("t-twice"))
    with pytest.raises(ClientError, match="ResourceInUse"):
        lab.train("t-twice", MODEL, InputDataConfig=programmed("t-twice"))
    lab.trained("t-twice")
    with pytest.raises(ClientError, match=r"ValidationException.*Could not find"):
        lab.sagemaker.describe_training_job(TrainingJobName="never")
    with pytest.raises(ClientError, match="NotEmulatedException") as caught:
        lab.sagemaker.list_domains()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_lists_are_filtered_sorted_and_paged(lab: Lab) -> None:
    for number in range(3):
        lab.train(f"page-{number}", MODEL, InputDataConfig=programmed(f"page-{number}"))
        lab.trained(f"page-{number}")
    ask: dict[str, Any] = {"NameContains": "page-", "SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 2}
    first = lab.sagemaker.list_training_jobs(**ask)
    rest = lab.sagemaker.list_training_jobs(**ask, NextToken=first["NextToken"])
    names = [job["TrainingJobName"] for job in (*first["TrainingJobSummaries"], *rest["TrainingJobSummaries"])]
    assert names == ["page-0", "page-1", "page-2"]
    assert "NextToken" not in rest
    assert lab.sagemaker.list_training_jobs(StatusEquals="Stopping")["TrainingJobSummaries"] == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [("throttling", "ThrottlingException"), ("server_error", "InternalFailure"), ("quota", "ResourceLimitExceeded")],
)
def test_a_call_is_refused_as_often_as_was_asked_for(lab: Lab, fault: str, code: str) -> None:
    lab.fault(fault=fault, match="ListModels")
    with pytest.raises(ClientError, match=code):
        lab.sagemaker.list_models()
    emulated.request(lab.url, "DELETE", "/_emulator/faults")
    lab.sagemaker.list_models()


INFERENCE = """
import json
def model_fn(folder):
    return json.load(open(folder + "/model.json"))
def predict_fn(data, model):
    if data.get("fail"):
        raise ValueError("cannot answer that")
    return {"sum": sum(data["numbers"]) + model["bias"]}
"""


def served(lab: Lab, name: str, bias: int, code: str = INFERENCE) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, text in (("model.json", json.dumps({"bias": bias})), ("code/inference.py", code)):
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    lab.s3.put_object(Bucket=BUCKET, Key=f"models/{name}/model.tar.gz", Body=buffer.getvalue())
    container = {"Image": "any", "ModelDataUrl": f"s3://{BUCKET}/models/{name}/model.tar.gz"}
    lab.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=emulated.ROLE)
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    lab.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])


def asked(lab: Lab, endpoint: str, document: Any) -> Any:
    body = json.dumps(document).encode()
    answer = lab.runtime.invoke_endpoint(EndpointName=endpoint, ContentType="application/json", Body=body)
    return json.loads(answer["Body"].read())


def answer_of(lab: Lab, endpoint: str) -> Any:
    """What an endpoint answers; None while its container is started again."""
    try:
        return asked(lab, endpoint, {"numbers": [1]})
    except ClientError:
        return None


def exists(lab: Lab, endpoint: str) -> bool:
    try:
        lab.sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError:
        return False
    return True


def settled(lab: Lab, endpoint: str) -> dict[str, Any]:
    describe = lambda: lab.sagemaker.describe_endpoint(EndpointName=endpoint)  # noqa: E731
    return waited(describe, "EndpointStatus", "Creating", "Updating")


def test_an_endpoint_answers_is_updated_survives_a_crash_and_is_deleted(lab: Lab) -> None:
    served(lab, "model-a", 1)
    lab.sagemaker.create_endpoint(EndpointName="ep", EndpointConfigName="model-a")
    assert settled(lab, "ep")["EndpointStatus"] == "InService"
    assert asked(lab, "ep", {"numbers": [1, 2]}) == {"sum": 4}  # 1 + 2 + the bias 1
    with pytest.raises(ClientError, match="ModelError") as caught:
        asked(lab, "ep", {"fail": True})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert "cannot answer that" in caught.value.response["OriginalMessage"]

    served(lab, "model-b", 10)
    lab.sagemaker.update_endpoint(EndpointName="ep", EndpointConfigName="model-b")
    assert settled(lab, "ep")["EndpointConfigName"] == "model-b"
    assert asked(lab, "ep", {"numbers": [1, 2]}) == {"sum": 13}

    served(lab, "model-c", 0, code="raise SystemExit('no weights')")
    lab.sagemaker.update_endpoint(EndpointName="ep", EndpointConfigName="model-c")
    rolled_back = settled(lab, "ep")
    assert (rolled_back["EndpointStatus"], rolled_back["EndpointConfigName"]) == ("InService", "model-b")
    assert "no weights" in rolled_back["FailureReason"]

    lab.fault(fault="lost_endpoint", match="^ep$")
    with pytest.raises(ClientError, match="ModelError"):  # the container is ended while it is asked
        until(lambda: not asked(lab, "ep", {"numbers": [1]}), "the end of the container")
    assert until(lambda: answer_of(lab, "ep"), "the container to come back") == {"sum": 11}
    lab.sagemaker.delete_endpoint(EndpointName="ep")
    until(lambda: not exists(lab, "ep"), "the endpoint to go")
    with pytest.raises(ClientError, match="ValidationError"):
        asked(lab, "ep", {"numbers": []})
    assert lab.sagemaker.describe_model(ModelName="model-b")["ModelName"] == "model-b"


def test_a_model_that_never_answers_fails_its_endpoint(lab: Lab) -> None:
    served(lab, "model-sick", 0, code="raise SystemExit('no weights here')")
    lab.sagemaker.create_endpoint(EndpointName="ep-sick", EndpointConfigName="model-sick")
    endpoint = settled(lab, "ep-sick")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert "no weights here" in endpoint["FailureReason"]


def test_a_restart_keeps_objects_and_jobs_and_endpoints_serve_again(tmp_path: Path) -> None:
    with emulated.emulator(tmp_path) as first:
        lab = Lab(first.url)
        served(lab, "model-a", 1)
        lab.sagemaker.create_endpoint(EndpointName="ep", EndpointConfigName="model-a")
        settled(lab, "ep")
        lab.train("t-cut", "import time\ntime.sleep(600)\n", InputDataConfig=programmed("t-cut"))
        lab.close()
    emulated.forget()
    with emulated.emulator(tmp_path, fresh=False) as second:
        clients = emulated.clients(second.url)
        again = Lab.__new__(Lab)
        again.sagemaker, again.runtime = clients.get("sagemaker"), clients.get("sagemaker-runtime")
        job = again.sagemaker.describe_training_job(TrainingJobName="t-cut")
        assert job["TrainingJobStatus"] in ("Failed", "Stopped")
        assert settled(again, "ep")["EndpointStatus"] == "InService"
        assert asked(again, "ep", {"numbers": [1, 2]}) == {"sum": 4}  # what is said to be in service answers at once
        clients.close()


@pytest.mark.parametrize("isolation", sorted({"prefix", best_isolation()}))
def test_a_script_mode_job_runs_its_program_with_the_toolkits_variables(tmp_path: Path, isolation: Any) -> None:
    program = (
        "import json, os, sys\n"
        "assert sys.argv[1:] == ['--alpha', '0.5', '--name', 'n'], sys.argv\n"
        "assert json.loads(os.environ['SM_HPS']) == {'alpha': 0.5, 'name': 'n'}\n"
        "assert os.environ['SM_CURRENT_HOST'] == 'algo-1' and os.environ['SM_CHANNELS'] == '[\"train\"]'\n"
        "names = sorted(os.listdir(os.environ['SM_CHANNEL_TRAIN']))\n"
        "open(os.path.join(os.environ['SM_MODEL_DIR'], 'm'), 'w').write(' '.join(names))\n"
    )
    with emulated.emulator(tmp_path, isolation=isolation) as emulator:
        lab = Lab(emulator.url)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            info = tarfile.TarInfo("train.py")
            info.size = len(program)
            tar.addfile(info, io.BytesIO(program.encode()))
        lab.s3.put_object(Bucket=BUCKET, Key="code/sourcedir.tar.gz", Body=buffer.getvalue())
        lab.train(
            "t-script",
            "",
            AlgorithmSpecification={"TrainingImage": "pytorch", "TrainingInputMode": "File"},
            HyperParameters={
                "name": "n",
                "alpha": "0.5",
                "sagemaker_program": '"train.py"',
                "sagemaker_submit_directory": f"s3://{BUCKET}/code/sourcedir.tar.gz",
            },
        )
        job = lab.trained("t-script")
        assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
        model = archived(lab.read("out/t-script/output/model.tar.gz"))
        assert model == {"m": b"part-0.txt part-1.txt part-2.txt part-3.txt"}
        lab.close()


def test_the_hosts_of_a_job_meet_through_the_variables_of_torchrun(lab: Lab) -> None:
    program = """
import torch, torch.distributed as dist
dist.init_process_group("gloo")
total = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(total)
open(f"/opt/ml/model/{dist.get_rank()}", "w").write(str(total.item()))
dist.destroy_process_group()
"""
    machines = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    lab.train("meeting", program, ResourceConfig=machines, InputDataConfig=programmed("meeting"))
    assert lab.trained("meeting")["TrainingJobStatus"] == "Completed"
    with tarfile.open(fileobj=io.BytesIO(lab.read("out/meeting/output/model.tar.gz"))) as tar:
        sums = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    assert sums == {"0": b"3.0", "1": b"3.0"}  # 1 + 2, on both
