"""Known weight files: found, verified, fetched whole or not at all, and never replaced by something else."""

import contextlib
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vstain_bench.errors import MachineError, UsageError
from vstain_bench.networks import download, weights
from vstain_bench.networks.weights import WEIGHTS, WeightFile, WeightsStore, WeightsUnavailable

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several chunks
KNOWN = WeightFile(
    name="known",
    file="known-1234.pth",
    url="http://127.0.0.1:9/known-1234.pth",  # the discard port: nothing listens there
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="CC0-1.0",
    purpose="this test",
)


class Server(ThreadingHTTPServer):
    """Serves ``content``; with ``cut`` it hangs up after so many bytes; with ``status`` it refuses."""

    daemon_threads = True
    content: bytes = CONTENT
    announced: int = len(CONTENT)
    cut: int | None = None
    status: int = 200
    delay: float = 0.0
    requests: int = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        time.sleep(self.server.delay)
        with contextlib.suppress(OSError):  # the client may have gone
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(self.server.announced))
            self.end_headers()
            self.wfile.write(self.server.content[: self.server.cut])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield running
        running.shutdown()


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the user's own cache, proxy and settings out of these tests."""
    for name in ("VSTAIN_BENCH_WEIGHTS", "VSTAIN_BENCH_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setitem(WEIGHTS._items, "known", KNOWN)


@pytest.fixture
def served(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server whose address the registry knows."""
    known = replace(KNOWN, url=f"http://127.0.0.1:{server.server_port}/known-1234.pth")
    monkeypatch.setitem(WEIGHTS._items, "known", known)
    return server


def put(folder: Path, content: bytes = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / KNOWN.file
    path.write_bytes(content)
    return path


def test_published_files_are_recorded_in_full() -> None:
    for name in WEIGHTS:
        known = WEIGHTS[name]
        assert known.name == name
        assert len(known.sha256) == 64
        assert bytes.fromhex(known.sha256)
        assert bool(known.url) != bool(known.package)
        hashed = re.search(r"-([0-9a-f]{8,})\.\w+$", known.file)  # as torch hub names files, where it does
        assert hashed is None or known.sha256.startswith(hashed[1])


def test_channel_weights_of_the_installed_lpips_package_are_the_known_ones() -> None:
    for name in (weights.LPIPS_ALEX, weights.LPIPS_VGG):
        assert WeightsStore(offline=True).locate(name).is_file()
        assert WeightsStore(offline=True).status(name).state == "present"


def test_folders_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder that is filled hides those after it."""
    monkeypatch.setenv("VSTAIN_BENCH_WEIGHTS", str(tmp_path / "environment"))
    store = WeightsStore(tmp_path / "given", offline=True)
    for folder in ("torch/hub/checkpoints", "cache/vstain-bench/weights", "environment", "given"):
        path = put(tmp_path / folder)
        assert store.locate("known") == path
    assert store.folder == tmp_path / "given"
    assert WeightsStore(offline=True).folder == tmp_path / "environment"


def test_missing_file_is_told_with_name_folder_and_command(tmp_path: Path) -> None:
    store = WeightsStore(tmp_path / "given", offline=True)
    for ask in (store.locate, store.obtain, store.fetch):
        with pytest.raises(WeightsUnavailable) as caught:
            ask("known")
        message = str(caught.value)
        for part in (KNOWN.file, KNOWN.url, str(tmp_path / "given"), "`vstain-bench weights fetch known`"):
            assert part in message
        assert caught.value.exit_code == 6
    assert store.status("known").state == "missing"
    with pytest.raises(UsageError, match="Did you mean 'known'"):
        store.locate("knwon")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT[:-1], "bytes"),  # an interrupted download
        (b"", "0 bytes"),
        (CONTENT[:-1] + b"?", "SHA-256"),  # right size, wrong content
    ],
)
def test_a_wrong_file_is_an_error_not_a_miss(tmp_path: Path, content: bytes, message: str) -> None:
    path = put(tmp_path, content)
    store = WeightsStore(tmp_path, offline=True)
    for ask in (store.locate, store.obtain, store.fetch):
        with pytest.raises(MachineError, match=message) as caught:
            ask("known")
        assert not isinstance(caught.value, WeightsUnavailable)
    assert store.status("known").state == "damaged"
    assert path.read_bytes() == content  # the user's file is left alone


