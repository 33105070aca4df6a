"""The weight files that metrics and recipes need: what they are, where they lie, and proof that they are those.

A file counts only when its size and SHA-256 are those recorded here; a wrong one is an error, never a substitute.
Looked for, in this order: the folder given (``--weights-dir``), ``$VSTAIN_BENCH_WEIGHTS``, the user's cache
folder, and torch hub's cache, where torchvision and torch-fidelity leave the same files. What is fetched goes to
the first of these that applies, torch hub's excepted.
"""

import hashlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from vstain_bench.base.registry import Registry
from vstain_bench.errors import MachineError


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One published weight file, known by its content.

    Attributes:
        name: The name used on the command line and in ``Metric.needs``.
        file: Its file name, as its publisher or the libraries that fetch it call it.
        size: Bytes.
        sha256: Of the whole file, 64 hex digits.
        licence: SPDX identifier of the licence the file is published under.
        purpose: What it is for.
        url: Where it is published, or empty for a file that comes inside a package.
        package: The installed package that contains it, or empty.
    """

    name: str
    file: str
    size: int
    sha256: str
    licence: str
    purpose: str
    url: str = ""
    package: str = ""

    @property
    def short_hash(self) -> str:
        """The first twelve hex digits of the SHA-256, for signatures."""
        return self.sha256[:12]


WEIGHTS: Registry[WeightFile] = Registry("weights")
"""Every known weight file by name."""

INCEPTION = "inception-2015-12-05"
ALEXNET = "alexnet-imagenet"
VGG16 = "vgg16-imagenet"
RESNET18 = "resnet18-imagenet"
RESNET50_V1 = "resnet50-imagenet-v1"
RESNET50 = "resnet50-imagenet"
LPIPS_ALEX = "lpips-v0.1-alex"
LPIPS_VGG = "lpips-v0.1-vgg"
DISTS = "dists-channels"
ST_LPIPS_ALEX = "st-lpips-alex"
ST_LPIPS_VGG = "st-lpips-vgg"

_GITHUB = "https://github.com"

for _known in (
    WeightFile(
        name=INCEPTION,
        file="weights-inception-2015-12-05-6726825d.pth",
        url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        size=95_628_359,
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        licence="Apache-2.0",
        purpose="fid, kid and their variants",
    ),
    WeightFile(
        name=ALEXNET,
        file="alexnet-owt-7be5be79.pth",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        size=244_408_911,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        licence="BSD-3-Clause",
        purpose="lpips",
    ),
    WeightFile(
        name=VGG16,
        file="vgg16-397923af.pth",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        size=553_433_881,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        licence="BSD-3-Clause",
        purpose="lpips_vgg, lpips_vgg_unscaled, dists",
    ),
    WeightFile(
        name=RESNET18,
        file="resnet18-f37072fd.pth",
        url="https://download.pytorch.org/models/resnet18-f37072fd.pth",
        size=46_830_571,
        sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        licence="BSD-3-Clause",
        purpose="phv_pcstain_layer1 to 3",
    ),
    WeightFile(
        name=RESNET50_V1,
        file="resnet50-0676ba61.pth",
        url="https://download.pytorch.org/models/resnet50-0676ba61.pth",
        size=102_530_333,
        sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        licence="BSD-3-Clause",
        purpose="phv_asp and its layers",
    ),
    WeightFile(
        name=RESNET50,
        file="resnet50-11ad3fa6.pth",
        url="https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
        size=102_540_417,
        sha256="11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca",
        licence="BSD-3-Clause",
        purpose="the generator's encoder in bce, cbce, p2p and cssp2p (training)",
    ),
    WeightFile(
        name=LPIPS_ALEX,
        file="weights/v0.1/alex.pth",
        package="lpips",
        size=6_009,
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        licence="BSD-2-Clause",
        purpose="lpips (how much each channel of AlexNet counts)",
    ),
    WeightFile(
        name=LPIPS_VGG,
        file="weights/v0.1/vgg.pth",
        package="lpips",
        size=7_289,
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        licence="BSD-2-Clause",
        purpose="lpips_vgg, lpips_vgg_unscaled (how much each channel of VGG-16 counts)",
    ),
    # Size and SHA-256 as torchmetrics 1.9.0, which carries the same file, records them.
    WeightFile(
        name=DISTS,
        file="DISTS_weights-f5e65c96.pth",
        url=f"{_GITHUB}/dingkeyan93/DISTS/raw/1267d8cb626c98706db3697422701c56a85ebf2e/DISTS_pytorch/weights.pt",
        size=12_288,
        sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
        licence="MIT",
        purpose="dists (how much structure and texture of each channel of VGG-16 count)",
    ),
    # Size and SHA-256 of the next two as the authors' release stlpips_pytorch 0.0.2 records them.
    WeightFile(
        name=ST_LPIPS_ALEX,
        file="alex_shift_tolerant.pth",
        url=f"{_GITHUB}/abhijay9/ShiftTolerant-LPIPS/raw/main/stlpips/weights/vST0.0/alex_shift_tolerant.pth",
        size=9_899_296,
        sha256="b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
        licence="BSD-2-Clause",
        purpose="st_lpips",
    ),
    WeightFile(
        name=ST_LPIPS_VGG,
        file="vgg_shift_tolerant.pth",
        url=f"{_GITHUB}/abhijay9/ShiftTolerant-LPIPS/raw/main/stlpips/weights/vST0.0/vgg_shift_tolerant.pth",
        size=58_907_298,
        sha256="44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
        licence="BSD-2-Clause",
        purpose="st_lpips_vgg",
    ),
):
    WEIGHTS.register(_known.name)(_known)


class WeightsUnavailable(MachineError):
    """A known weight file is not on this machine and cannot be had now."""


@dataclass(frozen=True)
class WeightStatus:
    """What is known of one weight file on this machine; ``detail`` says what is wrong with a damaged one."""

    weights: WeightFile
    state: Literal["present", "missing", "damaged"]
    path: Path | None
    detail: str = ""


_digests: dict[tuple[Path, int, int], str] = {}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, computed once per process while its size and time stay the same."""
    facts = path.stat()
    key = (path.resolve(), facts.st_size, facts.st_mtime_ns)
    if key not in _digests:
        with path.open("rb") as stream:
            _digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    return _digests[key]


