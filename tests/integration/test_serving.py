"""The service as a process: its port, its start and end, and who may use it."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from workflow.client.connection import Connection, ServiceUnreachable

ROOT = Path(__file__).parents[2]
_LAUNCH = """
import sys, pathlib, dataclasses
from workflow.process import serve
from workflow.errors import WorkflowError
from workflow.settings import Settings
home, port, host = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
settings = dataclasses.replace(Settings.from_environment(), home=home, port=port, host=host)
try:
    serve(settings, lambda host, port: print(f"ready {port}", flush=True))
except WorkflowError as error:
    sys.exit(error.message)
"""


def launch(home: Path, port: int = 0, host: str = "127.0.0.1", **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(home), str(port), host],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(process: subprocess.Popen[str]) -> str:
    _, text = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in text
    return text


def test_a_taken_port_is_a_sentence_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = refusal(launch(tmp_path / "home", port))
    assert f"cannot listen on 127.0.0.1:{port}" in text
    assert "--port" in text


def test_listening_to_the_network_needs_authentication(tmp_path: Path) -> None:
    text = refusal(launch(tmp_path / "home", host="0.0.0.0"))
    assert "refusing to listen on 0.0.0.0" in text


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot use the home folder" in refusal(launch(tmp_path / "file" / "home"))


@pytest.fixture
def guarded(tmp_path: Path) -> Any:
    process = launch(tmp_path / "home", DESPINA_ACCESS_KEYS="AKIDEXAMPLE:very/secret")
    assert process.stdout is not None
    found = re.fullmatch(r"ready (\d+)\n", process.stdout.readline())
    assert found is not None

    def client(secret: str | None) -> Any:
        config = Config(signature_version=UNSIGNED) if secret is None else None
        return boto3.client(
            "neptunedata",
            endpoint_url=f"http://127.0.0.1:{found[1]}",
            region_name="us-east-1",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key=secret,
            config=config,
        )

    yield client
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_boto3_signs_with_a_configured_key_and_nobody_else_gets_in(guarded: Callable[[str | None], Any]) -> None:
    client = guarded("very/secret")
    assert client.list_ml_endpoints()["ids"] == []
    assert client.execute_gremlin_query(gremlinQuery="g.inject(1)")["status"]["code"] == 200
    with pytest.raises(client.exceptions.InvalidParameterException):
        client.get_ml_endpoint(id="not an id")
    for secret in ("wrong", None):
        other = guarded(secret)
        with pytest.raises(other.exceptions.ClientError, match="AccessDenied"):
            other.list_ml_endpoints()


def test_a_started_service_has_loaded_no_machine_learning_library(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from workflow.app import build; from workflow.settings import Settings;"
        f"application = build(Settings(home=pathlib.Path({str(tmp_path / 'home')!r}))); application.start();"
        "application.asgi();"
        "heavy = {'torch', 'dgl', 'polars', 'pandas', 'sklearn', 'scipy', 'boto3', 'optuna', 'pyarrow'};"
        "print(sorted(heavy & set(sys.modules))); application.close()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert (ended.returncode, ended.stdout) == (0, "[]\n"), ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other ways")
def test_no_process_of_the_same_user_can_read_the_secrets_of_a_service() -> None:
    # root may read everything, so the reader first becomes somebody; it and the process it reads are of one user then
    code = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
from workflow.process import hide_secrets
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
def readable():
    reader = os.fork()
    if reader == 0:
        try:
            open(f"/proc/{os.getppid()}/environ", "rb").read()
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == 0
print(readable())
hide_secrets()
print(readable())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_a_started_service_is_small(tmp_path: Path) -> None:
    process = launch(tmp_path / "home")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready")
    resident = psutil.Process(process.pid).memory_info().rss
    process.terminate()
    process.communicate(timeout=60)
    assert resident < 150_000_000


def test_tls_is_spoken_with_a_configured_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    self_signed(key, certificate)
    process = launch(tmp_path / "home", DESPINA_TLS_CERTIFICATE=str(certificate), DESPINA_TLS_KEY=str(key))
    assert process.stdout is not None
    port = process.stdout.readline().split()[1]
    trust = ssl.create_default_context(cafile=str(certificate))
    with urllib.request.urlopen(f"https://localhost:{port}/ml/endpoints", context=trust) as answer:
        assert json.loads(answer.read()) == {"ids": []}
    connection = Connection(f"https://localhost:{port}")
    asking: list[Callable[[], object]] = [
        lambda: connection.call("list_ml_endpoints"),
        lambda: connection.query("g.inject(1)"),
        lambda: connection.http("GET", connection.export_url),
    ]
    for ask in asking:
        with pytest.raises(ServiceUnreachable, match="SSL_CERT_FILE"):
            ask()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    connection = Connection(f"https://localhost:{port}")
    assert [ask() for ask in asking] == [{"ids": []}, [1], {"ids": []}]
    process.terminate()
    process.communicate(timeout=60)


def self_signed(key: Path, certificate: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        # without these Python 3.13 trusts none
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key()), critical=False)
        .add_extension(x509.KeyUsage(True, False, False, False, False, True, False, False, False), critical=True)
        .sign(private, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(pem, pkcs8, plain))
    certificate.write_bytes(signed.public_bytes(pem))