def test_a_file_is_hashed_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, path, hashed = WeightsStore(tmp_path, offline=True), put(tmp_path), []
    original = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *arguments: hashed.append(1) or original(*arguments))
    store.locate("known")
    store.locate("known")
    assert len(hashed) == 1
    time.sleep(0.02)  # the file system's clock ticks
    path.write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(MachineError, match="SHA-256"):
        store.locate("known")


def test_fetch_writes_the_whole_file_and_nothing_else(tmp_path: Path, served: Server, capsys: object) -> None:
    store = WeightsStore(tmp_path / "new")
    path = store.obtain("known", progress=True)
    assert path.read_bytes() == CONTENT
    assert [each.name for each in (tmp_path / "new").iterdir()] == [KNOWN.file]
    assert store.fetch("known") == store.obtain("known") == path
    assert served.requests == 1


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ({"content": CONTENT[:-1] + b"?"}, MachineError, "nothing was kept"),  # altered on the way
        ({"content": CONTENT + b"?", "announced": len(CONTENT) + 1}, MachineError, "nothing was kept"),  # too long
        ({"content": b"<html>", "announced": 6}, WeightsUnavailable, "broke off after 6 of"),  # a login page
        ({"cut": 300_000}, WeightsUnavailable, "broke off after"),  # the connection is cut
        ({"status": 404}, WeightsUnavailable, "HTTP 404"),
    ],
)
def test_a_failed_fetch_leaves_nothing(
    tmp_path: Path, served: Server, fault: dict[str, object], error: type[MachineError], message: str
) -> None:
    for name, value in fault.items():
        setattr(served, name, value)
    with pytest.raises(MachineError, match=message) as caught:
        WeightsStore(tmp_path / "new").fetch("known")
    assert type(caught.value) is error
    assert list((tmp_path / "new").iterdir()) == []
    for name in fault:
        delattr(served, name)
    assert WeightsStore(tmp_path / "new").fetch("known").read_bytes() == CONTENT  # starts anew, resumes nothing


def test_the_file_appears_under_its_name_only_when_complete(
    tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    original = Path.replace

    def watched(part: Path, target: Path) -> Path:
        seen.append(sorted(each.name for each in target.parent.iterdir()))
        assert part.read_bytes() == CONTENT
        return original(part, target)

    monkeypatch.setattr(Path, "replace", watched)
    WeightsStore(tmp_path / "new").fetch("known")
    assert len(seen) == 1
    assert KNOWN.file not in seen[0]


def test_without_network_the_failure_comes_at_once_and_once(tmp_path: Path) -> None:
    store, start = WeightsStore(tmp_path), time.perf_counter()
    for _ in range(3):
        with pytest.raises(WeightsUnavailable, match="does not answer"):
            store.obtain("known")
    assert time.perf_counter() - start < 8


def test_a_silent_server_has_a_deadline(tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    served.delay = 0.6
    monkeypatch.setattr(download, "OPEN_SECONDS", 0.1)
    with pytest.raises(WeightsUnavailable, match="no answer within"):
        WeightsStore(tmp_path / "new").fetch("known")
    assert list((tmp_path / "new").iterdir()) == []
    time.sleep(0.8)  # the late answer is thrown away without a word


@pytest.mark.parametrize("by_environment", [True, False])
def test_offline_asks_nobody(
    tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch, by_environment: bool
) -> None:
    if by_environment:
        monkeypatch.setenv("VSTAIN_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsUnavailable, match="switched off"):
        WeightsStore(tmp_path, offline=not by_environment).obtain("known")
    assert served.requests == 0


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, served: Server) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MachineError, match="cannot be made") as caught:
        WeightsStore(tmp_path / "file").fetch("known")
    assert str(tmp_path / "file") in str(caught.value)


def test_the_store_in_use_ends_with_its_block(tmp_path: Path) -> None:
    before = weights.current_store()
    with weights.use_store(WeightsStore(tmp_path)) as store:
        assert weights.current_store() is store
    assert weights.current_store() is before
