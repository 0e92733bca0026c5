"""The service's certificate and key: half of them, wrong ones and expired ones are refused before anybody connects."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from workflow.server.access.tls import check_tls, end_of
from workflow.settings import BadSetting, Settings

END = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)


def written(folder: Path, name: str, *, end: datetime = END, password: bytes | None = None) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(end - timedelta(days=90))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}-key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    lock = NoEncryption() if password is None else BestAvailableEncryption(password)
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    return paths


def settings(certificate: Path | None, key: Path | None) -> Settings:
    return Settings(home=Path("/nowhere"), tls_certificate=certificate, tls_key=key)


def test_without_both_there_is_no_tls() -> None:
    assert check_tls(settings(None, None)) is None


def test_one_alone_is_refused_and_not_taken_for_none(tmp_path: Path) -> None:
    certificate, key = written(tmp_path, "own")
    for half in (settings(certificate, None), settings(None, key)):
        with pytest.raises(BadSetting, match="set both"):
            check_tls(half)


def test_a_certificate_with_its_key_serves_until_its_end(tmp_path: Path) -> None:
    certificate, key = written(tmp_path, "own")
    context = check_tls(settings(certificate, key))
    assert context is not None
    assert end_of(context, certificate) == END


def test_files_that_do_not_serve_are_refused(tmp_path: Path) -> None:
    certificate, key = written(tmp_path, "own")
    _, other = written(tmp_path, "other")
    locked_certificate, locked = written(tmp_path, "locked", password=b"secret")
    for wrong in ((certificate, other), (key, certificate), (locked_certificate, locked)):
        with pytest.raises(BadSetting, match="do not serve"):
            check_tls(settings(*wrong))
    with pytest.raises(BadSetting, match="no such file"):
        check_tls(settings(tmp_path / "missing.pem", key))


def test_an_expired_certificate_is_recognised(tmp_path: Path) -> None:
    certificate, key = written(tmp_path, "old", end=datetime.now(UTC) - timedelta(days=1))
    context = check_tls(settings(certificate, key))
    assert context is not None
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        end_of(context, certificate)
