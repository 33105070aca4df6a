"""What tests of the command line share: a finished run."""

from pathlib import Path

import pytest

from vstain_bench.cli.main import call
from vstain_bench.phantom import PhantomSet


def folders(phantom: PhantomSet, *models: str) -> list[str]:
    """Arguments that name models, all by default, and the manifest of their tiles."""
    named = [f"{model}={phantom.models[model]}" for model in models or phantom.models]
    return [*named, "--manifest", str(phantom.manifest)]


@pytest.fixture(scope="session")
def finished(phantom: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every model of the phantom under two metrics, with four tiles of controls."""
    out = tmp_path_factory.mktemp("cli") / "run"
    assert call(["run", "-q", *folders(phantom), "--metrics", "ssim,psnr", "--controls", "4", "--out", str(out)]) == 0
    return out
