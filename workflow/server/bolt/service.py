"""What all Bolt connections of a service share."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from workflow.cypher.running.options import Ids
from workflow.cypher.wire.messages import HOME_DATABASE, SYSTEM
from workflow.server.access.auth import Policy
from workflow.server.access.signatures import NotAuthenticated, check_claim, check_signature
from workflow.server.bolt.failures import DatabaseNotFound
from workflow.server.cypher.execution import CypherRunner
from workflow.server.services import Services

WORKERS: Final = 64
MOST_BYTES: Final = 64 << 20
MOST_BYTES_BEFORE_LOGIN: Final = 64 << 10
AGENT: Final = "Neo4j/5.26.0"  # drivers take nobody else for a server; the version is of what is spoken


_IDS: Final[dict[str, Ids]] = {"integer": "integer", "neptune": "text"}


class BoltService:
    """Belongs to the event loop, but for what its workers call."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self.policy = Policy.of(settings)
        self.budget = services.budget
        self.runner = CypherRunner(
            services.cypher,
            settings.profile,
            services.cypher_queries,
            settings.query_timeout_ms,
            ids=_IDS[settings.bolt_ids],
        )
        self.workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="bolt")
        self.agent = AGENT
        self.address = f"{settings.host}:{settings.port}"
        self.most_bytes, self.most_bytes_before_login = MOST_BYTES, MOST_BYTES_BEFORE_LOGIN
        self._numbers = itertools.count(1)

    def next_number(self) -> int:
        """A number for a connection."""
        return next(self._numbers)

    def database(self, name: str) -> tuple[str, str]:
        """The name of a database as drivers are told it, and its graph. Raises DatabaseNotFound."""
        if name in ("", HOME_DATABASE):
            self.runner.check_graph("g")
            return HOME_DATABASE, "g"
        if name == SYSTEM:
            return SYSTEM, "g"
        if name not in self.runner.engines:
            raise DatabaseNotFound(name, ", ".join((HOME_DATABASE, *sorted(self.runner.engines))))
        return name, name

    def check(self, user: str, secret: str) -> str:
        """Check a password, or a signature that comes in its place; who that is. Raises NotAuthenticated."""
        if self.policy.access_keys and secret.lstrip().startswith("{"):
            return self._check_signature(secret)
        if not self.policy.knows(user, secret):
            raise NotAuthenticated("The client is unauthorized due to authentication failure.")
        return user

    def _check_signature(self, secret: str) -> str:
        """The headers of a signed ``GET /opencypher`` as JSON, as clients of Neptune with IAM send them."""
        try:
            given: Any = json.loads(secret)
            headers = [(str(name).lower().encode(), str(value).encode()) for name, value in given.items()]
        except (ValueError, AttributeError, RecursionError) as error:
            raise NotAuthenticated("The credentials are no JSON object of the headers of a signed request.") from error
        scope = {"method": "GET", "path": "/opencypher", "query_string": b"", "headers": headers}
        authorization = next((value.decode() for name, value in headers if name == b"authorization"), "")
        claim = check_claim(self.policy.access_keys, self.policy.now(), scope, authorization)
        check_signature(claim, scope, b"")
        return claim.signature.key_id
