"""SigV4 as the server sees it: whether a configured key has signed exactly this request, a short time ago.

Source: AWS, "Create a signed AWS API request"; paths are encoded twice, as for every service but S3.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from workflow.errors import AccessDenied
from workflow.server.access.origins import Scope

MAX_SKEW_S = 900
SERVICES = ("neptune-db", "neptune-graph", "execute-api", "sagemaker")
_MISMATCH = "The request signature we calculated does not match the signature you provided."


class NotAuthenticated(AccessDenied):
    """Credentials are missing or wrong; the answer does not say which, so that guessing learns nothing."""

    def __init__(self, why: str = "Missing Authentication Token") -> None:
        super().__init__(why)


@dataclass(frozen=True)
class Signature:
    """The parts of a SigV4 authorization header."""

    key_id: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    value: str

    @classmethod
    def parse(cls, header: str) -> Signature:
        """Raises NotAuthenticated for anything else."""
        parts = dict(part.strip().partition("=")[::2] for part in header.partition(" ")[2].split(","))
        scope = parts.get("Credential", "").split("/")
        if len(scope) != 5 or scope[4] != "aws4_request" or not parts.get("Signature"):
            raise NotAuthenticated("The Authorization header is no SigV4 signature.")
        names = tuple(parts.get("SignedHeaders", "").split(";"))
        return cls(scope[0], scope[1], scope[2], scope[3], names, parts["Signature"])


@dataclass(frozen=True)
class Claim:
    """A signature whose key, date and service are right; what it is a signature of is still to be checked."""

    signature: Signature
    secret: str
    stamp: str


def check_claim(keys: Mapping[str, str], now: datetime, scope: Scope, header: str) -> Claim:
    """Check all of a signature that can be checked without the body: a stranger's body is not even read.

    Args:
        keys: key id to secret.
        header: the value of ``Authorization``.

    Raises NotAuthenticated.
    """
    signature = Signature.parse(header)
    stamp = header_of(scope, b"x-amz-date")
    try:
        moment = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise NotAuthenticated("The request carries no x-amz-date.") from error
    if abs((now - moment).total_seconds()) > MAX_SKEW_S:
        raise NotAuthenticated("Signature expired: the clocks of client and service differ by more than 15 minutes.")
    if signature.service not in SERVICES or not stamp.startswith(signature.date) or "host" not in signature.headers:
        raise NotAuthenticated("The signature is for another service, another day, or does not cover the host.")
    secret = keys.get(signature.key_id)
    if secret is None:
        raise NotAuthenticated(_MISMATCH)
    return Claim(signature, secret, stamp)


def check_signature(claim: Claim, scope: Scope, body: bytes) -> None:
    """Check that the signature is of this request; it covers the hash of all of the body. Raises NotAuthenticated."""
    signature = claim.signature
    canonical = canonical_request(scope, signature.headers, hashlib.sha256(body).hexdigest())
    credential = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", claim.stamp, credential, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{claim.secret}".encode()
    for part in (signature.date, signature.region, signature.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    # as bytes: texts that are not ASCII cannot be compared in constant time
    if not hmac.compare_digest(expected.encode(), signature.value.encode()):
        raise NotAuthenticated(_MISMATCH)


def canonical_request(scope: Scope, signed_headers: tuple[str, ...], payload_hash: str) -> str:
    """The text a SigV4 signature is over."""
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    path = quote(raw_path.decode("latin-1").partition("?")[0], safe="/~-_.") or "/"
    pairs = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    query = "&".join(f"{name}={value}" for name, value in sorted((_encoded(n), _encoded(v)) for n, v in pairs))
    lines = [f"{name}:{' '.join(header_of(scope, name.encode()).split())}\n" for name in signed_headers]
    method = scope.get("method", "GET")
    return "\n".join((method, path, query, "".join(lines), ";".join(signed_headers), payload_hash))


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def header_of(scope: Scope, name: bytes) -> str:
    """A header's value, several joined by commas, empty where there is none."""
    values = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]
    return ",".join(values)
