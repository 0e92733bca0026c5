"""One address, three published clients: boto3's ``neptunedata``, gremlinpython, and HTTP for the export service."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from workflow.client.checks.hints import with_nearest_clause, with_nearest_step
from workflow.client.checks.members import members_of_guide, problems_of_shape
from workflow.client.checks.problems import refuse
from workflow.errors import InvalidParameter, WorkflowError
from workflow.neptune.responses import DETAILS_HEADER
from workflow.settings import Settings

if TYPE_CHECKING:
    from gremlin_python.driver.client import Client

DEFAULT_URL = "http://127.0.0.1:8182"
CONNECT_TIMEOUT_S = 10
NO_CREDENTIALS = "Signing was asked for and no AWS credentials were found; configure them or leave signing off."


class ServiceError(WorkflowError):
    """What the service answered, in its own words."""

    def __init__(self, message: str, code: str, status: int) -> None:
        super().__init__(message)
        self.code, self.status = code, status  # type: ignore[misc]  # the class names a default, the answer decides


class ServiceUnreachable(WorkflowError):
    """Nothing answers at the address, or nobody whom its certificate names."""

    def __init__(self, url: str, reason: object) -> None:
        if "CERTIFICATE_VERIFY_FAILED" in str(reason):
            message = (
                f"The certificate of {url} is not trusted ({reason}). Where it is one of your own, name its file in "
                "SSL_CERT_FILE and AWS_CA_BUNDLE."
            )
        elif "WRONG_VERSION_NUMBER" in str(reason):
            message = f"The service at {url} speaks no TLS; write its address as http://."
        else:
            message = (
                f"Nothing answers at {url} ({reason}). Start the service with `despina serve`, or name another with "
                "--url."
            )
        super().__init__(message)
        self.url = url


class Connection:
    """Where the service is and how to talk to it.

    Args:
        url: ``http(s)://host:port`` of the service or of a Neptune cluster; ``http(s)://user:password@host:port`` where
            the service asks for a password, which is kept out of every message.
        region: AWS region the signature names; by default that of the AWS variables.
        sign: sign with SigV4 from the caller's AWS credentials (a cluster with IAM authentication); otherwise unsigned.
        export_url: of the export service; by default ``<url>/neptune-export``.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        region: str | None = None,
        sign: bool = False,
        export_url: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidParameter(f"{shown!r} is not an address of a service; write it as http://host:port.")
        self.url = shown.rstrip("/")
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self.region, self.sign = region or Settings.from_environment().region, sign
        self.export_url = (export_url or f"{self.url}/neptune-export").rstrip("/")
        self._raw: dict[str, Any] = {}
        self._beside: dict[str, Any] = {}  # members of the guide that botocore does not know, of the call that runs
        self._neptunedata: Any = None
        # one of its own: the process-wide one knows for ever the certificates of its first use
        self._opener: urllib.request.OpenerDirector | None = None

    @property
    def websocket_url(self) -> str:
        return "ws" + self.url.removeprefix("http") + "/gremlin"

    @property
    def neptunedata(self) -> Any:
        """The unmodified boto3 client."""
        if self._neptunedata is None:
            import boto3  # half a second to import; commands that never call the API do without
            from botocore import UNSIGNED
            from botocore.config import Config

            # starting a job twice because a slow first answer was given up on would cost the user a job
            config = Config(
                retries={"total_max_attempts": 1},
                read_timeout=300,
                signature_version="v4" if self.sign else UNSIGNED,
            )
            client = boto3.client("neptunedata", endpoint_url=self.url, region_name=self.region, config=config)
            client.meta.events.register("before-call.neptunedata", self._add_to_request)
            client.meta.events.register("after-call.neptunedata", self._keep_raw)
            self._neptunedata = client
        return self._neptunedata

    def _model(self, operation: str) -> Any:
        """What botocore knows of an operation."""
        meta = self.neptunedata.meta
        return meta.service_model.operation_model(meta.method_to_api_mapping[operation])

    def _add_to_request(self, params: dict[str, Any], **_: Any) -> None:
        params["headers"] |= {DETAILS_HEADER: "true", **self._basic()}
        if self._beside:
            params["body"] = json.dumps({**json.loads(params["body"] or b"{}"), **self._beside}).encode()

    def _basic(self) -> dict[str, str]:
        if not self._user:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()}

    def _keep_raw(self, http_response: Any, **_: Any) -> None:
        try:
            self._raw = json.loads(http_response.content)
        except ValueError:
            self._raw = {}

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation of ``neptunedata``, such as ``start_ml_model_training_job``.

        Arguments that are None are left out. Returns the service's JSON answer whole: the members of Neptune's model,
        and what the service adds to them (such as ``progress``).
        """
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            EndpointConnectionError,
            NoCredentialsError,
            ParamValidationError,
        )

        given = {name: value for name, value in arguments.items() if value is not None}
        model = self._model(operation)
        known = {} if model.input_shape is None else model.input_shape.members
        beside = members_of_guide(model.name) & (given.keys() - known.keys())
        self._beside = {name: given.pop(name) for name in sorted(beside)}
        try:
            parsed = getattr(self.neptunedata, operation)(**given)
        except ClientError as error:
            answer = error.response
            raise ServiceError(
                str(answer.get("detailedMessage") or answer["Error"].get("Message") or error),
                str(answer["Error"].get("Code")),
                int(answer["ResponseMetadata"]["HTTPStatusCode"]),
            ) from error
        except EndpointConnectionError as error:
            raise ServiceUnreachable(self.url, "connection refused") from error
        except NoCredentialsError as error:
            raise InvalidParameter(NO_CREDENTIALS) from error
        except ParamValidationError as error:
            refuse(problems_of_shape(model.input_shape, given))
            raise InvalidParameter(str(error)) from error
        except BotoCoreError as error:
            raise ServiceUnreachable(self.url, error) from error
        parsed.pop("ResponseMetadata", None)
        return {**parsed, **self._raw}

    def http(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        timeout_s: float = 300,
        service: str = "execute-api",
    ) -> Any:
        """A JSON request outside boto3's model, such as the export service's. Signed for ``service`` if at all."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self._basic()}
        if self.sign:
            headers |= self._signature(method, url, data, service)
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - scheme checked
        if self._opener is None:
            self._opener = urllib.request.build_opener()
        try:
            with self._opener.open(request, timeout=timeout_s) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                detail = json.loads(text)
            except ValueError:
                detail = {}
            raise ServiceError(
                detail.get("detailedMessage") or text or str(error), detail.get("code", error.reason), error.code
            ) from error
        except urllib.error.URLError as error:
            raise ServiceUnreachable(url, error.reason) from error

    def cypher(self, text: str, parameters: Mapping[str, Any] | None = None, graph: str = "g") -> list[dict[str, Any]]:
        """Run openCypher over HTTP and return its rows: elements are maps with ``~id``, as Neptune writes them."""
        body = {"query": text, "parameters": json.dumps(dict(parameters or {}))}
        if graph != "g":
            body["graph"] = graph  # a member of this service's; Neptune has one graph
        try:
            answer = self.http("POST", f"{self.url}/openCypher", body, service="neptune-db")
        except ServiceError as error:
            raise ServiceError(with_nearest_clause(error.message, text), error.code, error.status) from error
        rows: list[dict[str, Any]] = answer["results"]
        return rows

    def _check_reachable(self) -> None:
        """Raise ServiceUnreachable before gremlinpython does: refused, it leaves its session and loop open."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            with socket.create_connection((str(parts.hostname), port), CONNECT_TIMEOUT_S) as line:
                if parts.scheme == "https":
                    ssl.create_default_context().wrap_socket(line, server_hostname=parts.hostname).close()
        except ssl.SSLError as error:
            raise ServiceUnreachable(self.url, error) from error
        except OSError as error:
            raise ServiceUnreachable(self.url, error.strerror or error) from error

    def _signature(self, method: str, url: str, data: bytes | None, service: str) -> dict[str, str]:
        import botocore.session
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        credentials = botocore.session.get_session().get_credentials()
        if credentials is None:
            raise InvalidParameter(NO_CREDENTIALS)
        request = AWSRequest(method=method, url=url, data=data)
        SigV4Auth(credentials, service, self.region).add_auth(request)
        return dict(request.headers)

    @contextmanager
    def gremlin(self, traversal_source: str = "g") -> Iterator[Client]:
        """The unmodified gremlinpython client over WebSocket; closed at the end."""
        from gremlin_python.driver.aiohttp.transport import AiohttpTransport
        from gremlin_python.driver.client import Client

        headers = self._signature("GET", f"{self.url}/gremlin", None, "neptune-db") if self.sign else None
        # a context of now: the driver's own keeps the certificates of when it was imported
        encryption = {"ssl_options": ssl.create_default_context()} if self.url.startswith("https:") else {}
        opened: list[AiohttpTransport] = []

        def transport() -> AiohttpTransport:
            opened.append(AiohttpTransport(**encryption))
            return opened[-1]

        client = Client(
            self.websocket_url,
            traversal_source,
            transport_factory=transport,
            username=self._user,
            password=self._password,
            headers=headers,
        )
        try:
            yield client
        finally:
            client.close()
            for one in opened:  # the driver forgets those that were refused, or failed a query
                one.close()

    def query(self, text: str, bindings: Mapping[str, Any] | None = None, traversal_source: str = "g") -> list[Any]:
        """Run Gremlin text and return all results; also where an event loop runs, as in a notebook."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._query(text, bindings, traversal_source)
        # gremlinpython runs a loop of its own, and a thread has room for one
        with ThreadPoolExecutor(1, thread_name_prefix="query") as pool:
            return pool.submit(self._query, text, bindings, traversal_source).result()

    def _query(self, text: str, bindings: Mapping[str, Any] | None, traversal_source: str) -> list[Any]:
        from aiohttp import ClientError
        from gremlin_python.driver.protocol import ConfigurationError, GremlinServerError

        self._check_reachable()
        logging.getLogger("gremlinpython").setLevel(logging.CRITICAL)  # the driver logs what it raises
        try:
            with self.gremlin(traversal_source) as client:
                return list(client.submit(text, dict(bindings or {})).all().result())
        except GremlinServerError as error:
            # from None: what the driver raised says the same again, in fifty lines of traceback
            raise ServiceError(
                with_nearest_step(_reason(error.status_message), text), "QueryError", int(error.status_code)
            ) from None
        except ConfigurationError as error:
            raise ServiceError(
                "The service asks for a user and a password; write the address as http://user:password@host:port.",
                "AccessDeniedException",
                403,
            ) from error
        except (ClientError, OSError) as error:
            raise ServiceUnreachable(self.websocket_url, error) from error
        except Exception as error:
            # gremlinpython's own way to say that the handshake was answered with an HTTP error
            if "HTTP Error code 403" not in str(error):
                raise
            raise ServiceError(
                f"{self.websocket_url} refused these credentials.", "AccessDeniedException", 403
            ) from error


def _reason(status_message: str) -> str:
    """Neptune puts its JSON error object, as text, where other servers put the message."""
    try:
        detail = json.loads(status_message)
    except ValueError:
        return status_message
    if not isinstance(detail, dict):
        return status_message
    code = detail.get("code")
    message = str(detail.get("detailedMessage") or status_message)
    return f"{code}: {message}" if code else message
