"""Writing files so that each is either absent or complete."""

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vstain_bench.errors import MachineError, UsageError, VstainError


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


def make_folder(path: Path, option: str) -> None:
    """Make a folder and those above it; ``option`` is what the user calls it.

    Raises:
        MachineError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise MachineError(
            where=option,
            found=f"the folder cannot be made ({fault.strerror or fault})",
            expected="a place with write permission and free space",
        ) from fault


def to_json(content: object, *, sort_keys: bool = False) -> str:
    """Return strict JSON: no NaN, one space of indentation, a newline at the end."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys) + "\n"


def publish_json(path: Path, content: object) -> None:
    """Write a JSON file, whole or not at all."""
    publish_text(path, to_json(content))


def publish_csv(path: Path, header: Sequence[object], lines: Iterable[Sequence[object]]) -> None:
    """Write a CSV file, whole or not at all."""
    publish_text(path, csv_text([header, *lines]))


def csv_text(lines: Iterable[Sequence[object]]) -> str:
    """Return lines of CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def read_json(path: Path, kind: str, **stated: Any) -> dict[str, Any]:
    """Return the object in a JSON file of ours; arguments and faults as those of ``parse_json``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise stated.get("fault", UsageError)(
            where=str(path), found=f"it cannot be read ({fault})", expected=kind, next_step=stated.get("next_step", "")
        ) from fault
    return parse_json(text, str(path), kind, **stated)


def parse_json(
    text: str,
    where: str,
    kind: str,
    *,
    version: tuple[str, object] | None = None,
    next_step: str = "",
    fault: type[VstainError] = UsageError,
) -> dict[str, Any]:
    """Return the object that a text in JSON holds, of the version that is read here.

    Args:
        text: The text.
        where: Where it stands, for the messages.
        kind: What it should be, e.g. "the card of a training".
        version: The key that says the version, and the version.
        next_step: What the user can do about another file or version.
        fault: What is raised.
    """
    key, wanted = version or ("", None)
    try:
        content = json.loads(text)
        found = "" if isinstance(content, dict) else "no JSON object"
    except ValueError as broken:
        content, found = {}, f"it is not JSON ({broken})"
    if not found and content.get(key) != wanted:
        found = f"{key} {content.get(key)!r}, expected {wanted!r}"
    if found:
        raise fault(where=where, found=found, expected=kind, next_step=next_step)
    return dict(content)
