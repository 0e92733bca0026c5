"""What ``despina doctor`` says to configurations that are wrong in the ways people get them wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, get_args

import boto3
import pytest
from typer.testing import CliRunner

from workflow.cli.main import app
from workflow.cli.operations.doctor import service
from workflow.client.connection import Connection
from workflow.neptune import OPERATIONS, Kind, operation_of

runner = CliRunner()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where nobody has set anything."""
    for name in os.environ:
        if name.startswith(("DESPINA_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials it once found
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")


def doctor(home: Path, *options: str) -> dict[str, dict[str, Any]]:
    """What it found, by what it looked at; the exit code says whether something is missing."""
    result = runner.invoke(app, ["doctor", "--home", str(home), "--port", "0", "--json", *options])
    found = {finding["what"]: finding for finding in json.loads(result.output)}
    assert result.exit_code == (0 if all(finding["ok"] for finding in found.values()) else 1), result.output
    return found


def missing(home: Path, *options: str) -> dict[str, str]:
    return {what: finding["detail"] for what, finding in doctor(home, *options).items() if not finding["ok"]}


def test_a_machine_as_it_should_be_lacks_nothing(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    found = doctor(tmp_path)
    assert set(found) >= {"torch for training", "home can be written", "training scripts", "listening is protected"}
    assert all(finding["ok"] and not finding["advice"] for finding in found.values()), found


def test_a_home_that_others_can_read_is_pointed_out(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    found = doctor(tmp_path)["home can be written"]
    assert found["ok"]
    assert found["advice"]
    assert "chmod 700" in found["detail"]


def test_a_home_that_cannot_be_written_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert set(missing(tmp_path / "file" / "home")) == {"home can be written"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("DESPINA_USER", "did you mean DESPINA_USERS?"),
        ("DESPINA_ACESS_KEYS", "did you mean DESPINA_ACCESS_KEYS?"),
        ("DESPINA_TLS_CERT", "DESPINA_TLS_CERTIFICATE"),
        ("DESPINA_AUHT", "there are DESPINA_HOME"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_likely_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "ada:secret")
    (detail,) = missing(tmp_path).values()
    assert name in detail
    assert hint in detail
    assert "secret" not in detail


def test_what_kubernetes_sets_for_a_service_of_that_name_is_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESPINA_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("DESPINA_PORT_8182_TCP_ADDR", "10.0.0.1")
    assert missing(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DESPINA_USERS", "ada", "entry 1 is not of the form name:secret"),
        ("DESPINA_USERS", "ada:secret-1 bob=secret-2", "entry 2 is not of the form name:secret"),
        ("DESPINA_USERS", "ada:secret-1 ada:secret-2", "entry 2 names its user or key a second time"),
        ("DESPINA_ACCESS_KEYS", ":secret-1", "entry 1 is not of the form name:secret"),
        ("DESPINA_STORAGE", "S3", "set it to folder or to s3"),
        ("DESPINA_CUSTOM_CODE", "/home/ada/models", "write s3://bucket/folder"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_without_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    (detail,) = missing(tmp_path).values()
    assert name in detail
    assert said in detail
    assert "secret-" not in detail
    served = runner.invoke(app, ["serve", "--home", str(tmp_path), "--port", "0"])
    assert said in str(served.exception)


def test_an_open_address_needs_users_or_keys(tmp_path: Path) -> None:
    assert "DESPINA_USERS" in missing(tmp_path, "--host", "0.0.0.0")["listening is protected"]


def test_passwords_beyond_this_machine_want_encryption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESPINA_USERS", "ada:lovelace")
    found = doctor(tmp_path, "--host", "0.0.0.0")["TLS"]
    assert found["ok"]
    assert found["advice"]
    assert "TLS" not in doctor(tmp_path)


def test_half_a_tls_setting_is_missing_its_other_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESPINA_TLS_KEY", str(tmp_path / "key.pem"))
    assert "set both" in missing(tmp_path)["TLS"]
    monkeypatch.setenv("DESPINA_TLS_CERTIFICATE", str(tmp_path / "certificate.pem"))
    assert "there is no such file" in missing(tmp_path)["TLS"]


def test_folders_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESPINA_ALLOWED_FOLDERS", f"{tmp_path}:/nowhere/a")
    monkeypatch.setenv("DESPINA_IO_FOLDER", "/nowhere/b")
    assert set(missing(tmp_path)) == {"/nowhere/a can be loaded from", "/nowhere/b can be used by io()"}


def test_a_bucket_is_tried_with_an_object_and_left_as_it_was(tmp_path: Path) -> None:
    assert missing(tmp_path, "--bucket", "s3://mine/work") == {}
    assert [path for path in (tmp_path / "s3").rglob("*") if path.is_file()] == []
    assert "s3://bucket/folder" in next(iter(missing(tmp_path, "--bucket", "mine").values()))


def test_whose_code_may_be_run_is_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "custom models" not in doctor(tmp_path)
    monkeypatch.setenv("DESPINA_CUSTOM_CODE", "s3://lab/models s3://other")
    found = doctor(tmp_path)["custom models"]
    assert found["advice"]
    assert "write below s3://lab/models, s3://other runs code" in found["detail"]


def test_an_s3_server_that_is_not_used_or_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    unused = doctor(tmp_path)["S3 endpoint"]
    assert unused["advice"]
    assert "DESPINA_STORAGE=s3" in unused["detail"]
    monkeypatch.setenv("DESPINA_STORAGE", "s3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert "AWS_ENDPOINT_URL_S3" in missing(tmp_path)["S3 answers"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--url", "localhost:8182"), "write it as http://host:port"),
        (("--url", "http://ada:lovelace@127.0.0.1:9"), "Nothing answers at http://127.0.0.1:9 "),
        (("--url", "http://127.0.0.1:9", "--sign"), "no AWS credentials were found"),
    ],
)
def test_a_service_that_cannot_be_asked_is_one_sentence(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    (detail,) = missing(tmp_path, *options).values()
    assert said in detail


def test_every_list_of_a_service_is_tried_with_the_permission_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(Connection, "call", lambda self, operation, **_: called.append(operation) or {})
    monkeypatch.setattr(Connection, "query", lambda self, text, **_: called.append(text) or [0])
    told = list(service("http://127.0.0.1:9", sign=False))
    assert all(check.ok for check in told)
    lists = {operation_of(kind, "list") for kind in get_args(Kind)} | {OPERATIONS["ListLoaderJobs"]}
    assert {operation.python_name for operation in lists} < set(called)
    assert {f"neptune-db:{operation.name}" for operation in lists} < {check.what for check in told}
