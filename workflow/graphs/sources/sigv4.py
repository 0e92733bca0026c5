"""Signatures for a database that asks for them: a Neptune cluster with IAM authentication.

Source: Neptune user guide, "Connecting to your Neptune database using IAM authentication": the WebSocket's handshake is
a signed GET for the service ``neptune-db``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workflow.errors import AccessDenied

Signer = Callable[[str], Mapping[str, str]]
"""Gives the headers of a handshake with an address."""

SERVICE = "neptune-db"


def signer(region: str) -> Signer:
    """What signs with the credentials that AWS's own variables and files name, renewed as boto3 renews them."""
    import botocore.session

    session = botocore.session.get_session()

    def sign(url: str) -> Mapping[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        credentials = session.get_credentials()
        if credentials is None:
            raise AccessDenied("the database asks for signed requests, and there are no AWS credentials; set them up")
        request = AWSRequest("GET", "http" + url.removeprefix("ws"))
        SigV4Auth(credentials.get_frozen_credentials(), SERVICE, region).add_auth(request)
        return dict(request.headers.items())

    return sign