def verify(weights: WeightFile, path: Path) -> None:
    """Raise ``MachineError`` unless the file has the recorded size and SHA-256."""
    try:
        found_size = path.stat().st_size
        found_digest = digest(path) if found_size == weights.size else ""
    except OSError as fault:
        raise MachineError(
            where=f"weights '{weights.name}' ({path})",
            found=f"the file cannot be read: {fault.strerror}",
            next_step="Check its permissions, or delete it and fetch it again.",
        ) from fault
    if found_digest == weights.sha256:
        return
    right, wrong = f"{weights.size:,} bytes", f"{found_size:,} bytes"
    if found_digest:
        right, wrong = f"SHA-256 {weights.sha256}", f"SHA-256 {found_digest}"
    again = f"reinstall the package '{weights.package}'" if weights.package else _fetch_command(weights)
    raise MachineError(
        where=f"weights '{weights.name}' ({path})",
        found=f"not the published file: {wrong}",
        expected=right,
        next_step=f"Likely an interrupted download or another version: delete it, then {again}.",
    )


def _fetch_command(weights: WeightFile) -> str:
    return f"`vstain-bench weights fetch {weights.name}`"


def _environment_folder(name: str) -> list[Path]:
    value = os.environ.get(name, "")
    return [Path(value).expanduser()] if value else []


def _torch_hub_folder() -> Path:
    cache = _environment_folder("XDG_CACHE_HOME") or [Path.home() / ".cache"]
    home = _environment_folder("TORCH_HOME") or [cache[0] / "torch"]
    return home[0] / "hub" / "checkpoints"


