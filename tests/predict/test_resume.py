"""A prediction that was stopped goes on, and its folder is never mixed: settings, H&E and files are compared."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.predict.conftest import Call
from tests.predict.models import torchscript, trained
from vstain_bench.cli.main import call
from vstain_bench.errors import UsageError, VstainError
from vstain_bench.models.predict import job
from vstain_bench.phantom import PhantomSet, write_phantom


def files(folder: Path) -> dict[str, bytes]:
    kept = {"predicted.csv", *(path.name for path in folder.glob("*.png"))}
    return {name: (folder / name).read_bytes() for name in sorted(kept)}


class Stop(Exception):
    """In place of a kill."""


@pytest.mark.parametrize("after", [0, 1, 5, 11])
def test_a_stopped_prediction_ends_with_the_same_bytes(
    after: int, phantom: PhantomSet, stained: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tmp_path / "run", "asp")
    asked = {"weights": str(tmp_path / "run"), "source": phantom.source}
    stained("asp", **asked, out="whole")
    whole, count = job.stain_tiles, 0

    def failing(*arguments: object) -> object:
        nonlocal count
        if count == after:
            raise Stop
        count += 1
        return whole(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(job, "stain_tiles", failing)
    with pytest.raises(Stop):
        stained("asp", **asked)
    assert len(list((tmp_path / "out").glob("*.png"))) == after, "what was under way is kept"
    monkeypatch.undo()
    outcome = stained("asp", **asked)
    assert (outcome.images, outcome.made) == (12, 12 - after)
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert stained("asp", **asked).made == 0


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """A kill of the process; what is half-written is removed."""
    tiles = write_phantom(tmp_path / "tiles", groups=3, tiles_per_group=12, size=64, seed=1, models={})
    weights = trained(tmp_path / "run", "asp")
    arguments = ["predict", "asp", "--weights", str(weights), "--source", str(tiles.source), "--threads", "1", "--out"]
    command = [sys.executable, "-m", "vstain_bench", *arguments]
    out = tmp_path / "out"
    process = subprocess.Popen([*command, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(out.glob("[!.]*.png"))) < 6:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 6 <= len(list(out.glob("[!.]*.png"))) < 36, "premise: it was killed in the middle"
    (out / ".p01_0001_0.png.a1b2c3d4.png").write_bytes(b"half")  # a kill leaves one where it strikes a write
    for folder in (out, tmp_path / "whole"):
        assert call([*arguments, str(folder), "-q"]) == 0
    assert files(out) == files(tmp_path / "whole")
    left = [path.name for path in out.rglob(".*.png")]
    assert left == [], "no half of a file stays"


def test_a_damaged_image_and_a_torn_line_are_made_again(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    stained("identity", source=phantom.source, out="whole")
    stained("identity", source=phantom.source)
    first, second, third, *_ = sorted((tmp_path / "out").glob("*.png"))
    first.write_bytes(first.read_bytes()[:-20])
    second.unlink()
    table = tmp_path / "out" / "predicted.csv"
    table.write_text(table.read_text("utf-8")[:-30], "utf-8")
    assert stained("identity", source=phantom.source).made == 3
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert third.is_file()


def test_an_h_and_e_that_changed_is_stained_again(phantom_copy: PhantomSet, stained: Call, tmp_path: Path) -> None:
    stained("identity", source=phantom_copy.source)
    first, second, *_ = sorted(phantom_copy.source.glob("*.png"))
    first.write_bytes(second.read_bytes())
    outcome = stained("identity", source=phantom_copy.source)
    assert outcome.made == 1
    assert (tmp_path / "out" / first.name).read_bytes() == (tmp_path / "out" / second.name).read_bytes()


def test_more_tiles_are_added_and_fewer_refused(phantom: PhantomSet, stained: Call) -> None:
    assert stained("identity", source=phantom.source, limit=4).made == 4
    assert stained("identity", source=phantom.source).made == 8
    with pytest.raises(UsageError, match="images of 8 tiles that are not among the H&E"):
        stained("identity", source=phantom.source, limit=4)


# what is asked the second time, words of the refusal
OTHERWISE: list[tuple[dict[str, object], str]] = [
    ({"window": 32}, "tiling"),
    ({"jpeg_quality": 75}, "format"),
    ({"mode": "released"}, 'mode: "eval" there, "released" now'),
    ({"weights": "other"}, "weights"),
    ({"dtype": "bf16"}, "dtype"),
    ({"decode": "gray=replicate"}, "decode"),
]


@pytest.mark.parametrize(("change", "words"), OTHERWISE)
def test_a_folder_belongs_to_one_setting(
    change: dict[str, object], words: str, phantom: PhantomSet, stained: Call, tmp_path: Path
) -> None:
    trained(tmp_path / "run", "cssp2p")
    trained(tmp_path / "other", "cssp2p", seed=1)
    asked: dict[str, object] = {"weights": str(tmp_path / "run"), "source": phantom.source, "limit": 1}
    stained("cssp2p", **asked)
    before = files(tmp_path / "out")
    if "weights" in change:
        change = {"weights": str(tmp_path / "other")}
    if "window" in change:
        change = {"window": 64}
    with pytest.raises(UsageError) as caught:
        stained("cssp2p", **{**asked, **change})
    assert words in str(caught.value)
    assert "Choose another --out" in str(caught.value)
    assert files(tmp_path / "out") == before


def test_speed_is_no_setting(phantom: PhantomSet, stained: Call) -> None:
    stained("identity", source=phantom.source, batch_size=1, workers=1)
    assert stained("identity", source=phantom.source, batch_size=4, workers=3).made == 0


def test_images_of_someone_else_are_not_touched(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.png").write_bytes(b"precious")
    with pytest.raises(UsageError, match=r"1 images that no prediction wrote \(first: mine.png\)"):
        stained("identity", source=phantom.source)
    assert [path.name for path in (tmp_path / "out").glob("[!.]*")] == ["mine.png"]


@pytest.mark.parametrize("where", ["", "out"])
def test_never_among_the_h_and_e(where: str, phantom_copy: PhantomSet, stained: Call) -> None:
    with pytest.raises(VstainError, match="it lies in the folder of the H&E tiles"):
        stained("identity", source=phantom_copy.source, out=str(phantom_copy.source / where))


def test_two_at_once_are_refused(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    from filelock import FileLock

    (tmp_path / "out").mkdir()
    with (
        FileLock(tmp_path / "out" / ".lock"),
        pytest.raises(VstainError, match="another prediction is using the folder"),
    ):
        stained("identity", source=phantom.source)


def test_a_tile_that_cannot_be_decoded_stops_or_is_listed(
    phantom_copy: PhantomSet, stained: Call, tmp_path: Path
) -> None:
    tiles = sorted(phantom_copy.source.glob("*.png"))
    content = bytearray(tiles[3].read_bytes())
    content[len(content) // 2] ^= 0xFF  # the header is intact, the data is not
    tiles[3].write_bytes(bytes(content))
    with pytest.raises(VstainError, match=tiles[3].name.replace("+", r"\+")):
        stained("identity", source=phantom_copy.source)
    outcome = stained("identity", source=phantom_copy.source, on_error="skip")
    assert (outcome.images, outcome.skipped) == (11, 1)
    assert tiles[3].stem in (tmp_path / "out" / "skipped.csv").read_text("utf-8")
    assert not (tmp_path / "out" / tiles[3].name).exists()


def test_a_network_s_failure_leaves_what_is_done(odd: Path, stained: Call, tmp_path: Path) -> None:
    import torch

    class Limited(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if images.shape[3] > 97:
                return images - 9
            return images

    torchscript(tmp_path / "net.pt", Limited(), scripted=True)
    with pytest.raises(VstainError, match="tile 'c'"):
        stained("torchscript", weights=str(tmp_path / "net.pt"), source=odd)
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.png")) == ["a", "b", "d"]
