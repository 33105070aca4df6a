"""From a weight file to a model: checkpoints of ``train``, state dicts of the authors, and what a wrong file is.

Every recipe is an adapter by this module. A checkpoint of ``train`` says in the ``card.json`` beside it which recipe
and settings it is of. A state dict of someone else's says nothing: the recipe's forms are tried one after the other,
and the one whose keys and shapes are the file's is taken. None is filled in part.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import remove_spectral_norm
from torch.nn.utils.spectral_norm import SpectralNorm

from vstain_bench.base.config import change
from vstain_bench.base.registry import Registry
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.models.contract import (
    ADAPTERS,
    EVAL,
    RECIPES,
    Adapter,
    Card,
    Loading,
    Mode,
    Model,
    PublishedFile,
    Recipe,
)
from vstain_bench.networks.tensor_files import Tensors, fill, lay_out_channels_last, read_content
from vstain_bench.types import Images

CARD = "card.json"
"""Written by ``train`` beside its checkpoints: the recipe's name, its settings, and where they come from."""
BEST = "best.safetensors"
"""The checkpoint that ``train`` chose; a folder given for a weight file stands for it."""
WRAPPERS = ("state_dict", "model_state_dict", "generator", "netG", "model")
"""Keys under which trainers keep a state dict among other things."""
GENERATORS = ("generator.", "netG.", "net_G.")
"""Prefixes of the generator in the state dict of a whole training."""
LAYERS = ("_orig_mod.", "module.")
"""Prefixes that ``torch.compile`` and ``DataParallel`` put before every key."""
NAMED_KEYS = 3


@dataclass(frozen=True)
class Checkpoint:
    """What a weight file holds: the generator's tensors, and the card beside it (empty where there is none)."""

    path: Path
    tensors: Tensors
    card: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Misfit:
    """How a file's tensors differ from a network's: keys it lacks, keys that are too many, keys of another shape."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many keys differ."""
        return len(self.missing) + len(self.unexpected) + len(self.reshaped)

    def __str__(self) -> str:
        kinds = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.reshaped}
        return "; ".join(
            f"{len(keys)} {kind} ({', '.join(keys[:NAMED_KEYS])}{', ...' if len(keys) > NAMED_KEYS else ''})"
            for kind, keys in kinds.items()
            if keys
        )


def generator_tensors(tensors: Tensors) -> dict[str, Tensor]:
    """Return a generator's tensors under the names that its module gives them.

    A Lightning checkpoint of CSSP2P-GAN holds ``generator.`` and ``discriminator.`` keys, with ``_orig_mod.`` after the
    first where ``torch.compile`` was on (commit 9032585); ``DataParallel`` puts ``module.`` before all. A bare state
    dict passes through.
    """
    found = _without_layers(dict(tensors))
    for prefix in GENERATORS:
        if mine := {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}:
            return _without_layers(mine)
    return found


