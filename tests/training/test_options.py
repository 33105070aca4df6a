"""``vstain-bench train``: options, errors, what is told, and that --help stays light."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.runs import TOY, config
from vstain_bench.base.registry import load_plugins
from vstain_bench.cli.main import call
from vstain_bench.cli.training_progress import duration, short_losses
from vstain_bench.errors import UsageError
from vstain_bench.models.contract import RECIPES
from vstain_bench.models.training.folder import TrainingFolder
from vstain_bench.models.training.recipes import matched, settle_recipe
from vstain_bench.phantom import PhantomSet


@pytest.fixture(autouse=True)
def _toy() -> None:
    load_plugins((TOY,))


def arguments(phantom: PhantomSet, out: Path, *more: str) -> list[str]:
    few = ["--select", "mae", "--metrics", "mae,ssim", "--device", "cpu", "--samples", "0", "--workers", "1"]
    return ["train", "toy", "--plugin", str(TOY), "--manifest", str(phantom.manifest), *few, "--out", str(out), *more]


def test_a_training_from_the_command_line(
    phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(arguments(phantom, tmp_path / "out", "--set", "lr=1e-3", "--epochs", "2")) == 0
    told = capsys.readouterr()
    assert "untrained" in told.out
    assert "mae" in told.out
    assert "8 pairs to train on; 4 to validate: 1 of 3 patients held out" in told.err
    assert "Weights: from scratch: a toy" in told.err
    card = json.loads((tmp_path / "out" / "card.json").read_text("utf-8"))
    assert (card["recipe"], card["settings"]["lr"], card["settings"]["epochs"]) == ("toy", 1e-3, 2)
    assert call(arguments(phantom, tmp_path / "out", "--set", "lr=1e-3", "--epochs", "2", "--json")) == 0
    assert json.loads(capsys.readouterr().out) == card
    again = arguments(phantom, tmp_path / "again", "--recipe", str(tmp_path / "out" / "recipe.toml"))
    assert call(again) == 0
    other = json.loads((tmp_path / "again" / "card.json").read_text("utf-8"))
    assert other == card, "recipe.toml trains the same again"


# arguments beside those of a toy's training, exit code, and what is told
FAULTS: list[tuple[list[str], int, str]] = [
    (["--set", "lrr=1e-4"], 2, "Did you mean 'lr'"),
    (["--set", "lr=fast"], 2, "--set, key 'lr': 'fast'"),
    (["--set", "crop=33"], 2, "no multiple of 2 px"),
    (["--set", "crop=4"], 2, "at least 8 px"),
    (["--set", "crop=80"], 3, "--set crop=64"),
    (["--match-steps", "--epochs", "3"], 2, "a number of epochs is given, too"),
    (["--match-steps", "--set", "epochs=7"], 2, "a number of epochs is given, too"),
    (["--encoder-weights", "none"], 2, "recipe toy has no pretrained encoder"),
    (["--recipe", "/no/such/file.toml"], 2, "it cannot be read"),
    (["--precision", "fp8"], 2, "'--precision': Value error, 'fp8' is not one of"),
    (["--ema", "1.0"], 2, "--ema: 1.0; expected input should be less than 1"),
    (["--device", "cuda:9"], 6, "CUDA devices on this machine"),
    (["--select", "ssmi"], 2, "Did you mean 'ssim'"),
    (["--protocol", "trainin"], 2, "no such protocol"),
    (["--groups", "regex:(p)"], 3, "of one patient ('p')"),
    (["--val-split", "val"], 2, "--val-split val: no tile of that split"),
]


@pytest.mark.parametrize(("more", "code", "words"), FAULTS, ids=lambda value: str(value)[:40])
def test_faults_are_told_early(
    phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, words: str
) -> None:
    given = arguments(phantom, tmp_path / "out")
    if more[0] == "--protocol":
        del given[given.index("--metrics") : given.index("--metrics") + 2]
    assert call([*given, *more]) == code
    told = capsys.readouterr()
    assert words in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "out").exists(), "nothing is left behind"


def test_an_unknown_recipe_is_named(phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = arguments(phantom, tmp_path / "out")
    given[1] = "csp2p"
    assert call(given) == 2
    assert "recipe 'csp2p': unknown name" in (told := capsys.readouterr().err)
    assert "Did you mean 'cssp2p'?" in told


def test_a_folder_of_a_run_is_no_folder_for_a_training(
    phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results.json").write_text("{}", "utf-8")
    assert call(arguments(phantom, tmp_path)) == 2
    assert "the folder holds a run of 'vstain-bench run'" in capsys.readouterr().err
    assert (tmp_path / "results.json").read_text("utf-8") == "{}"


def test_a_folder_in_use_is_told(phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingFolder(tmp_path / "out").claimed():
        assert call(arguments(phantom, tmp_path / "out")) == 6
    assert "is using the folder" in capsys.readouterr().err


# --- the recipe that is trained ---


def settled(**values: Any) -> Any:
    return settle_recipe(config(Path("none.csv"), **values))


def test_options_override_the_file_and_the_file_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('lr = 1e-3\nwidth = 9\ncrop = "none"\n', "utf-8")
    recipe = settled(recipe_file=file, assignments=("lr=5e-4", "batch_size=3"), epochs=11)
    assert (recipe.lr, recipe.width, recipe.crop, recipe.batch_size, recipe.epochs) == (5e-4, 9, None, 3, 11)
    assert settled() == RECIPES["toy"]


def test_encoder_weights_are_a_setting() -> None:
    assert settled(recipe="cssp2p", encoder_weights="none").encoder_weights == "none"


def test_matched_steps_are_the_originals() -> None:
    """40 steps of batches of 2: with 8 pairs ten epochs of four steps."""
    settings = config(Path("none.csv"), match_steps=True)
    assert matched(settings, settled(), 8).total_epochs == 10
    assert matched(config(Path("none.csv")), settled(), 8).total_epochs == 3


def test_phases_of_a_training_keep_their_proportion() -> None:
    recipe = settled(recipe="asp", epochs=8)
    assert (recipe.epochs, recipe.decay_epochs) == (6, 2)


def test_a_crop_is_proposed_that_fits() -> None:
    for recipe, crop, proposed in (("toy", 33, 32), ("toy", 5, 8), ("cssp2p", 500, 480), ("cssp2p", 40, 64)):
        with pytest.raises(UsageError, match=f"--set crop={proposed}"):
            settle_recipe(config(Path("none.csv"), recipe=recipe, assignments=(f"crop={crop}",)))


# --- what is told ---


def test_losses_and_times_in_short() -> None:
    losses = {"discriminator/real": 0.25, "discriminator/generated": 0.5, "generator/l1": 2.0, "generator/css": 0.25}
    assert short_losses(losses) == "D 0.75 G 2.25 (l1 2, css 0.25)"
    assert short_losses({"discriminator/real": 1.0, "generator/l1": 2.0}) == "D 1 G 2"
    assert [duration(seconds) for seconds in (None, 7.6, 200, 7500)] == ["", "8 s", "3 min 20 s", "2 h 5 min"]
