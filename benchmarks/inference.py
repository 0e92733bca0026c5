"""Point predictions through gremlinpython over WebSocket, beside bare calls of the endpoint, in one run.

    python benchmarks/inference.py [--seconds 5] [--home DIR]

Starts a service, trains the 20-person graph once (about 20 s), then measures at 1, 8 and 32 clients: the bare endpoint
over the kind of connection that the service has to it, a plain query and a prediction. ``added`` is the prediction's
median less that of the bare call: service, protocol and gremlinpython together.

Twice: once each client asks as often as it can, so that more clients than processors mostly wait for each other; once
each asks ``PACE`` times a second, as people and pages do, and the time counts from when the call was due. ``service``
is the service's own processor time a call. At the end: what 1,000 predictions in one query cost in calls of the
endpoint, for vertices named again and again, and for 1,000 different ones.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import random
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from gremlin_python.driver.client import Client

from workflow.client.service import start_service
from workflow.client.workflow import Workflow
from workflow.datasets import dataset
from workflow.predictions.connections import EndpointConnection

CLIENTS = (1, 8, 32)
PACE = 10


def endpoint_port(service_pid: int) -> int:
    """The port of the endpoint process that a service runs."""
    for child in psutil.Process(service_pid).children(recursive=True):
        if any(part.endswith("serve.py") for part in child.cmdline()):
            return int(child.environ()["SAGEMAKER_BIND_TO_PORT"])
    raise SystemExit("the service runs no endpoint")


def deploy(client: Workflow) -> str:
    """Train the social graph once; gives the endpoint's name."""
    chosen = dataset("social")
    for file in chosen.files:
        client.storage.write(client.bucket / "graph" / file, (chosen.folder / file).read_bytes())
    client.wait(client.load(str(client.bucket / "graph")))
    exported = client.wait(client.export(targets=[chosen.target], features=list(chosen.features)))
    processed = client.wait(client.dataprocessing(exported, id="bench-dp"))
    trained = client.wait(client.training(processed, id="bench-train", trials=2, parallel=2))
    endpoint = client.wait(client.endpoint(trained, id="bench-ep"))
    return str(endpoint.detail["endpoint"]["name"])


def measured(
    clients: int, seconds: float, opened: Callable[[], tuple[Callable[[], None], Callable[[], None]]], pace: float = 0
) -> list[float]:
    """Milliseconds of each call of that many clients side by side; each is a process, for gremlinpython needs a core.

    The first calls of each are not counted.

    Args:
        pace: calls a second of each client; 0 lets it call as often as it can.
    """
    processes = multiprocessing.get_context("fork")
    barrier, results = processes.Barrier(clients), processes.SimpleQueue()

    def work() -> None:
        call, close = opened()
        for _ in range(5):
            call()
        barrier.wait()
        own: list[float] = []
        end = time.perf_counter() + seconds
        due = time.perf_counter() + random.random() / pace if pace else 0.0
        while (began := time.perf_counter()) < end:
            if pace:
                time.sleep(max(0.0, due - began))
                began, due = due, due + 1 / pace
            call()
            own.append((time.perf_counter() - began) * 1000)
        results.put(own)
        close()

    gc.collect()
    gc.freeze()  # or each client would walk, and so copy, all that it inherits
    workers = [processes.Process(target=work) for _ in range(clients)]
    for worker in workers:
        worker.start()
    times = [taken for _ in workers for taken in results.get()]
    for worker in workers:
        worker.join()
    return times


def bare(port: int, body: bytes) -> Callable[[], tuple[Callable[[], None], Callable[[], None]]]:
    """Calls of the endpoint itself."""

    def opened() -> tuple[Callable[[], None], Callable[[], None]]:
        connection = EndpointConnection("127.0.0.1", port)

        def call() -> None:
            answer = connection.post("/invocations", body)
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"the endpoint answered {answer.status}")

        return call, connection.close

    return opened


