"""The first step of a pipeline: ask an export service for an export, wait for it, and leave its answer as a file.

Runs in the training image, from S3 and alone: it imports nothing of this package. boto3 is needed only to read a
password from Secrets Manager or to sign.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DONE = "succeeded"
FAILED = ("failed", "cancelled")


class NothingExported(Exception):
    """The export service refused, or its job failed; the text says why."""


class ExportCaller:
    """An export service at its whole address, such as ``http://host:8182/neptune-export``.

    Args:
        secret: of Secrets Manager, JSON with ``user`` and ``password``; None where no password is asked for.
        sign: sign requests as the job's role (an export service behind IAM).
    """

    def __init__(self, url: str, secret: str | None = None, *, sign: bool = False) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise NothingExported(f"{url!r} is no address of an export service; write http://host:8182/neptune-export")
        self._url, self._sign = url.rstrip("/"), sign
        self._headers = {"Content-Type": "application/json"}
        if secret is not None:
            import boto3

            told = json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
            pair = f"{told['user']}:{told['password']}".encode()
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()

    def export(self, request: bytes, pause_s: float = 5.0) -> dict[str, Any]:
        """The answer of the service once the export has ended. Raises NothingExported."""
        job = str(self._ask("POST", self._url, request)["jobId"])
        wait_s = min(0.2, pause_s)
        while True:
            answer = self._ask("GET", f"{self._url}/{job}")
            if answer["status"] == DONE:
                return answer
            if answer["status"] in FAILED:
                reason = answer.get("reason") or answer.get("errors") or answer
                raise NothingExported(f"export {job} {answer['status']}: {reason}")
            time.sleep(wait_s)
            wait_s = min(pause_s, wait_s * 1.5)

    def _ask(self, method: str, url: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {**self._headers, **(self._signature(method, url, body) if self._sign else {})}
        asked = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - its scheme was looked at
        try:
            with urllib.request.urlopen(asked, timeout=300) as answer:  # noqa: S310 - as above
                told: dict[str, Any] = json.loads(answer.read())
                return told
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")[:600]
            raise NothingExported(f"{method} {url} was answered with {error.code}: {text}") from error
        except urllib.error.URLError as error:
            raise NothingExported(
                f"nothing answers at {url}: {error.reason}; can the job's subnets reach it?"
            ) from error

    def _signature(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        import boto3
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        session = boto3.Session()
        credentials = session.get_credentials()
        if credentials is None:
            raise NothingExported("there are no credentials to sign with; the job's role should bring them")
        request = AWSRequest(method, url, {"Content-Type": "application/json"}, body)
        region = os.environ.get("AWS_REGION") or str(session.region_name)
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", region).add_auth(request)
        return dict(request.headers.items())


def main(arguments: Sequence[str]) -> int:
    """Export; 0, or 1 with the reason as the last line of the log and as the job's exit message."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", required=True)
    parser.add_argument("--request", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--secret")
    parser.add_argument("--sign", default="false")
    given = parser.parse_args(arguments)
    try:
        service = ExportCaller(given.service, given.secret, sign=given.sign == "true")
        answer = service.export(given.request.read_bytes())
    except NothingExported as error:
        message = Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml") / "output" / "message"
        message.parent.mkdir(parents=True, exist_ok=True)
        message.write_text(str(error), encoding="utf-8")
        sys.stderr.write(f"{error}\n")
        return 1
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(answer), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
