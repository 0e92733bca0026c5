"""Run notebook cells in a Jupyter kernel, by the Python that has Jupyter.

Reads a JSON list of cells from standard input; writes a JSON list of {"text", "error", "failure"}: what the cell
printed, the exception that ended it, and what graph-notebook's ``graph_notebook_error`` held afterwards (its cells do
not raise).
"""

import json
import queue
import sys

from jupyter_client import KernelManager

CELL_TIMEOUT_S = 300


def run(client, code):
    """Execute one cell and gather what it said."""
    asked = client.execute(code)
    text, error = [], None
    while True:
        message = client.get_iopub_msg(timeout=CELL_TIMEOUT_S)
        if message["parent_header"].get("msg_id") != asked:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            text.append(content["text"])
        elif kind in ("execute_result", "display_data", "update_display_data"):
            text.append(content["data"].get("text/html") or content["data"].get("text/plain") or "")
        elif kind == "error":
            error = f"{content['ename']}: {content['evalue']}"
        elif kind == "status" and content["execution_state"] == "idle":
            return "".join(text), error


def main():
    cells = json.load(sys.stdin)
    manager = KernelManager()
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    results = []
    try:
        for code in cells:
            run(client, "graph_notebook_error = None")
            try:
                text, error = run(client, code)
            except queue.Empty:
                results.append(
                    {"text": "", "error": f"the cell did not end within {CELL_TIMEOUT_S} s", "failure": None}
                )
                break
            failure, _ = run(client, "print(graph_notebook_error)")
            results.append({"text": text, "error": error, "failure": None if failure.strip() == "None" else failure})
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