def through(url: str, query: str) -> Callable[[], tuple[Callable[[], None], Callable[[], None]]]:
    """Queries through the service, each client with a connection of its own."""

    def opened() -> tuple[Callable[[], None], Callable[[], None]]:
        client = Client(url.replace("http", "ws", 1) + "/gremlin", "g", pool_size=1, max_workers=1)

        def call() -> None:
            if not client.submit(query).all().result():
                raise SystemExit(f"nothing came back from {query}")

        return call, client.close

    return opened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    service = start_service(arguments.home or Path(tempfile.mkdtemp(prefix="despina-bench-")))
    try:
        run(service.url, service.pid, service.workflow(), arguments.seconds)
    finally:
        service.stop()


def run(url: str, pid: int, client: Workflow, seconds: float) -> None:
    """Deploy, measure, print."""
    began = time.perf_counter()
    name = deploy(client)
    print(f"deployed in {time.perf_counter() - began:.0f} s")
    port = endpoint_port(pid)
    chosen = dataset("social")
    edge, label, start = chosen.edge_label, chosen.vertex_label, chosen.asked_id
    source = f"g.with('Neptune#ml.endpoint', '{name}')"
    hop = f".out('{edge}').with('Neptune#ml.prediction').hasLabel('{label}')"
    request: dict[str, Any] = {
        "version": "v1",
        "mode": "predict_tail",
        "data": {
            "globalParameters": {"topk": 9, "edgeType": edge, "tailNodeType": label, "exclude_flag": "none"},
            "edges": [{"headNodeId": start}],
        },
    }
    kinds = {
        "bare endpoint": bare(port, json.dumps(request).encode()),
        "plain query": through(url, f"g.V('{start}')"),
        "prediction": through(url, f"{source}.V('{start}'){hop}"),
    }
    service = psutil.Process(pid)
    for pace in (0, PACE):
        print(f"\neach client {f'{pace} times a second' if pace else 'as often as it can'}")
        print(f"{'':16}{'clients':>8}{'p50 ms':>9}{'p99 ms':>9}{'calls/s':>9}{'service':>9}")
        for clients in CLIENTS:
            medians = {}
            for kind, opened in kinds.items():
                before = processor_s(service)
                times = sorted(measured(clients, seconds, opened, pace))
                own_ms = (processor_s(service) - before) * 1000 / len(times)
                medians[kind] = statistics.median(times)
                p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
                rate = len(times) / seconds
                print(f"{kind:16}{clients:8}{medians[kind]:9.2f}{p99:9.2f}{rate:9.0f}{own_ms:9.2f}")
            print(f"{'added':16}{clients:8}{medians['prediction'] - medians['bare endpoint']:9.2f}")
    gremlin = Client(url.replace("http", "ws", 1) + "/gremlin", "g")
    many = f"{source}.inject({', '.join(['0'] * 50)}).V()"  # 50 times 20 people
    strangers = f"{source}.V().hasLabel('{label}').limit(1000)"
    questions = [
        ("50 times 20, in a row", f"{many}{hop}"),
        ("50 times 20, in by()", f"{many}.project('p').by(__{hop}.id().fold())"),
        ("1,000 different ones", f"{strangers}{hop}"),
    ]
    for kind, query in questions:
        if query.startswith(strangers):  # whom the model does not know; it is asked all the same
            gremlin.submit(f"g.inject({', '.join(['0'] * 980)}).addV('{label}').iterate()").all().result()
        before, began = answered(port), time.perf_counter()
        found = len(gremlin.submit(query).all().result())
        took_ms = (time.perf_counter() - began) * 1000
        print(f"{kind}: {found} results in {took_ms:.0f} ms and {answered(port) - before} calls of the endpoint")
    gremlin.close()


def processor_s(process: psutil.Process) -> float:
    """Seconds of a processor that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def answered(port: int) -> int:
    """How many calls the endpoint has answered."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping") as answer:
        return int(json.load(answer)["answered"])


if __name__ == "__main__":
    main()
