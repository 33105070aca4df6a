"""Weight files: every form in which one comes, and what is said of a wrong one."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.models import published_keys
from tests.predict.conftest import Call, codes
from tests.predict.models import SMALL, generator, onnx_file, small, tensors_of, torchscript, trained
from vstain_bench.cli.main import call
from vstain_bench.errors import MachineError, UsageError, VstainError
from vstain_bench.models.contract import RECIPES, Loading
from vstain_bench.models.recipe_adapters import adapters, generator_tensors, read_generator
from vstain_bench.phantom import PhantomSet

SET = ("width=4", "blocks=1")
Save = Callable[[dict[str, Tensor], Path], object]


def archived(tensors: dict[str, Tensor], path: Path) -> None:
    """As bupt-ai-cz/BCI publishes: a zip with the generator's and the discriminator's file."""
    torch.save(tensors, path.with_suffix(".pth"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".pth"), "trained_on_BCI/latest_net_G.pth")
        archive.writestr("trained_on_BCI/latest_net_D.pth", b"of no interest")


FORMS: dict[str, tuple[str, Save]] = {
    "bare": ("net.pth", torch.save),
    "data parallel": (
        "net.pth", lambda tensors, path: torch.save({f"module.{key}": each for key, each in tensors.items()}, path)
    ),
    "lightning, compiled": (
        "epoch.ckpt",
        lambda tensors, path: torch.save(
            {
                "epoch": 3,
                "state_dict": published_keys.lightning_checkpoint(tensors, {"enc.0.weight": torch.zeros(1)}),
                "hyper_parameters": {"generator": {"norm": "instance"}},
            },
            path,
        ),
    ),
    "in a zip": ("trained.zip", archived),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_state_dict_makes_the_same_images(
    form: str, phantom: PhantomSet, stained: Call, tmp_path: Path
) -> None:
    trained(tmp_path / "run", "pyramid_pix2pix")
    stained("pyramid_pix2pix", weights=str(tmp_path / "run"), source=phantom.source, limit=2, out="ours")
    file, save = FORMS[form]
    save(tensors_of(generator("pyramid_pix2pix")), tmp_path / file)
    stained("pyramid_pix2pix", weights=str(tmp_path / file), settings=SET, source=phantom.source, limit=2, out="theirs")
    for tile in sorted((tmp_path / "ours").glob("*.png")):
        assert tile.read_bytes() == (tmp_path / "theirs" / tile.name).read_bytes()


# the authors' own networks at full size, by key lists that do not come from our modules
AUTHORS = {
    "cssp2p": (published_keys.cssp2p_generator, 16),
    "pyramid_pix2pix": (published_keys.pyramid_pix2pix_generator, 4),
    "asp": (published_keys.asp_generator, 4),
}


@pytest.mark.parametrize("name", AUTHORS)
def test_the_authors_network_is_recognised_by_its_keys(name: str, tmp_path: Path) -> None:
    shapes, multiple = AUTHORS[name]
    torch.save(published_keys.filled(shapes()), tmp_path / "net.pth")
    model = adapters()[name].load(Loading(weights=tmp_path / "net.pth"))
    assert model.multiple == multiple
    with torch.inference_mode():
        made = model.stain(torch.rand(1, 3, 64, 64))
    assert made.shape == (1, 3, 64, 64)
    assert 0 <= float(made.min()) <= float(made.max()) <= 1


def test_spectral_norm_is_folded_once_and_computes_the_same(tmp_path: Path) -> None:
    network = generator("asp")
    torch.save(network.state_dict(), tmp_path / "net.pth")
    images = torch.rand(1, 3, 64, 64)
    model = adapters()["asp"].load(Loading(weights=tmp_path / "net.pth", settings=SMALL["asp"]))
    with torch.inference_mode():
        expected = small("asp").generate(network.eval(), images)
        assert (model.stain(images) - expected).abs().max() < 1e-4


def test_generator_tensors_of_any_nesting() -> None:
    wanted = {"model.1.weight": torch.zeros(1)}
    for prefix in ("", "module.", "_orig_mod.", "generator.", "generator._orig_mod.", "module.netG.", "netG.module."):
        assert list(generator_tensors({f"{prefix}{key}": each for key, each in wanted.items()})) == list(wanted)
    mixed = {"generator.a": torch.zeros(1), "discriminator.a": torch.zeros(1), "toc": torch.zeros(1)}
    assert list(generator_tensors(mixed)) == ["a"]


def _short(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: each for key, each in tensors.items() if not key.startswith("model.26")}


def _longer(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**tensors, "model.99.weight": torch.zeros(1)}


def _wider(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**tensors, "model.1.weight": torch.zeros(9, 3, 7, 7)}


# what is done to the tensors of a full-size Pyramid Pix2Pix, the adapter asked for, words of the error
WRONG: list[tuple[Callable[[dict[str, Tensor]], dict[str, Tensor]], str, list[str]]] = [
    (_short, "pyramid_pix2pix", ["2 missing (model.26.weight, model.26.bias)", "no adapter that is registered"]),
    (_longer, "pyramid_pix2pix", ["1 unexpected (model.99.weight)"]),
    (_wider, "pyramid_pix2pix", ["1 of another shape (model.1.weight)", "--set key=value"]),
    (dict, "asp", ["they are not those of asp", "missing", "look like those of pyramid_pix2pix"]),
    (dict, "cssp2p", ["89 missing (encoder.model.conv1.weight", ", ...)", "look like those of pyramid_pix2pix"]),
]


@pytest.mark.parametrize(("change", "name", "words"), WRONG)
def test_wrong_weights_are_told_by_their_keys(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    name: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tensors = published_keys.filled(published_keys.pyramid_pix2pix_generator())
    torch.save(change(tensors), tmp_path / "net.pth")
    with pytest.raises(MachineError) as caught:
        adapters()[name].load(Loading(weights=tmp_path / "net.pth"))
    for word in ("net.pth", *words):
        assert word in str(caught.value) or (word.startswith("89") and "65 missing" in str(caught.value)), word


def _code(path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}, "config": Path("x")}, path)


# a file that is no state dict, words of the error
STRANGE: list[tuple[str, Callable[[Path], object], list[str]]] = [
    ("empty.pth", lambda path: path.write_bytes(b""), ["cannot be read as weights"]),
    ("noise.pth", lambda path: path.write_bytes(b"noise" * 99), ["cannot be read as weights"]),
    ("code.ckpt", _code, ["cannot be read as weights", "torch.save(torch.load(FILE, weights_only=False)"]),
    ("numbers.pth", lambda path: torch.save({"epoch": 3}, path), ["no named tensors (it holds epoch)"]),
    ("list.pth", lambda path: torch.save([1, 2], path), ["no named tensors (it holds list)"]),
    ("script.pt", lambda path: torchscript(path, nn.Identity()), ["predict torchscript --weights"]),
    ("net.onnx", onnx_file, ["predict onnx --weights"]),
    ("no.zip", lambda path: path.write_bytes(b"PK"), ["no zip archive"]),
]


@pytest.mark.parametrize(("name", "write", "words"), STRANGE, ids=[each[0] for each in STRANGE])
def test_files_that_are_no_state_dict(
    name: str, write: Callable[[Path], object], words: list[str], tmp_path: Path
) -> None:
    write(tmp_path / name)
    with pytest.raises(MachineError) as caught:
        read_generator(tmp_path / name)
    for word in (name, *words):
        assert word in str(caught.value)


def test_a_zip_with_several_generators_is_not_guessed_at(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for epoch in (20, 40):
            archive.writestr(f"{epoch}_net_G.pth", b"")
    with pytest.raises(MachineError, match=r"2 files ending in net_G.pth: 20_net_G.pth, 40_net_G.pth"):
        read_generator(tmp_path / "many.zip")


def test_a_checkpoint_of_another_recipe_is_told(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    """The generators of the family are alike: only the card knows."""
    trained(tmp_path / "run", "p2p")
    with pytest.raises(UsageError, match=r"trained as 'p2p'.*vstain-bench predict p2p"):
        stained("cssp2p", weights=str(tmp_path / "run"), source=phantom.source)


def test_a_checkpoint_without_its_card_says_where_it_belongs(
    phantom: PhantomSet, stained: Call, tmp_path: Path
) -> None:
    folder = trained(tmp_path / "run", "asp")
    (folder / "card.json").unlink()
    with pytest.raises(MachineError, match=r"Put its card\.json beside it"):
        stained("asp", weights=str(folder), source=phantom.source)
    settings = (*SET, "layers=[0, 4, 8]", "discriminator_layers=3")
    assert stained("asp", weights=str(folder), settings=settings, source=phantom.source, limit=1).images == 1


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("{", "not the card of a training"),
        ('{"recipe": "asp"}', "not the card of a training"),
        ('{"recipe": "asp", "settings": {"widht": 4}}', "Did you mean 'width'"),
    ],
)
def test_a_damaged_card_is_told(card: str, words: str, phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", "asp")
    (folder / "card.json").write_text(card, "utf-8")
    with pytest.raises(UsageError, match=words):
        stained("asp", weights=str(folder), source=phantom.source)


def test_every_recipe_is_an_adapter() -> None:
    known = adapters()
    assert set(RECIPES.names()) < set(known.names())
    RECIPES.register("of a plug-in")(RECIPES["asp"])
    try:
        assert adapters()["of a plug-in"].modes.keys() == {"eval"}
    finally:
        RECIPES.remove("of a plug-in")


def test_published_files_are_found_where_one_is_told_to_put_them(
    phantom: PhantomSet, stained: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "weights"
    asked = {"weights": "authors:bci", "settings": SET, "weights_dir": store, "source": phantom.source, "limit": 2}
    with pytest.raises(VstainError) as caught:
        stained("pyramid_pix2pix", **asked)
    place = store / "authors" / "pyramid_pix2pix" / "bci" / "trained_on_BCI.zip"
    for word in (f"Put it at {place}", "releases/download/v1.0/trained_on_BCI.zip", "non-commercial"):
        assert word in str(caught.value)
    assert caught.value.exit_code == 6
    place.parent.mkdir(parents=True)
    archived(tensors_of(generator("pyramid_pix2pix")), place)
    outcome = stained("pyramid_pix2pix", **asked)
    weights = outcome.facts["weights"]
    assert isinstance(weights, dict)
    assert weights["file"] == "authors:bci"
    assert len(weights["sha256"]) == 64
    assert codes(next((tmp_path / "out").glob("*.png"))).std() > 1

    assert call(["weights", "list", "--json", "--weights-dir", str(store)]) == 0
    listed = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert listed["pyramid_pix2pix authors:bci"]["state"] == "present"
    assert listed["asp authors:bci"]["state"] == "missing"
    assert listed["asp authors:mist-her2"]["sha256"] == "not recorded by its publisher"


# arguments of fetch, exit code, words
FETCHED = [
    ("asp authors:bci", 2, "Put it at"),
    ("authors:bci", 2, "pyramid_pix2pix: Download it"),
    ("authors:nothing", 2, "one of asp authors:mist-her2"),
]


@pytest.mark.parametrize(("name", "code", "words"), FETCHED)
def test_fetching_a_file_of_the_authors_says_how(
    name: str, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["weights", "fetch", name]) == code
    assert words in capsys.readouterr().err
