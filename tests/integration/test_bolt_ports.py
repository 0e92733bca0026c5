"""A real service: Bolt and HTTP on one port, Bolt on its own, the same over TLS, and a clean end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import neo4j
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.raw_http import until_closed


class Process:
    """``despina serve`` with a port for Bolt."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.log = (home.parent / "service.log").open("w+")
        command = [sys.executable, "-m", "workflow.cli", "serve", "--home", str(home), "--port", "0", "--bolt", "0"]
        environ = {**os.environ, **environment, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environ)
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(2)]
        ports = [re.search(r":(\d+)$", line.strip()) for line in lines]
        assert all(ports), (lines, self.process.poll())
        self.bolt, self.http = (int(one[1]) for one in ports if one)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()
        return code


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Process]]:
    begun: list[Process] = []

    def begin(**environment: str) -> Process:
        begun.append(Process(home, **environment))
        return begun[-1]

    yield begin
    for one in begun:
        one.stop()


def by_http(url: str, query: str, context: ssl.SSLContext | None = None) -> list[dict[str, object]]:
    request = urllib.request.Request(url, json.dumps({"query": query}).encode())
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:
        rows: list[dict[str, object]] = json.load(answer)["results"]
        return rows


def test_one_port_speaks_both_and_another_bolt_alone(start: Callable[..., Process]) -> None:
    service = start()
    for port in (service.http, service.bolt):
        with neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{port}") as driver:
            driver.execute_query("CREATE (:Port {port: $port})", port=port)
    with socket.create_connection(("127.0.0.1", service.http)) as slow:
        slow.sendall(b"\x60")  # one that could still become either
        rows = by_http(f"http://127.0.0.1:{service.http}/openCypher", "MATCH (n:Port) RETURN n.port AS port")
        assert {row["port"] for row in rows} == {service.http, service.bolt}
    with socket.create_connection(("127.0.0.1", service.http)) as wrong:
        wrong.sendall(b"\x60\x60\xb0\x18 no magic, and no HTTP\r\n\r\n")
        assert until_closed(wrong)[:8] in (b"", b"HTTP/1.1")
    # open connections do not keep it from ending
    with neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{service.http}") as driver:
        driver.verify_connectivity()
        assert service.stop() == 0


def test_both_are_spoken_over_tls_and_users_are_asked(start: Callable[..., Process], tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    service = start(DESPINA_TLS_CERTIFICATE=str(certificate), DESPINA_TLS_KEY=str(key), DESPINA_USERS="ada:lovelace")
    for port in (service.http, service.bolt):
        with neo4j.GraphDatabase.driver(f"bolt+ssc://127.0.0.1:{port}", auth=("ada", "lovelace")) as driver:
            assert driver.execute_query("RETURN 1 AS x").records[0]["x"] == 1
        with (
            neo4j.GraphDatabase.driver(f"bolt+ssc://127.0.0.1:{port}", auth=("ada", "byron")) as driver,
            pytest.raises(neo4j.exceptions.AuthError),
        ):
            driver.verify_connectivity()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths
