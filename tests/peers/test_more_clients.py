"""Java's and Go's drivers, awswrangler and AWS's neptune-python-utils, unmodified; the last two over TLS."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.peers.java_server import OPENED
from tests.peers.peer import MISSING, cache, python_with
from workflow.client.service import local_service, start_service

pytestmark = pytest.mark.peers
HERE = Path(__file__).parent
VERSION = "3.8.1"
GO_MODULE = "github.com/apache/tinkerpop/gremlin-go/v3/driver"
PYTHON_UTILS = "https://github.com/awslabs/amazon-neptune-tools"
POM = f"""<project><modelVersion>4.0.0</modelVersion><groupId>peers</groupId><artifactId>driver</artifactId>
<version>1</version><dependencies><dependency><groupId>org.apache.tinkerpop</groupId>
<artifactId>gremlin-driver</artifactId><version>{VERSION}</version></dependency><dependency><groupId>org.slf4j</groupId>
<artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency></dependencies></project>"""


def absent(name: str, reason: str) -> None:
    """Skip aloud: the closing summary names the judge that was missing."""
    MISSING[name] = reason
    pytest.skip(f"{name}: {reason}")


def program(name: str, peer: str) -> str:
    found = shutil.which(name)
    if found is None:
        absent(peer, f"{name} is not installed")
    return str(found)


def done(*command: str | Path, peer: str = "", cwd: Path | None = None, timeout: int = 600, env: Any = None) -> str:
    """What a command printed. With a peer's name a failure means that the peer is not to be had here."""
    run = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, timeout=timeout, check=False, env=env, text=True
    )
    if run.returncode and peer:
        absent(peer, (run.stderr or run.stdout)[-300:])
    assert run.returncode == 0, run.stderr[-3000:] + run.stdout[-1000:]
    return run.stdout


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_service(tmp_path_factory.mktemp("home"), "--in-memory", "--profile", "tinkerpop") as url:
        yield url.removeprefix("http://")


def test_the_java_driver_connects_queries_commits_and_rolls_back(address: str) -> None:
    java, maven = program("java", "gremlin-driver"), program("mvn", "gremlin-driver")
    folder = cache() / f"gremlin-driver-{VERSION}"
    if not (folder / "jars").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(POM)
        copy = ("-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'part'}")
        done(maven, *copy, peer="gremlin-driver", cwd=folder)
        (folder / "part").rename(folder / "jars")
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    text = done(java, *opened, "-cp", f"{folder / 'jars'}/*", HERE / "DriverCheck.java", address, timeout=180)
    found = json.loads(text)
    assert sorted(found) == ["GraphBinaryMessageSerializerV1", "GraphSONMessageSerializerV3"]
    for form in found.values():
        assert form == {
            "text": "[1, a, [1, 2]]",
            "batches": 256,
            "error": "597",
            "rollback": 0,
            "commit": 1,
            "values": "[x]",
            "date": "2024-02-29T01:02:03Z",
            "path": "path[y, x, in, x, y]",
        }


def test_the_go_driver_connects_queries_commits_and_rolls_back(address: str) -> None:
    go = program("go", "gremlin-go")
    folder = cache() / f"gremlin-go-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "driver_check.go", folder / "main.go")
    if not (folder / "check").exists():
        (folder / "go.mod").unlink(missing_ok=True)
        done(go, "mod", "init", "peers", peer="gremlin-go", cwd=folder)
        done(go, "get", f"{GO_MODULE}@v{VERSION}", peer="gremlin-go", cwd=folder)
    done(go, "build", "-o", "check", ".", peer="gremlin-go", cwd=folder)
    found = json.loads(done(folder / "check", f"ws://{address}/gremlin", timeout=120))
    assert found == {
        "text": "1a[1 2]",
        "batches": 256,
        "refused": True,
        "rollback": 0,
        "commit": 1,
        "values": "x",
        "date": "2024-02-29T01:02:03Z",
        "path": "path[x]",
    }


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of localhost that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(signed.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[str]:
    """Host and port of a service in the neptune profile that speaks TLS alone."""
    files = {"DESPINA_TLS_CERTIFICATE": str(certificate[0]), "DESPINA_TLS_KEY": str(certificate[1])}
    service = start_service(tmp_path_factory.mktemp("secure"), "--in-memory", environ=files)
    yield "localhost:" + service.url.rstrip("/").rsplit(":", 1)[1]
    service.stop()


def trusting(certificate: Path, **more: str) -> Mapping[str, str]:
    """The environment of a client that trusts the certificate, and that has some credentials to sign with."""
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}
    trust = {"SSL_CERT_FILE": str(certificate), "REQUESTS_CA_BUNDLE": str(certificate)}
    return {**os.environ, **keys, **trust, **more}


def test_awswrangler_writes_frames_and_reads_them_back(secure: str, certificate: tuple[Path, Path]) -> None:
    python = python_with("awswrangler-3.17.1", "awswrangler[gremlin]==3.17.1", "requests")
    script = (python, "-W", "ignore", HERE / "wrangler_check.py", secure)
    assert json.loads(done(*script, env=trusting(certificate[0]), timeout=180)) == {
        "status": "healthy",
        "written": [True, True],
        "gremlin": [{"n": "Ann", "a": 31}, {"n": "Bob", "a": 42}],
        "paths": [{"0": {"0": "Ann"}, "1": {"0": "Bob"}}],
        "opencypher": [{"a": "Ann", "s": 1999, "b": "Bob"}],
        "flat": ["c_x", "index"],
    }


def test_neptune_python_utils_writes_batches_and_walks_them(secure: str, certificate: tuple[Path, Path]) -> None:
    name = "neptune-python-utils"
    source = cache() / "amazon-neptune-tools"
    if not (source / name).is_dir():
        done(program("git", name), "clone", "-q", "--depth", "1", PYTHON_UTILS, source, peer=name)
    # its own list of requirements names packages that no newer Python builds, and that it does not import
    needed = ("gremlinpython==3.7.4", "boto3", "requests", "backoff", "nest_asyncio", "async-timeout<5")
    python = python_with(name, *needed)
    script = (python, "-W", "ignore", HERE / "python_utils_check.py", secure)
    env = trusting(certificate[0], PYTHONPATH=str(source / name))
    assert json.loads(done(*script, env=env, timeout=180)) == {
        "names": ["Ann", "Bob"],
        "path": [["Ann", 1999, "Bob"]],
        "map": "bob",
        "count": 1,
        "text": [2],
    }
