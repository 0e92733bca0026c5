"""The certificate and the key of the service, tried before anybody depends on them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from workflow.settings import BadSetting, Settings

CERTIFICATE, KEY = "DESPINA_TLS_CERTIFICATE", "DESPINA_TLS_KEY"


def check_tls(settings: Settings) -> ssl.SSLContext | None:
    """The service's side of TLS, None where it speaks plain HTTP.

    Raises BadSetting for half a setting, which would otherwise mean no encryption, and for files that do not serve.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise BadSetting(f"{CERTIFICATE} and {KEY}", "belong together: set both for HTTPS, or neither")
    for name, path in ((CERTIFICATE, certificate), (KEY, key)):
        if not path.is_file():
            raise BadSetting(name, f"names {path}, and there is no such file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # an empty password: nobody is there to be asked for one
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or str(error)
        raise BadSetting(
            f"{CERTIFICATE} and {KEY}",
            f"do not serve ({why}): give PEM files, the key without a password and belonging to the certificate",
        ) from error
    return context


def end_of(server: ssl.SSLContext, certificate: Path) -> datetime | None:
    """When a certificate ends, learnt by a handshake with oneself; None where it does not stand on its own.

    Raises ssl.SSLCertVerificationError for one that is not valid today.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(certificate)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    answering = server.wrap_bio(there, back, server_side=True)
    for _ in range(4):
        for side in (asking, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    found = asking.getpeercert()
    ends = found.get("notAfter") if found else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None
