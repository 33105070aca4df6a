"""Validation is what predict and run would say; the checkpoint is the one that the metric asked for chooses."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.runs import TOY, config, run, weights
from vstain_bench.base.config import RunConfig, change
from vstain_bench.base.registry import load_plugins
from vstain_bench.errors import CheckFailed, InputError, UsageError
from vstain_bench.images.reader import encode_png, read_image
from vstain_bench.measure.run import run as score
from vstain_bench.metrics import build
from vstain_bench.models.contract import RECIPES, Recipe
from vstain_bench.models.training.folder import TrainingFolder
from vstain_bench.models.training.history import Epoch, choices, choose
from vstain_bench.models.training.listener import Stepped, TrainingListener
from vstain_bench.models.training.tile_sets import read_tile_sets
from vstain_bench.models.training.validation import plan_validation, whole_tiles
from vstain_bench.networks.weights import WeightsStore, WeightsUnavailable
from vstain_bench.phantom import PhantomSet


@pytest.fixture(autouse=True)
def _toy() -> None:
    load_plugins((TOY,))


def toy(**values: object) -> Recipe:
    return change(RECIPES["toy"], values, where="test")


METRICS = "mae,ssim,dab_w1,fd_random"


def test_the_card_says_what_run_says_of_the_kept_weights(phantom: PhantomSet, tmp_path: Path) -> None:
    """Stain the validation tiles with best.safetensors, write them, score the files: the same numbers, to the bit."""
    settings = config(phantom.manifest, epochs=3, metrics=METRICS, validate_every=2, val_share=0.4)
    outcome = run(settings, tmp_path / "training")
    card = outcome.folder.read_card()
    tiles = read_tile_sets(settings).validation.tiles
    generator = toy(**card["settings"]).blank_generator()
    generator.load_state_dict(weights(outcome.folder.path, "best.safetensors"), strict=True)
    stain = whole_tiles(toy(), generator.eval())
    lines = ["tile,source,real,generated,group"]
    for tile in tiles:
        assert tile.source is not None
        source = torch.from_numpy(read_image(tile.source).pixels).permute(2, 0, 1)[None]
        encode_png(tmp_path / f"{tile.id}.png", stain(source)[0].permute(1, 2, 0).numpy())
        lines.append(f"{tile.id},{tile.source.path},{tile.real.path},{tile.id}.png,{tile.group}")
    (tmp_path / "made.csv").write_text("\n".join(lines), "utf-8")
    table = score(RunConfig(manifest=tmp_path / "made.csv", metrics=METRICS, controls=0), tmp_path / "run").table
    measured = card["epochs"][card["best"]["epoch"] - 1]["metrics"]
    assert len(tiles) > 4
    assert set(measured) == {"mae", "ssim", "dab_w1", "fd_random"}
    for name, value in measured.items():
        row = table.find("generated", name)
        assert row is not None
        assert row.value == value
    assert [bool(epoch["metrics"]) for epoch in card["epochs"]] == [False, True, True]  # every second, and the last


@pytest.mark.parametrize("size", [(16, 16), (15, 16), (13, 11)])
def test_tiles_of_any_size_are_stained_whole(size: tuple[int, int]) -> None:
    recipe = toy()
    generator = recipe.blank_generator().eval()
    height, width = size
    source = torch.rand(1, 3, height, width)
    made = whole_tiles(recipe, generator)(source)
    assert made.shape == source.shape
    mirrored = np.pad(source.numpy(), ((0, 0), (0, 0), (0, height % 2), (0, width % 2)), mode="reflect")
    with torch.no_grad():
        expected = generator(torch.from_numpy(mirrored))[..., :height, :width]
    torch.testing.assert_close(made, expected)


def epochs(*values: float | None, metric: str = "mae") -> list[Epoch]:
    return [Epoch(number, number, 0.1, {}, {metric: value}) for number, value in enumerate(values)]


# metric, its value untrained and in each epoch, and the epoch that it chooses
CHOICES = [
    ("mae", (0.1, 0.5, 0.3, 0.4), 2),  # the untrained generator is none to choose, however good
    ("ssim", (0.9, 0.2, 0.3, 0.3), 2),  # higher is better; the earlier of equals
    ("dab_od_bias", (0.0, -0.3, 0.2, 0.25), 2),  # nearest to its target
    ("mae", (0.1, None, 0.3, None), 2),  # no value is no choice
    ("mae", (0.1, None), None),
]


@pytest.mark.parametrize(("name", "values", "chosen"), CHOICES)
def test_a_metric_chooses_by_its_direction(name: str, values: tuple[float | None, ...], chosen: int | None) -> None:
    metric = build(name)
    assert name != "dab_od_bias" or metric.better == "target"
    history = epochs(*values, metric=name)
    found = choose(metric, history)
    assert (found and found.epoch) == chosen
    assert choices([metric], history)[name] == (None if chosen is None else {"epoch": chosen, "value": values[chosen]})


def test_each_metric_chooses_for_itself_and_the_best_is_kept(phantom: PhantomSet, tmp_path: Path) -> None:
    kept = {}
    for select in ("mae", "ssim"):
        outcome = run(config(phantom.manifest, epochs=4, select=select, metrics="mae,ssim"), tmp_path / select)
        card = outcome.folder.read_card()
        for name, worst in (("mae", max), ("ssim", min)):
            values = [epoch["metrics"][name] for epoch in card["epochs"]]
            best = min(values) if worst is max else max(values)
            assert card["chosen"][name] == {"epoch": values.index(best) + 1, "value": best}
        assert card["best"]["epoch"] == card["chosen"][select]["epoch"] == outcome.chosen.epoch
        kept[select] = card
    assert kept["mae"]["chosen"] == kept["ssim"]["chosen"]
    assert kept["mae"]["untrained"]["mae"] > kept["mae"]["chosen"]["mae"]["value"]


def test_the_latest_epoch_is_kept_where_nothing_chooses(phantom: PhantomSet, tmp_path: Path) -> None:
    told: list[str] = []
    settings = config(phantom.manifest, epochs=3, select="latest", metrics="mae,ssim", validate_every=2)
    outcome = run(settings, tmp_path / "out", TrainingListener(say=told.append))
    card = outcome.folder.read_card()
    assert (card["select"], card["best"]["epoch"], outcome.chosen.epoch) == ("latest", 3, 3)
    best, last = (weights(outcome.folder.path, f"{name}.safetensors") for name in ("best", "last"))
    assert all(torch.equal(best[name], last[name]) for name in best)
    assert set(card["chosen"]) == {"mae", "ssim"}  # what each metric would have chosen is told all the same
    assert any(line.startswith("Epoch 2 of 3: mae ") and line.endswith("; the latest is kept") for line in told)
    assert "Note: its authors keep the epoch of mae (--select authors)" in told


# the rule of the recipe's authors, what --select says, what chooses, and what is noted
RULES = [
    ("mae", "authors", "mae", None),
    ("latest", "authors", "latest", None),
    ("latest", "ssim", "ssim", "Note: its authors keep the latest epoch (--select authors)"),
]


@pytest.mark.parametrize(("rule", "select", "chosen", "note"), RULES)
def test_the_authors_rule_chooses_where_it_is_asked_for(
    phantom: PhantomSet, tmp_path: Path, rule: str, select: str, chosen: str, note: str | None
) -> None:
    told: list[str] = []
    settings = config(phantom.manifest, epochs=1, select=select, assignments=(f"original_select={rule}",))
    card = run(settings, tmp_path / "out", TrainingListener(say=told.append)).folder.read_card()
    assert (card["select"], card["authors"]["select"]) == (chosen, rule)
    assert [line for line in told if line.startswith("Note: its authors")] == ([note] if note else [])


def test_another_precision_than_the_authors_is_noted(phantom: PhantomSet, tmp_path: Path) -> None:
    told: list[str] = []
    settings = config(phantom.manifest, epochs=1, assignments=("original_precision=bf16",))
    card = run(settings, tmp_path / "out", TrainingListener(say=told.append)).folder.read_card()
    assert (card["precision"], card["authors"]["precision"]) == ("fp32", "bf16")
    assert "Note: its authors train in bf16 (--precision bf16)" in told


def test_lpips_chooses_where_its_weights_are(seeded_weights: Path, phantom: PhantomSet, tmp_path: Path) -> None:
    settings = config(phantom.manifest, epochs=1, select="lpips", weights_dir=seeded_weights)
    card = run(settings, tmp_path / "out").folder.read_card()
    assert card["select"] == "lpips"
    assert card["chosen"]["lpips"]["value"] > 0


def test_lpips_without_weights_is_an_error_and_nothing_else_chooses(phantom: PhantomSet, tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"--select lpips, which chooses the checkpoint.*--select ssim"):
        run(config(phantom.manifest, select="lpips", metrics=None), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    other = run(config(phantom.manifest, epochs=1, select="mae", metrics=None), tmp_path / "out")
    assert "the weights" in other.folder.read_card()["unavailable"]["lpips"]


# what chooses, and what the error says
UNFIT: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"select": "ms_ssim"}, InputError, "sides of at least 161 px"),
    ({"select": "lpps"}, UsageError, "Did you mean 'lpips'"),
    ({"metrics": "mae,dab_w1(background=slide)"}, UsageError, "it looks at whole slides"),
]


@pytest.mark.parametrize(("values", "kind", "words"), UNFIT)
def test_a_metric_that_cannot_be_computed_is_named(
    phantom: PhantomSet, values: dict[str, Any], kind: type[Exception], words: str
) -> None:
    settings = config(phantom.manifest, **values)
    with pytest.raises(kind, match=words):
        plan_validation(settings, read_tile_sets(settings).validation, WeightsStore(None, offline=True))


def test_the_running_mean_is_what_is_validated_and_kept(phantom: PhantomSet, tmp_path: Path) -> None:
    """θ' ← decay · θ' + (1 − decay) · θ after every step, here by hand from the weights of each."""
    decay, seen = 0.5, []
    plain = config(phantom.manifest, epochs=1, save_every=1)

    def stepped(now: Stepped) -> None:
        if now.steps < 4:  # the last state is written after the epoch
            seen.append(torch.load(tmp_path / "plain" / "state.pt", weights_only=True)["networks"]["generator"])

    run(plain, tmp_path / "plain", TrainingListener(stepped=stepped))
    seen.append(weights(tmp_path / "plain"))
    mean = toy().build(device=torch.device("cpu"), seed=0).generator.state_dict()
    for state in seen:
        mean = {name: decay * value + (1 - decay) * state[name] for name, value in mean.items()}
    run(config(phantom.manifest, epochs=1, ema=decay), tmp_path / "mean")
    found = weights(tmp_path / "mean")
    for name, value in mean.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)
    assert any(not torch.allclose(found[name], seen[-1][name], atol=1e-5) for name in found)


def test_an_infinite_loss_stops_and_the_last_good_state_stays(phantom: PhantomSet, tmp_path: Path) -> None:
    settings = config(phantom.manifest, epochs=4, assignments=("blow_up=3",), save_every=1)
    with pytest.raises(CheckFailed, match=r"epoch 3 of 4, step 1 of 4: the loss is not finite \(.*l1 inf") as told:
        run(settings, tmp_path / "out")
    assert "state.pt and best.safetensors of earlier steps are kept" in str(told.value)
    state = torch.load(tmp_path / "out" / "state.pt", weights_only=True)
    assert (state["epoch"], state["step"]) == (3, 0)
    assert all(bool(value.isfinite().all()) for value in state["networks"]["generator"].values())
    assert all(bool(value.isfinite().all()) for value in weights(tmp_path / "out", "best.safetensors").values())
    assert len(TrainingFolder(tmp_path / "out").read_card()["epochs"]) == 2


def test_an_exploding_loss_stops(phantom: PhantomSet, tmp_path: Path) -> None:
    """Not at fifty times its usual size, but at ten thousand times."""
    run(config(phantom.manifest, epochs=2, assignments=("blow_up=2", "blow_by=50.0")), tmp_path / "large")
    with pytest.raises(CheckFailed, match=r"the loss has grown to .* from .* at the beginning.*--set lr=0.0005"):
        run(config(phantom.manifest, epochs=2, assignments=("blow_up=2", "blow_by=1e4")), tmp_path / "out")


def test_broken_weights_are_never_saved(phantom: PhantomSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finite loss may be followed by a step to weights that are not; the look at the loss comes too late then."""
    from vstain_bench.models.training import loop

    def breaking(*arguments: Any, **options: Any) -> Any:
        terms = train_step(*arguments, **options)
        if arguments[4].epoch == 2:
            with torch.no_grad():
                next(arguments[1].generator.parameters()).fill_(math.nan)
        return terms

    train_step = loop.train_step
    monkeypatch.setattr(loop, "train_step", breaking)
    with pytest.raises(CheckFailed, match="not finite"):
        run(config(phantom.manifest, epochs=3, save_every=1), tmp_path / "out")
    state = torch.load(tmp_path / "out" / "state.pt", weights_only=True)
    assert (state["epoch"], state["step"]) == (2, 0)


