"""A folder that one job at a time writes into, and whether what it holds is the same job."""

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from filelock import FileLock, Timeout

from vstain_bench.base.files import make_folder, publish_json
from vstain_bench.errors import MachineError, UsageError

Settings = Mapping[str, object]


class JobFolder:
    """The folder of one job: held by one process at a time, and never mixed with a job of other settings."""

    job: ClassVar[str] = "run"
    """What writes into it, for the messages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path / "run.json"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Create the folder, prove that it can be written, and hold it alone; a second process is refused at once.

        A folder that nothing was written into is removed again.

        Raises:
            MachineError: It cannot be written, or another process holds it.
        """
        _prove_writable(self.path)
        lock, owner = FileLock(self.path / ".lock"), self.path / ".owner.json"
        try:
            lock.acquire(timeout=0.2)
        except Timeout as fault:
            holder = owner.read_text(encoding="utf-8") if owner.is_file() else "unknown"
            raise MachineError(
                where=f"--out {self.path}",
                found=f"another {self.job} is using the folder ({holder.strip()})",
                next_step="Wait for it, or choose another --out.",
            ) from fault
        try:
            since = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            holder = json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since})
            owner.write_text(holder, encoding="utf-8")
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()
            _leave_nothing_behind(self.path)

    def require_same(self, kept: Settings, wanted: Settings) -> None:
        """Refuse to continue a job under other settings than those that it was begun with.

        Raises:
            UsageError: They differ; every difference is named.
        """
        lines = differences(kept, json.loads(json.dumps(wanted)), "there", "now")
        if lines:
            raise UsageError(
                where=f"--out {self.path}",
                found=f"the folder holds another {self.job}:\n" + "\n".join(lines) + "\n",
                next_step="Choose another --out, or remove the folder to start over.",
            )

    def write_facts(self, facts: Settings) -> None:
        """Write run.json: times, machine and versions, which no other file holds."""
        publish_json(self.run, facts)


def differences(first: Settings, second: Settings, here: str, there: str) -> list[str]:
    """Return a line for each setting in which two jobs differ, named by where each value stands."""
    ours, theirs = _flat(first), _flat(second)
    return [
        f"  {key}: {_short(ours.get(key))} {here}, {_short(theirs.get(key))} {there}"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]


def _flat(values: Settings, prefix: str = "") -> dict[str, object]:
    """Return nested values under dotted keys."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _prove_writable(path: Path) -> None:
    make_folder(path, f"--out {path}")
    try:
        probe = path / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as fault:
        raise MachineError(
            where=f"--out {path}",
            found=f"the folder cannot be written ({fault.strerror})",
            expected="a folder with write permission and free space",
        ) from fault


def _leave_nothing_behind(path: Path) -> None:
    """Remove the folder again when the job was refused before it wrote anything."""
    if {entry.name for entry in path.iterdir()} <= {".lock"}:
        with suppress(OSError):
            (path / ".lock").unlink(missing_ok=True)
            path.rmdir()
