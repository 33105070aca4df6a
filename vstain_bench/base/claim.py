"""A folder that one job at a time writes into."""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from vstain_bench.errors import MachineError


@contextmanager
def claimed(path: Path, job: str) -> Iterator[None]:
    """Create the folder, prove that it can be written, and hold it alone; told at once when another job does.

    A folder that nothing was written into is removed again.

    Args:
        path: The folder.
        job: What writes into it, for the messages: ``run``, ``prediction``.

    Raises:
        MachineError: It cannot be written, or another process holds it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as fault:
        raise MachineError(
            where=f"--out {path}",
            found=f"the folder of the {job} cannot be written ({fault.strerror})",
            expected="a folder with write permission and free space",
        ) from fault
    lock, owner = FileLock(path / ".lock"), path / ".owner.json"
    try:
        lock.acquire(timeout=0.2)
    except Timeout as fault:
        told = owner.read_text(encoding="utf-8") if owner.is_file() else "unknown"
        raise MachineError(
            where=f"--out {path}",
            found=f"another {job} is using the folder ({told.strip()})",
            next_step="Wait for it, or choose another --out.",
        ) from fault
    try:
        since = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        owner.write_text(json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since}), encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()
        _leave_nothing_behind(path)


def _leave_nothing_behind(path: Path) -> None:
    """Remove the folder again when the job was refused before it wrote anything."""
    if {entry.name for entry in path.iterdir()} <= {".lock"}:
        with suppress(OSError):
            (path / ".lock").unlink(missing_ok=True)
            path.rmdir()