def _without_layers(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in LAYERS:
        if tensors and all(key.startswith(prefix) for key in tensors):
            return _without_layers({key.removeprefix(prefix): value for key, value in tensors.items()})
    return tensors


def read_generator(path: Path) -> Checkpoint:
    """Return the generator's tensors of a file: safetensors, torch, Lightning, or a zip archive of one of them.

    Nothing in the file is executed.

    Raises:
        MachineError: It cannot be read, or holds no named tensors.
        UsageError: The card beside it is damaged.
    """
    content = _from_archive(path) if path.suffix == ".zip" else _read(path)
    tensors = _state_dict(content)
    if not tensors:
        kinds = sorted(map(str, content))[:5] if isinstance(content, Mapping) else [type(content).__name__]
        raise MachineError(
            where=f"weights {path}",
            found=f"no named tensors (it holds {', '.join(kinds) or 'nothing'})",
            expected="a state dict, bare or under 'state_dict'",
            next_step="Save the generator alone: torch.save(generator.state_dict(), FILE).",
        )
    return Checkpoint(path, generator_tensors(tensors), _card(path))


def _read(path: Path) -> object:
    if path.suffix == ".onnx":
        raise MachineError(
            where=f"weights {path}",
            found="an ONNX file, a whole network",
            expected="named tensors",
            next_step="It needs no recipe: vstain-bench predict onnx --weights FILE.",
        )
    try:
        return read_content(path)
    except MachineError as fault:
        reason = str(fault.__cause__)
        if "TorchScript" in reason:
            hint = "A TorchScript file needs no recipe: vstain-bench predict torchscript --weights FILE."
        elif "weights_only" in reason.lower() or "Unsupported" in reason:
            hint = (
                "It holds objects besides tensors, which could run code. Where it comes from you, save its tensors "
                "alone: torch.save(torch.load(FILE, weights_only=False)['state_dict'], NEW)."
            )
        else:
            hint = fault.next_step
        raise MachineError(where=fault.where, found=fault.found, expected=fault.expected, next_step=hint) from fault


def _from_archive(path: Path) -> object:
    """Return the content of the generator in an archive as the authors of BCI publish theirs: ``*_net_G.pth``."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith("net_G.pth") and "__MACOSX" not in name]
            if len(names) != 1:
                raise MachineError(
                    where=f"weights {path}",
                    found=f"{len(names)} files ending in net_G.pth{': ' if names else ''}{', '.join(sorted(names))}",
                    expected="an archive with one generator",
                    next_step="Unpack it, and give the generator's file with --weights.",
                )
            data = archive.read(names[0])
    except (zipfile.BadZipFile, OSError) as fault:
        raise MachineError(
            where=f"weights {path}", found=f"it is no zip archive ({fault})", next_step="Download it again."
        ) from fault
    return read_content(path, BytesIO(data))


def _state_dict(content: object) -> Tensors:
    """Return the named tensors of a checkpoint, wherever its trainer keeps them; none where there are none."""
    if not isinstance(content, Mapping):
        return {}
    for key in WRAPPERS:
        inner = content.get(key)
        if isinstance(inner, Mapping):
            return _state_dict(inner)
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _card(path: Path) -> Mapping[str, object]:
    card = path.with_name(CARD)
    if path.suffix != ".safetensors" or not card.is_file():
        return {}
    try:
        content = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        content = fault
    settings = content.get("settings") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(content.get("recipe"), str) or not isinstance(settings, dict):
        raise UsageError(
            where=str(card),
            found="it is not the card of a training",
            expected='JSON with "recipe" and "settings", as vstain-bench train writes it',
            next_step="Restore it, or move the weights away from it: the recipe's own settings are then taken.",
        )
    return content


def compare(network: nn.Module, tensors: Tensors) -> Misfit:
    """Return how tensors differ from what a network holds; the network may be on the meta device."""
    wanted = network.state_dict()
    return Misfit(
        missing=tuple(key for key in wanted if key not in tensors),
        unexpected=tuple(key for key in tensors if key not in wanted),
        reshaped=tuple(key for key in wanted if key in tensors and tensors[key].shape != wanted[key].shape),
    )


def _blank(recipe: Recipe) -> nn.Module:
    """Return a recipe's generator without memory behind its weights."""
    with torch.device("meta"):
        return recipe.blank_generator()


Form = Mapping[str, object]
"""Settings that make another network of the same recipe."""


def _forms(recipe: Recipe, alternatives: Sequence[Form], settings: Form) -> Iterator[Recipe]:
    """Yield the recipe and its alternatives, what the user set overriding both."""
    seen: list[Recipe] = []
    for form in ({}, *alternatives):
        candidate = change(recipe, {**form, **settings}, where="--set")
        if candidate not in seen:
            seen.append(candidate)
            yield candidate


def recipe_adapter(
    name: str,
    *,
    licence: str = "not stated",
    released: Mode | None = None,
    alternatives: Sequence[Form] = (),
    published: Mapping[str, PublishedFile] | None = None,
) -> Adapter:
    """Return the adapter of a registered recipe.

    Args:
        name: The recipe's.
        licence: SPDX identifier, or what is known.
        released: What the authors' test script does, for ``--mode released``.
        alternatives: Settings of further networks whose state dicts are accepted, beside the recipe's own.
        published: Files of the authors.
    """
    recipe = RECIPES[name]

    def fits(tensors: Mapping[str, Tensor]) -> bool:
        return any(not compare(_blank(form), tensors).size for form in _forms(recipe, alternatives, {}))

    def load(asked: Loading) -> Model:
        assert asked.weights is not None
        checkpoint = read_generator(asked.weights)
        chosen = _choose(name, checkpoint, alternatives, asked.settings)
        return _model(name, chosen, checkpoint, asked)

    return Adapter(
        card=Card(
            summary=recipe.summary,
            citation=recipe.citation,
            licence=licence,
            weights=f"a checkpoint of 'vstain-bench train {name}', or a state dict of this generator",
        ),
        load=load,
        modes={"eval": EVAL} | ({"released": released} if released else {}),
        published=published or {},
        configurable=True,
        fits=fits,
    )


def _choose(name: str, checkpoint: Checkpoint, alternatives: Sequence[Form], settings: Form) -> Recipe:
    """Return the form of the recipe that the checkpoint is of.

    Raises:
        UsageError: The card is another recipe's, or holds a setting that this one has not.
        MachineError: No form has these keys and shapes.
    """
    recipe = RECIPES[name]
    if checkpoint.card:
        stated, where = checkpoint.card["recipe"], str(checkpoint.path.with_name(CARD))
        if stated != name:
            raise UsageError(
                where=f"weights {checkpoint.path}",
                found=f"its card says that it was trained as '{stated}'",
                expected=f"a checkpoint of '{name}'",
                next_step=f"vstain-bench predict {stated} --weights {checkpoint.path}",
            )
        trained = checkpoint.card["settings"]
        assert isinstance(trained, dict)
        forms = [change(change(recipe, trained, where=where), settings, where="--set")]
    else:
        forms = list(_forms(recipe, alternatives, settings))
    misfits = [compare(_blank(form), checkpoint.tensors) for form in forms]
    for form, misfit in zip(forms, misfits, strict=True):
        if not misfit.size:
            return form
    nearest = min(misfits, key=lambda misfit: misfit.size)
    raise MachineError(
        where=f"weights {checkpoint.path}",
        found=f"they are not those of {name}: {nearest}",
        expected=f"every key and shape of its generator ({' or '.join(form.summary for form in forms)})",
        next_step=_advice(name, checkpoint),
    )


def _advice(name: str, checkpoint: Checkpoint) -> str:
    known = adapters()
    alike = [
        other
        for other in known
        if other != name and (fits := known[other].fits) is not None and fits(checkpoint.tensors)
    ]
    if alike:
        return f"They look like those of {' or '.join(alike)}: vstain-bench predict {alike[0]} --weights FILE."
    if checkpoint.path.suffix == ".safetensors" and not checkpoint.card:
        return f"Put its {CARD} beside it, which says how the network was built, or say so: --set key=value."
    return "They look like those of no adapter that is registered. A network built otherwise: --set key=value."


class _Released(nn.Module):
    """A network left in training, whose running values are put back after every call, so that order does not matter."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.train()
        self._kept = [buffer.clone() for buffer in network.buffers()]

    def forward(self, images: Tensor) -> Tensor:
        """Return what the network makes of the images, and leave it as it was."""
        result: Tensor = self.network(images)
        for buffer, kept in zip(self.network.buffers(), self._kept, strict=True):
            buffer.copy_(kept)
        return result


def _model(name: str, recipe: Recipe, checkpoint: Checkpoint, asked: Loading) -> Model:
    network = fill(_blank(recipe), checkpoint.tensors, checkpoint.path, asked.device)
    if not asked.mode.training:
        _fold_spectral_norm(network)
    if asked.device.type == "cuda":  # a CPU's library orders weights as it likes; images come with channels last anyway
        lay_out_channels_last(network)
    generator = _Released(network) if asked.mode.training else network

    def stain(source: Images) -> Images:
        if asked.mode.reciprocal:
            source = source.mul(255).round().mul(1 / 255)
        return recipe.generate(generator, source)

    random = asked.mode.training and any(
        isinstance(module, nn.Dropout | nn.Dropout2d) and module.p > 0 for module in network.modules()
    )
    return Model(
        stain=stain,
        multiple=recipe.multiple,
        minimum_side=recipe.minimum_side,
        largest_batch=1 if asked.mode.training else None,
        random=random,
        facts={"recipe": name, "settings": asdict(recipe), "training": _provenance(checkpoint.card)},
    )


def _provenance(card: Mapping[str, object]) -> dict[str, object]:
    """Return what a card says of how its weights came about."""
    return {key: card[key] for key in ("code_version", "origin", "seed", "data", "select", "best") if key in card}


def _fold_spectral_norm(network: nn.Module) -> None:
    """Divide weights by their spectral norm once and for all: what a forward pass in evaluation mode does each time."""
    for module in network.modules():
        for hook in list(module._forward_pre_hooks.values()):
            if isinstance(hook, SpectralNorm):
                remove_spectral_norm(module, hook.name)


def adapters() -> Registry[Adapter]:
    """Return every adapter: those registered, and one for each recipe that has none of its own."""
    found: Registry[Adapter] = Registry("adapter")
    for name in ADAPTERS:
        found.register(name)(ADAPTERS[name])
    for name in RECIPES:
        if name not in ADAPTERS:
            found.register(name)(recipe_adapter(name))
    return found