class WeightsStore:
    """The folders where weight files are looked for, and whether the network may be asked.

    ``directory`` is looked into first and receives what is fetched; ``offline`` is also set by
    ``VSTAIN_BENCH_OFFLINE=1``.
    """

    def __init__(self, directory: Path | None = None, *, offline: bool = False) -> None:
        own = [directory] if directory is not None else []
        own += _environment_folder("VSTAIN_BENCH_WEIGHTS")
        own.append(platformdirs.user_cache_path("vstain-bench", appauthor=False) / "weights")
        self.folder = own[0]
        self.offline = offline or os.environ.get("VSTAIN_BENCH_OFFLINE", "") not in ("", "0")
        self._folders = [*own, _torch_hub_folder()]
        self._refused: dict[str, WeightsUnavailable] = {}

    @property
    def folders(self) -> list[Path]:
        """The folders of the user and of this project, in the order in which they are looked through."""
        return self._folders[:-1]

    def _candidate(self, weights: WeightFile) -> Path | None:
        folders = self._folders
        if weights.package:
            found = importlib.util.find_spec(weights.package)
            folders = [Path(each) for each in (found.submodule_search_locations or [])] if found else []
        return next((folder / weights.file for folder in folders if (folder / weights.file).is_file()), None)

    def locate(self, name: str) -> Path:
        """Return the path of the verified file.

        Raises:
            WeightsUnavailable: It is in none of the folders.
            MachineError: A file of that name is there, but it is not the published one.
        """
        weights = WEIGHTS[name]
        path = self._candidate(weights)
        if path is None:
            raise self._unavailable(weights)
        verify(weights, path)
        return path

    def obtain(self, name: str, *, progress: bool | None = None) -> Path:
        """Return the path of the verified file, fetched first if it is nowhere and the network may be asked.

        A fetch that failed is not tried again by this store, so that ten metrics do not wait ten times.
        """
        weights = WEIGHTS[name]
        if self._candidate(weights) is not None:
            return self.locate(name)
        if name in self._refused:
            raise self._refused[name]
        try:
            return self.fetch(name, progress=progress)
        except WeightsUnavailable as fault:
            self._refused[name] = fault
            raise

    def fetch(self, name: str, *, progress: bool | None = None) -> Path:
        """Download the file into this store's folder, verify it, and return its path; a right one there is kept.

        ``progress`` draws a bar on stderr; None draws it on a terminal only.

        Raises:
            WeightsUnavailable: Offline, or the network or the server does not give it.
            MachineError: What arrived is not the published file (nothing is kept), or it cannot be written.
        """
        from vstain_bench.networks.download import download

        weights = WEIGHTS[name]
        if weights.package:
            return self.locate(name)
        target = self.folder / weights.file
        if target.is_file():
            verify(weights, target)
            return target
        if self.offline:
            raise self._unavailable(weights, "the network is switched off (--offline or VSTAIN_BENCH_OFFLINE)")
        try:
            download(weights.url, target, size=weights.size, sha256=weights.sha256, progress=progress)
        except (ConnectionError, TimeoutError) as fault:
            raise self._unavailable(weights, f"{weights.url} does not answer: {fault}") from fault
        return target

    def status(self, name: str) -> WeightStatus:
        """Return whether the file is present, missing or damaged, without asking the network."""
        weights = WEIGHTS[name]
        path = self._candidate(weights)
        if path is None:
            return WeightStatus(weights, "missing", None)
        try:
            verify(weights, path)
        except MachineError as fault:
            return WeightStatus(weights, "damaged", path, str(fault))
        return WeightStatus(weights, "present", path)

    def _unavailable(self, weights: WeightFile, reason: str = "") -> WeightsUnavailable:
        if weights.package:
            return WeightsUnavailable(
                where=f"weights '{weights.name}'",
                found=f"the installed package '{weights.package}' lacks {weights.file}",
                next_step=f"Reinstall it: pip install --force-reinstall {weights.package}",
            )
        searched = ", ".join(str(folder) for folder in self._folders)
        renamed = "" if weights.url.endswith(f"/{weights.file}") else f" as {weights.file}"
        return WeightsUnavailable(
            where=f"weights '{weights.name}' ({weights.file}, {weights.size / 1e6:.3g} MB)",
            found=f"{reason}; the file is in none of {searched}" if reason else f"not found in {searched}",
            next_step=f"Run {_fetch_command(weights)}, or put {weights.url} into {self.folder}{renamed}.",
        )


_store: ContextVar[WeightsStore | None] = ContextVar("weights store", default=None)


def current_store() -> WeightsStore:
    """Return the store in use; without ``use_store``, one with the default folders."""
    return _store.get() or _default_store()


def _default_store() -> WeightsStore:
    store = WeightsStore()
    _store.set(store)
    return store


@contextmanager
def use_store(store: WeightsStore) -> Iterator[WeightsStore]:
    """Look for weights in this store inside the ``with`` block.

    Threads started inside see it only if they run in a copy of the context (``contextvars.copy_context``).
    """
    token = _store.set(store)
    try:
        yield store
    finally:
        _store.reset(token)
