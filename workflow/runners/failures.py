"""Why a program failed, in words: its own reason, the signal decoded, its last lines, its peak, what to change."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil

from workflow.neptune.progress import size
from workflow.runners.process import Ending

REASON_LENGTH = 1024  # what SageMaker shows of a failure file
_TAIL_BYTES = 16_384
_TAIL_LINES = 6

#: share of the machine's memory below which a program that was killed was not the one that used it up
LITTLE = 0.25

_OUT_OF_MEMORY = (
    "the usual cause is that the machine ran out of memory: run fewer trials at once (maxHPOParallelTrainingJobs), "
    "a smaller batch-size or num-hidden, or take a machine with more memory"
)
_ADVICE = {
    "SIGSEGV": "native code crashed; the log's last lines tell in which step, and a different model may avoid it",
    "SIGBUS": "a file it had mapped changed or the disk is full; free some space and start the job again",
    "SIGILL": "a native library was built for another processor; install one built for this machine",
    "SIGABRT": "a native library gave up; the log's last lines say why",
    "SIGXCPU": "it used up its processor time",
    "SIGTERM": "somebody stopped it from outside the service; start the job again",
}


def explain(
    name: str,
    ending: Ending,
    failure: Path,
    log: Path,
    timeout_s: int,
    timeout_field: str,
    memory_bytes: int | None = None,
) -> str:
    """The failure reason of a program that did not succeed.

    Args:
        name: what ran, for the sentence.
        failure: the container's failure file, which need not exist.
        log: of the program.
        timeout_field: the request member that would have given it more time.
        memory_bytes: of the machine; what this one has where not given.
    """
    told = _read_tail(failure, REASON_LENGTH).strip()
    peak = f"peak memory {size(ending.peak_memory_bytes)}" if ending.peak_memory_bytes else "peak memory unknown"
    facts = f"{peak}, after {ending.wall_s:.0f} s; log: {log}"
    if ending.outcome == "timeout":
        return f"{name} ran past its limit of {timeout_s} s and was stopped; raise {timeout_field}. ({facts})"
    if told:
        return f"{told} (exit code {_code(ending)}, {facts})"
    lines = last_lines(log)
    tail = f" Last lines of the log: {lines}" if lines else " It wrote nothing to its log."
    shell_code = (ending.exit_code or 0) - 128  # a shell says 128 + n for a child that signal n ended
    number = ending.signal or (shell_code if shell_code > 0 else None)
    if number is not None:
        title = _signal_name(number)
        advice = _killed(ending, memory_bytes) if title == "SIGKILL" else _ADVICE.get(title)
        what = f"{name} was ended by {title} ({signal.strsignal(number) or 'unknown signal'})"
        return f"{what}{'; ' + advice if advice else ''}. ({facts}){tail}"
    return f"{name} failed with exit code {_code(ending)}. ({facts}){tail}"


def _killed(ending: Ending, memory_bytes: int | None) -> str:
    """What SIGKILL means, by how much memory the program had at its peak."""
    there = psutil.virtual_memory().total if memory_bytes is None else memory_bytes
    if not ending.peak_memory_bytes or ending.peak_memory_bytes >= LITTLE * there:
        return _OUT_OF_MEMORY
    return (
        f"its own memory was little of the {size(there)} that the machine has, so something outside it ended it: a "
        "person, a supervisor, or the system because others had used up the memory; start the job again"
    )


def last_lines(log: Path) -> str:
    """The last few lines of a log that say something, joined by `` | ``."""
    lines = [line.strip()[:300] for line in _read_tail(log, _TAIL_BYTES).splitlines() if line.strip()]
    return " | ".join(lines[-_TAIL_LINES:])


def _read_tail(path: Path, length: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - length))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _code(ending: Ending) -> str:
    return "unknown" if ending.exit_code is None else str(ending.exit_code)
