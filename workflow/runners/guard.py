"""The small program that stands between the service and each job, so that a job never outlives the service.

Run as ``python -I -S guard.py STATUS GRACE_S COMMAND…`` with a pipe on stdin. It starts the command in a process group
of its own and waits. When the pipe closes (the service is gone, however it went) or a byte arrives (the service wants
the job stopped), the group gets SIGTERM, and SIGKILL after the grace. At the end whatever is left of the group is
killed, and STATUS is written: exit code, signal, peak memory.

A process of its own because PR_SET_PDEATHSIG alone follows the *thread* that started the child, does not exist outside
Linux, and needs code between fork and exec, which is unsafe in a service with threads.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1


def main(status_path: str, grace_s: float, command: list[str]) -> int:
    """Run the command to its end; 0 unless it could not even be started."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    began = time.time()
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        _become(command, guard)
    with contextlib.suppress(OSError):  # the child does the same; whoever comes first
        os.setpgid(child, child)
    status, usage = _attend(child, wake_read, grace_s)
    _signal_group(child, signal.SIGKILL)
    ended = {
        "exit_code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "peak_memory_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "wall_s": time.time() - began,
    }
    with open(status_path + ".partial", "w") as file:
        json.dump(ended, file)
    os.replace(status_path + ".partial", status_path)
    return 0


def _attend(child: int, wake: int, grace_s: float) -> tuple[int, "os.resource.struct_rusage"]:  # type: ignore[name-defined]
    deadline: float | None = None
    watched = [0, wake]
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid == child:
            return status, usage
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(watched, [], [], timeout)
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
        if 0 in ready:
            if not os.read(0, 1):
                watched = [wake]  # end of file stays readable; do not spin on it
                grace_s = min(grace_s, 1.0)
            if deadline is None:
                deadline = time.monotonic() + grace_s
                _signal_group(child, signal.SIGTERM)
        if deadline is not None and time.monotonic() >= deadline:
            _signal_group(child, signal.SIGKILL)
            deadline = time.monotonic() + 1.0


def _become(command: list[str], guard: int) -> None:
    """In the forked child: a group of its own, death with the guard, then the command."""
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != guard:  # it died before prctl took effect
                os._exit(1)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.execvp(command[0], command)  # noqa: S606 - the command comes from the runner, no shell
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error}\n".encode())
    os._exit(127)


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