def test_what_a_training_leaves_behind(phantom: PhantomSet, tmp_path: Path) -> None:
    settings = config(phantom.manifest, epochs=2, samples=2, log_every=3)
    told: list[str] = []
    phases: list[str] = []
    steps: list[Stepped] = []
    listener = TrainingListener(lambda phase, done, of: phases.append(phase), told.append, steps.append)
    folder = run(settings, tmp_path / "out", listener).folder
    names = {path.name for path in folder.path.iterdir()} - {".lock"}
    assert names == {
        *("card.json", "best.safetensors", "last.safetensors", "recipe.toml", "state.pt", "metrics.jsonl"),
        *("tensorboard", "samples", "run.json"),
    }
    records = [json.loads(line) for line in folder.log.read_text("utf-8").splitlines()]
    assert [(record["kind"], record.get("steps")) for record in records] == [
        *(("epoch", 0), ("step", 3), ("epoch", 4), ("step", 6), ("epoch", 8))
    ]
    assert set(records[1]["losses"]) == {
        *("discriminator/generated", "discriminator/real", "generator/adversarial", "generator/l1")
    }
    assert [path.name for path in sorted(folder.samples.iterdir())] == [f"epoch-{e:04d}.png" for e in (0, 1, 2)]
    assert next(folder.tensorboard.iterdir()).stat().st_size > 500
    assert "Weights: from scratch: a toy" in told
    card = folder.read_card()
    assert card["origin"] == "from scratch: a toy"
    assert card["finished"]
    assert card["settings"]["epochs"] == 2
    assert str(tmp_path) not in folder.card.read_text("utf-8")
    assert len(json.loads(folder.run.read_text("utf-8"))["sessions"]) == 1
    assert [now.steps for now in steps] == list(range(1, 9))
    assert steps[-1].of == 8
    assert steps[-1].seconds_left is not None
    assert {phase.partition(" ")[0] for phase in phases} == {"checking", "validating"}


def test_the_sheet_shows_three_sides_of_each_tile(phantom: PhantomSet, tmp_path: Path) -> None:
    settings = config(phantom.manifest, epochs=1, samples=2)
    folder = run(settings, tmp_path / "out").folder
    sheet = read_image_pixels(folder.sample(1))
    tiles = {tile.id: tile for tile in read_tile_sets(settings).validation.tiles}
    assert sheet.shape == (22 + 2 * (64 + 6), 6 + 3 * (64 + 6), 3)
    found = set()
    for top in (22, 22 + 70):
        for name, tile in tiles.items():
            assert tile.source is not None
            if np.array_equal(sheet[top : top + 64, 6:70], read_image(tile.source).pixels):
                found.add(name)
                assert np.array_equal(sheet[top : top + 64, 76:140], read_image(tile.real).pixels)
    assert len(found) == 2
    before = read_image_pixels(folder.sample(0))
    assert np.array_equal(sheet[22:86, :140], before[22:86, :140])
    assert not np.array_equal(sheet[22:86, 146:210], before[22:86, 146:210])


def read_image_pixels(path: Path) -> np.ndarray:
    from vstain_bench.words import ImageFile

    return read_image(ImageFile(path)).pixels
