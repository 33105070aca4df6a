"""What tests share: small synthetic tiles, seeded weights in place of the published ones, and the real tiles' place."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.browser import CHROMIUM
from tests.networks.seeded_weights import seeded_weights
from vstain_bench.phantom import PhantomSet, write_phantom

__all__ = ["seeded_weights"]

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

torch.set_num_threads(1)  # results are fixed per number of threads


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test asks the network for weights, and none finds the user's own."""
    monkeypatch.setenv("VSTAIN_BENCH_OFFLINE", "1")
    monkeypatch.setenv("VSTAIN_BENCH_WEIGHTS", str(tmp_path_factory.getbasetemp() / "no-weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.getbasetemp() / "no-torch-home"))


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> PhantomSet:
    """Twelve tiles of 64 px of three patients, with two simulated models; read only."""
    folder = tmp_path_factory.mktemp("phantom")
    written = write_phantom(folder, groups=3, tiles_per_group=4, size=64, seed=3)
    for path in folder.rglob("*.png"):
        path.chmod(0o444)
    return written


@pytest.fixture
def phantom_copy(phantom: PhantomSet, tmp_path: Path) -> PhantomSet:
    """The same tiles in a folder that a test may damage."""
    folder = tmp_path / "tiles"
    shutil.copytree(phantom.folder, folder)
    for path in folder.rglob("*.png"):
        path.chmod(0o644)
    models = {name: folder / "models" / name for name in phantom.models}
    return PhantomSet(folder, folder / "HE", folder / "IHC", models, folder / "tiles.csv", phantom.tiles)


def _real(name: str) -> Path:
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"the real tiles are not here ({os.path.relpath(folder)}); their licence keeps them out")
    return folder


@pytest.fixture
def bci_pairs() -> Path:
    """The folder of four real BCI pairs; the test is skipped where it is absent."""
    return _real("bci_pairs")


@pytest.fixture
def bci_blurry() -> Path:
    """The folder of four real crops on grey glass and a degenerate model's output; the test is skipped where absent."""
    return _real("bci_blurry")


@pytest.fixture
def deepliif() -> Path:
    """The folder of six Ki67 tiles with labelled nuclei; the test is skipped where it is absent."""
    return _real("deepliif")


@pytest.fixture
def landmark_sections() -> tuple[Path, Path]:
    """The folders of sections with landmarks, CIMA's and BIRL's; the test is skipped where they are absent."""
    return _real("cima_lung_lesion3"), _real("birl")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's chromium; the test is skipped where it, or what drives it, is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield launched
        launched.close()
