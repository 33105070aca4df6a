"""One file from the network to the disk: whole and with the right hash, or not at all.

The bytes go to a temporary file beside the target, which takes the target's name only after size and SHA-256 are
right and the data is on the disk. Without a network the failure comes within seconds: the opening of the
connection, name resolution included, has one deadline.
"""

import hashlib
import http.client
import queue
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vstain_bench.base.files import make_folder, replacing
from vstain_bench.errors import MachineError

OPEN_SECONDS = 5.0
"""Longest wait for an answer of the server."""
STALL_SECONDS = 20.0
"""Longest wait for the next bytes once the server has answered."""
CHUNK = 1 << 18


def download(url: str, target: Path, *, size: int, sha256: str, progress: bool | None = None) -> None:
    """Write the content of ``url`` to ``target``, atomically.

    Raises:
        ConnectionError: The server cannot be reached, refuses, or breaks off.
        TimeoutError: It does not answer in time.
        MachineError: The content has another size or hash, or the target cannot be written.
    """
    make_folder(target.parent, f"--weights-dir {target.parent}")
    with replacing(target) as part:
        with part.open("wb") as stream, _progress_bar(target.name, size, progress) as advance:
            found = _copy(url, stream.write, advance, limit=size)
        _refuse_other_content(url, found, (size, sha256))


def _refuse_other_content(url: str, found: tuple[int, str], expected: tuple[int, str]) -> None:
    if found[0] < expected[0]:
        raise ConnectionResetError(f"it broke off after {found[0]:,} of {expected[0]:,} bytes")
    if found != expected:
        raise MachineError(
            where=url,
            found=f"{found[0]:,} bytes or more, SHA-256 {found[1]}; nothing was kept",
            expected=f"{expected[0]:,} bytes, SHA-256 {expected[1]}",
            next_step="Something between here and the server may alter downloads; get the file another way.",
        )


def _copy(url: str, write: Callable[[bytes], object], advance: Callable[[int], None], *, limit: int) -> tuple[int, str]:
    """Write what the server sends, up to one chunk past ``limit``; return the number of bytes and their SHA-256."""
    sha256, total = hashlib.sha256(), 0
    with _open(url) as response:
        while total <= limit:
            try:
                chunk = response.read(CHUNK)
            except TimeoutError as fault:
                raise TimeoutError(f"no byte came for {STALL_SECONDS:.0f} s") from fault
            except (http.client.HTTPException, OSError) as fault:
                raise ConnectionResetError(f"it broke off after {total:,} bytes ({fault})") from fault
            if not chunk:
                break
            write(chunk)
            sha256.update(chunk)
            total += len(chunk)
            advance(len(chunk))
    return total, sha256.hexdigest()


def _open(url: str) -> http.client.HTTPResponse:
    """Return the opened response, or fail within ``OPEN_SECONDS``.

    A socket's own timeout neither covers name resolution nor adds up over a host's addresses; hence the thread.
    """
    answers: queue.SimpleQueue[http.client.HTTPResponse | BaseException] = queue.SimpleQueue()
    gone = threading.Event()

    def ask() -> None:
        try:
            response: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=STALL_SECONDS)
        except BaseException as fault:
            answers.put(fault)
            return
        if gone.is_set():
            response.close()
        answers.put(response)

    threading.Thread(target=ask, name="open download", daemon=True).start()
    try:
        answer = answers.get(timeout=OPEN_SECONDS)
    except queue.Empty:
        gone.set()
        raise TimeoutError(f"no answer within {OPEN_SECONDS:.0f} s") from None
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()
        raise ConnectionRefusedError(f"HTTP {answer.code} {answer.reason}") from None
    if isinstance(answer, (OSError, http.client.HTTPException)):
        raise ConnectionRefusedError(str(getattr(answer, "reason", answer))) from answer
    if isinstance(answer, BaseException):
        raise answer
    return answer


@contextmanager
def _progress_bar(label: str, size: int, wanted: bool | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances a bar on stderr by some bytes; it draws nothing where none is wanted."""
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield lambda _count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=size)
        yield lambda count: bar.advance(task, count)
