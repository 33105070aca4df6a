"""Writing files so that each is either absent or complete."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vstain_bench.errors import MachineError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it is synced to disk and renamed to ``path``.

    On any exception the temporary is removed and what lay at ``path`` stays.

    Raises:
        MachineError: the file cannot be written; faults of a network pass as they are.
    """
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=path.suffix, dir=path.parent)
        os.close(descriptor)
        temporary = Path(name)
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        with suppress(OSError):  # not every system lets a folder be opened
            _sync(path.parent)
    except (ConnectionError, TimeoutError):
        raise
    except OSError as fault:
        raise MachineError(
            where=str(path),
            found=f"it cannot be written ({fault.strerror or fault})",
            expected="a folder with free space and write permission",
            next_step="Make room and give the same command again.",
        ) from fault
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def publish_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
