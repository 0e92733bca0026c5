"""What a user is likely to get wrong on the way, and the sentence that answers it."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from workflow.cli.main import app
from workflow.client.connection import ServiceError
from workflow.client.job import Job
from workflow.client.service import start_service
from workflow.client.workflow import StageFailed, Workflow
from workflow.client.workflow_file.description import WorkflowFile
from workflow.datasets import dataset
from workflow.errors import InvalidParameter, WorkflowError

TARGET = {"edge": ["User", "FRIEND", "User"], "type": "link_prediction"}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflow]:
    service = start_service(tmp_path_factory.mktemp("empty"))
    yield service.workflow("s3://lab")
    service.stop()


@pytest.fixture(scope="module")
def social(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflow]:
    service = start_service(tmp_path_factory.mktemp("social"))
    client = service.workflow("s3://lab")
    for name in dataset("social").files:
        client.storage.write(client.bucket / "graph" / name, (dataset("social").folder / name).read_bytes())
    client.wait(client.load(str(client.bucket / "graph")))
    yield client
    service.stop()


def why_export_fails(client: Workflow, **neptune_ml: Any) -> str:
    """Refused at once or failed later: the sentence either way."""
    with pytest.raises(WorkflowError) as caught:
        client.wait(client.export(**neptune_ml))
    if isinstance(caught.value, ServiceError):
        assert caught.value.status == 400
    return caught.value.message


def test_a_label_the_graph_does_not_have_is_answered_with_those_it_has(social: Workflow) -> None:
    said = why_export_fails(social, targets=[{"node": "Person", "property": "name", "type": "classification"}])
    assert "Person" in said
    assert "User" in said


def test_a_target_without_such_an_edge_type_is_answered_with_those_there_are(social: Workflow) -> None:
    said = why_export_fails(social, targets=[{**TARGET, "edge": ["User", "LIKES", "User"]}])
    assert "LIKES" in said
    assert "FRIEND" in said


def test_an_empty_graph_is_not_exported(empty: Workflow) -> None:
    assert "empty" in why_export_fails(empty, targets=[TARGET])


def test_a_split_rate_that_does_not_add_up_is_refused_in_the_exporters_words(social: Workflow) -> None:
    said = why_export_fails(social, targets=[{**TARGET, "split_rate": [0.5, 0.1, 0.1]}])
    assert "Error parsing 'split_rate' field" in said
    assert "add up to 1.0" in said


def test_a_split_rate_that_is_meant_right_is_taken(social: Workflow) -> None:
    # in floating point .7 + .2 + .1 is not 1
    exported = social.wait(social.export(targets=[{**TARGET, "split_rate": [0.7, 0.2, 0.1]}]))
    assert exported.status == "succeeded"


@pytest.mark.parametrize("stage", ["dataprocessing", "modeltraining", "modeltransform", "endpoint"])
def test_an_unknown_id_is_not_found(social: Workflow, stage: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        social.status(stage, "nobody")
    assert (caught.value.code, caught.value.status) == ("MLResourceNotFoundException", 404)


def test_a_stage_cannot_build_on_one_that_does_not_exist(social: Workflow) -> None:
    with pytest.raises(ServiceError) as caught:
        social.training("nobody")
    assert caught.value.status in (400, 404)
    assert "nobody" in caught.value.message or "Provided" in caught.value.message


def test_a_stage_cannot_build_on_one_that_has_not_finished(social: Workflow) -> None:
    exported = social.wait(social.export(targets=[TARGET]))
    processed = social.dataprocessing(exported, id="unfinished")
    with pytest.raises(ServiceError) as caught:
        social.training(processed.id)  # a job, unlike its id, is waited for
    assert caught.value.status == 400
    assert "not completed" in caught.value.message or "InProgress" in caught.value.message
    assert social.wait(processed).status == "Completed"


def test_an_id_that_is_taken_is_refused(social: Workflow) -> None:
    exported = social.wait(social.export(targets=[TARGET]))
    social.dataprocessing(exported, id="taken")
    with pytest.raises(ServiceError, match="Another resource with same ID already exists"):
        social.dataprocessing(exported, id="taken")


def test_an_export_that_is_not_there_fails_with_its_address(social: Workflow) -> None:
    with pytest.raises(WorkflowError) as caught:
        social.wait(social.dataprocessing("s3://lab/nowhere", id="nowhere"))
    assert "s3://lab/nowhere" in caught.value.message


def test_an_address_that_is_no_s3_address_is_refused(social: Workflow) -> None:
    with pytest.raises(ServiceError) as caught:
        social.dataprocessing("/etc/passwd")
    assert caught.value.status == 400


def test_an_endpoint_that_does_not_exist_is_named(social: Workflow) -> None:
    with pytest.raises(ServiceError, match="Endpoint nobody not found"):
        social.predict_links("nobody", "u19", "FRIEND", "User")


def test_a_body_that_is_no_json_is_answered_with_where_it_ends_to_be(social: Workflow) -> None:
    import urllib.error
    import urllib.request

    request = urllib.request.Request(f"{social.connection.url}/ml/modeltraining", data=b'{"id": ', method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 400
    said = caught.value.read().decode()
    assert "BadRequestException" in said
    assert "line 1" in said or "character" in said or "column" in said


def test_a_bad_line_of_a_file_is_named_by_its_number(empty: Workflow) -> None:
    empty.storage.write(empty.bucket / "bad" / "nodes.csv", b"~id,~label,age:Int\na,P,3\nb,P,three\n")
    with pytest.raises(StageFailed) as caught:
        empty.wait(empty.load(str(empty.bucket / "bad")))
    said = caught.value.message
    assert "nodes.csv" in said
    assert "3" in said  # the third line of the file
    assert "three" in said
    assert empty.query("g.V().count()").iloc[0, 0] == 0


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "workflow.cli", "serve", "--port", str(port), "--home", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert str(port) in said
    assert "--port" in said
    assert "Traceback" not in said


def test_a_second_service_on_one_home_is_refused(social: Workflow, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = next(p for p in tmp_path_factory.getbasetemp().iterdir() if p.name.startswith("social"))
    command = [sys.executable, "-m", "workflow.cli", "serve", "--port", "0", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


FRAME = pd.DataFrame({"~id": ["p1", "p2"], "~label": ["Person", "Person"]})
LINKS: dict[str, Any] = {"targets": [TARGET]}
ASKED = "g.with('Neptune#ml.endpoint', 'lp').V('u19')"

NEWCOMERS_MISTAKES: dict[str, tuple[Callable[[Workflow], Any], str]] = {
    # tables
    "a list for a frame": (lambda wf: wf.load(nodes=["Ann"]), "give a data frame"),
    "no ids": (lambda wf: wf.load(nodes=pd.DataFrame({"name": ["Ann"]})), "no column '~id'"),
    "a key column that is not there": (
        lambda wf: wf.load({"customer": pd.DataFrame({"cid": [1]})}, key="customer_id"),
        "It has: cid",
    ),
    "an id that a join emptied": (
        lambda wf: wf.load(nodes=FRAME.assign(**{"~id": [1.0, None]})),
        "Row 1 of the frame of nodes has no '~id'",
    ),
    "equal ids of two things": (
        lambda wf: wf.load({"customer": pd.DataFrame({"id": [1]}), "product": pd.DataFrame({"id": [1]})}),
        'ids="prefix"',
    ),
    "a length of time": (lambda wf: wf.load(nodes=FRAME.assign(stay=pd.Timedelta("1h"))), "total_seconds()"),
    "edges without ends": (lambda wf: wf.load(edges=FRAME), "no column '~from'"),
    "neither file nor frame": (lambda wf: wf.load(), "not neither"),
    # exports
    "a member": (lambda wf: wf.export(targts=[TARGET]), "did you mean 'targets'?"),
    "no target": (lambda wf: wf.export(targets=[]), "names nothing"),
    "a label": (lambda wf: wf.export(targets=[{**TARGET, "edge": ["Usr", "FRIEND", "User"]}]), "mean 'User'?"),
    "an edge": (lambda wf: wf.export(targets=[{**TARGET, "edge": ["User", "FREIND", "User"]}]), "mean 'FRIEND'?"),
    "a task": (lambda wf: wf.export(targets=[{**TARGET, "type": "link-prediction"}]), "'link_prediction'"),
    "a property": (
        lambda wf: wf.export(targets=[{"node": "User", "property": "intrests", "type": "classification"}]),
        "did you mean 'interests'?",
    ),
    "a number that is a text": (
        lambda wf: wf.export(targets=[{"node": "User", "property": "name", "type": "regression"}]),
        "with type classification",
    ),
    "a feature": (
        lambda wf: wf.export(**LINKS, features=[{"node": "User", "property": "interest", "type": "category"}]),
        "did you mean 'interests'?",
    ),
    "an encoder": (
        lambda wf: wf.export(**LINKS, features=[{"node": "User", "property": "interests", "type": "categorical"}]),
        "features[0]",
    ),
    "a split": (lambda wf: wf.export(targets=[{**TARGET, "split_rate": [80, 10, 10]}]), "add up to 1.0"),
    # jobs
    "a member of a request": (
        lambda wf: wf.training("dp", trainingInstanceTyp="ml.p3.2xlarge"),
        "did you mean 'trainingInstanceType'?",
    ),
    "a number in letters": (lambda wf: wf.training("dp", trials="many"), "must be a whole number, not 'many'"),
    "an address": (lambda wf: wf.dataprocessing("s3:/lab/export"), "write s3://bucket/folder"),
    # questions
    "a step": (lambda wf: wf.query("g.V().hasLable('User')"), "did you mean hasLabel()?"),
    "the other language": (lambda wf: wf.query("MATCH (u:User) RETURN u"), "`wf.cypher`"),
    "a clause": (lambda wf: wf.cypher("MATCH (u:User) RETRUN u"), "did you mean RETURN"),
    "a word of Neptune ML": (
        lambda wf: wf.query(f"{ASKED.replace('endpoint', 'endpiont')}.out('FRIEND').with('Neptune#ml.prediction')"),
        "did you mean Neptune#ml.endpoint?",
    ),
    "an endpoint that is none": (lambda wf: wf.predict("lp", ["u19"]), "wf.endpoint(training)"),
}


@pytest.mark.parametrize("mistake", NEWCOMERS_MISTAKES)
def test_a_newcomers_mistake_is_refused_before_any_work_in_a_few_lines_with_what_to_write(
    social: Workflow, mistake: str
) -> None:
    make, told = NEWCOMERS_MISTAKES[mistake]
    before = social.connection.http("GET", social.connection.export_url)["ids"]
    with pytest.raises(WorkflowError) as refused:
        make(social)
    said = refused.value.message
    assert told in said
    assert len(said.splitlines()) <= 3
    assert not any(word in said for word in ("pydantic", "botocore", "Parameter validation failed", "Traceback"))
    assert social.connection.http("GET", social.connection.export_url)["ids"] == before
    assert list(social.query("g.V().count()")["value"]) == [20]


TABLE = pd.DataFrame({"id": [1], "buyer": [1]})
BODY = {"command": "export-pg", "outputS3Path": "s3://lab/x", "params": {"endpoint": "localhost"}}


def written(text: str) -> Callable[[Workflow], Any]:
    """What ``despina run`` says of a file."""

    def run(wf: Workflow) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "workflow.yaml"
            file.write_text(text)
            WorkflowFile.read(file)

    return run


def typed(*words: str) -> Callable[[Workflow], Any]:
    """What the command says; that it is refused is an error of the class the others raise."""

    def run(wf: Workflow) -> None:
        result = CliRunner().invoke(app, list(words), env={"DESPINA_URL": wf.connection.url, "COLUMNS": "200"})
        assert result.exit_code != 0
        raise result.exception if isinstance(result.exception, WorkflowError) else InvalidParameter(result.output)

    return run


def posted(path: str, body: Any) -> Callable[[Workflow], Any]:
    return lambda wf: wf.connection.http("POST", wf.connection.url + path, body)


LINK = "name: x\nexport: {targets: [{edge: [User, FRIEND, User], type: link_prediction}]}\n"
STRANGERS_MISTAKES: dict[str, tuple[Callable[[Workflow], Any], str]] = {
    # Python
    "a folder of this machine": (lambda wf: wf.load("./data"), "wf.upload("),
    "a frame without its name": (lambda wf: wf.load(FRAME), "wf.load(nodes=FRAME"),
    "edges of tables beside a frame": (
        lambda wf: wf.load(nodes=FRAME, edges={"bought": (FRAME, "a", "b")}), "go with a dictionary of tables",
    ),
    "one column of an edge": (lambda wf: wf.load({"U": TABLE}, edges={"b": (TABLE, "id")}), "(frame, from column, to"),
    "a column of an edge": (lambda wf: wf.load({"U": TABLE}, edges={"b": (TABLE, "id", "byer")}), "it has: id, buyer"),
    "a key of no table": (lambda wf: wf.load({"User": TABLE}, key={"Usr": "id"}), "did you mean 'User'?"),
    "how ids are told apart": (lambda wf: wf.load({"User": TABLE}, ids="prefixed"), 'ids="prefix"'),
    "a type of another database": (lambda wf: wf.load(nodes=FRAME.assign(**{"age:bigint": 1})), "age:Long"),
    "a column twice": (
        lambda wf: wf.load(nodes=pd.DataFrame([["a", "U", 1, 2]], columns=["~id", "~label", "age", "age"])), "twice",
    ),
    "a whole request": (lambda wf: wf.export({**BODY, "comand": "export-pg"}), "did you mean 'command'?"),
    "a whole request, deep": (
        lambda wf: wf.export({**BODY, "additionalParams": {"neptune_ml": {"targts": [TARGET]}}}),
        "additionalParams.neptune_ml.targts is no member of the export; did you mean 'targets'?",
    ),
    "a whole request and the graph": (
        lambda wf: wf.export(
            {**BODY, "additionalParams": {"neptune_ml": {"targets": [{**TARGET, "edge": ["Usr", "FRIEND", "User"]}]}}}
        ),
        "additionalParams.neptune_ml.targets[0].edge[0] names the node label 'Usr'",
    ),
    "a request and its members": (lambda wf: wf.export(BODY, targets=[TARGET]), "not both"),
    "a parameter": (
        lambda wf: wf.export(**LINKS, params={"gremlinNodeFiltr": "has('age')"}), "did you mean 'gremlinNodeFilter'?",
    ),
    "the job of another stage": (lambda wf: wf.training(Job("export", "x", "succeeded")), "one of dataprocessing"),
    "a job that is none": (lambda wf: wf.status("modeltraining", "nope"), "There is no modeltraining 'nope'"),
    "a stage": (lambda wf: wf.status("training", "x"), "did you mean 'modeltraining'?"),  # type: ignore[arg-type]
    "an id to wait for": (lambda wf: wf.wait("nope"), "No job or endpoint has the id 'nope'"),
    "an address without http": (lambda wf: Workflow("127.0.0.1:8182"), "http://host:port"),
    "a text without quotes": (lambda wf: wf.query("g.V().hasLabel(User)"), "a text stands in quotes: 'User'"),
    "a query without g": (lambda wf: wf.query("V().count()"), "as in g.V().count()"),
    "another language": (lambda wf: wf.query("SELECT * FROM User"), "looks like SQL"),
    # the file
    "a blank in a name": (written(LINK.replace("name: x", "name: my graph")), "line 1, column 1: name is 'my graph'"),
    "a section": (written(LINK.replace("export", "exports")), "line 2, column 1: exports is no member of the file"),
    "an empty file": (written(""), "the file is empty; `despina init` writes one"),
    "an id of an endpoint": (written(LINK + "endpoint: {id: my_ep}\n"), "line 3, column 12: endpoint.id"),
    "a tab": (written("name: x\nexport:\n\ttargets: []\n"), "line 3, column 1 is not YAML"),
    "queries as a list": (written(LINK + "queries: [g.V()]\n"), "a mapping of names to values"),
    # the command
    "no target": (typed("export", "start"), "--target User-FRIEND-User"),
    "a request that is no file": (typed("export", "start", "--config", "nope.json"), "nope.json cannot be read"),
    "an option": (typed("status", "--jsno"), "--json"),
    "a bucket beside a whole request": (
        typed("export", "start", "--config", "x.json", "--bucket", "s3://lab"), "--bucket goes with --target",
    ),
    "a hyperparameter twice": (
        typed("training", "start", "--dataprocessing", "x", "--set", "lr=0.1", "--set", "lr=0.2"),
        "lr is set twice, to '0.1' and '0.2'",
    ),
    "a command": (typed("stauts"), "'status'"),
    "an age": (typed("gc", "--older-than", "month"), "write days, such as 30d"),
    # HTTP
    "a member over HTTP": (
        posted("/ml/modeltraining", {"dataProcesingJobId": "x", "trainModelS3Location": "s3://b/x"}),
        "did you mean dataProcessingJobId?",
    ),
    "a number over HTTP": (
        posted("/ml/modeltraining", {"dataProcessingJobId": "x", "trainModelS3Location": "s3://b/x",
                                     "maxHPONumberOfTrainingJobs": 0}),
        "maxHPONumberOfTrainingJobs must be at least 1, not 0",
    ),
    "a model over HTTP": (
        posted("/ml/modeltraining", {"dataProcessingJobId": "x", "trainModelS3Location": "s3://b/x",
                                     "modelName": "rgcnn"}),
        "did you mean 'rgcn'?",
    ),
    "a path over HTTP": (posted("/ml/modeltrainin", {}), "did you mean /ml/modeltraining?"),
    "a member of a query over HTTP": (posted("/gremlin", {"query": "g.V()"}), 'send {"gremlin": "g.V().limit(1)"}'),
}  # fmt: skip


@pytest.mark.parametrize("mistake", STRANGERS_MISTAKES)
def test_a_strangers_mistake_is_refused_before_any_work_in_a_few_lines_with_what_to_write(
    social: Workflow, mistake: str
) -> None:
    make, told = STRANGERS_MISTAKES[mistake]
    with pytest.raises(WorkflowError) as refused:
        make(social)
    said = refused.value.message
    assert told in said
    assert len(said.splitlines()) <= 9
    assert not any(word in said for word in ("pydantic", "botocore", "Parameter validation failed", "Traceback"))
    assert list(social.query("g.V().count()")["value"]) == [20]


def test_words_that_have_no_effect_are_warned_of(social: Workflow) -> None:
    with pytest.warns(UserWarning, match=r"Neptune#ml.endpoint had no effect"):
        assert len(social.query(f"{ASKED}.values('name')")) == 1


def test_after_all_these_mistakes_the_jobs_are_consistent(social: Workflow) -> None:
    jobs = social.jobs("dataprocessing")
    assert set(jobs["status"]) <= {"Completed", "Failed", "InProgress"}
    for id in jobs["id"]:
        job = social.status("dataprocessing", id)
        assert isinstance(job, Job)
        assert job.status != "Failed" or job.failure_reason


def test_a_corrected_row_stands_beside_the_old_one_aloud_or_takes_its_place(empty: Workflow) -> None:
    empty.wait(empty.load(nodes=FRAME.assign(city="Bonn")))
    with pytest.warns(UserWarning, match="2 of the vertices are in the graph already.*replace=True"):
        empty.wait(empty.load(nodes=FRAME.assign(city="Ulm")))
    assert sorted(empty.query("g.V('p1').values('city')")["value"]) == ["Bonn", "Ulm"]
    empty.wait(empty.load(nodes=FRAME.assign(city=["Trier", ""]), replace=True))
    assert list(empty.query("g.V('p1').values('city')")["value"]) == ["Trier"]
    assert list(empty.query("g.V('p2').values('city')")["value"]) == [""]
    with pytest.raises(InvalidParameter, match="'p1' stands under 'Order' here and under 'Person' in the graph"):
        empty.load(nodes=FRAME.assign(**{"~label": "Order"}))
    empty.reset()
