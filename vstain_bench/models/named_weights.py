"""Which weight file a user means: a file, a folder of ``train``, or ``authors:NAME``, a file that authors published.

Authors' files lie on pages that ask a person to click, and nobody recorded a digest for most of them. So they are
looked for where a person is told to put them, ``authors/ADAPTER/NAME/FILE`` in the folder of weights, and their digest
goes into the provenance instead of being compared.
"""

from dataclasses import dataclass
from pathlib import Path

from vstain_bench.base.names import unknown
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.models.contract import Adapter, PublishedFile
from vstain_bench.models.recipe_adapters import BEST, adapters
from vstain_bench.networks.weights import WeightsStore, WeightsUnavailable, digest

AUTHORS = "authors:"


@dataclass(frozen=True)
class Weights:
    """A weight file on this machine: where it lies, its SHA-256, and what it was called on the command line."""

    path: Path
    sha256: str
    origin: str


def find_weights(name: str, adapter: Adapter, given: str | None, store: WeightsStore) -> Weights | None:
    """Return the file that ``--weights`` names, or None for an adapter that has no weights.

    Raises:
        UsageError: An adapter without weights was given some, one with weights none, or there is no such file.
        WeightsUnavailable: A file of the authors is not on this machine.
    """
    if not adapter.card.weights:
        if given is not None:
            raise UsageError(
                where=f"--weights {given}", found=f"{name} has no weights", next_step="Leave --weights out."
            )
        return None
    if given is None:
        known = "".join(f", or {AUTHORS}{each}" for each in adapter.published)
        raise UsageError(
            where=f"predict {name}",
            found="no --weights",
            expected=f"{adapter.card.weights}{known}",
            next_step="Nothing is ever predicted with random weights.",
        )
    if given.startswith(AUTHORS):
        path = find_published(name, adapter, given.removeprefix(AUTHORS), store)
    else:
        path = _on_disk(Path(given).expanduser())
    return Weights(path, _digest(path), given if given.startswith(AUTHORS) else path.name)


def _digest(path: Path) -> str:
    try:
        return digest(path)
    except OSError as fault:
        raise MachineError(
            where=f"--weights {path}",
            found=f"it cannot be read ({fault.strerror or fault})",
            next_step="Check its permissions.",
        ) from fault


def _on_disk(path: Path) -> Path:
    if path.is_dir():
        if (path / BEST).is_file():
            return path / BEST
        raise UsageError(
            where=f"--weights {path}",
            found=f"a folder without {BEST}",
            expected="a weight file, or the folder that 'vstain-bench train' wrote",
        )
    if path.is_file():
        return path
    beside = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
    raise unknown(
        path.name,
        beside,
        where=f"--weights {path}",
        found="no such file",
        expected=f"a weight file, a folder of 'train', or {AUTHORS}NAME (vstain-bench weights list)",
    )


def place(name: str, key: str, published: PublishedFile) -> Path:
    """Return where a file of the authors belongs, within the folder of weights."""
    return Path("authors") / name / key / published.file


def find_published(name: str, adapter: Adapter, key: str, store: WeightsStore) -> Path:
    """Return the path of a file of the authors.

    Raises:
        UsageError: The authors of this model published nothing under that name.
        WeightsUnavailable: It is not on this machine; the error says how to get it and where to put it.
        MachineError: It is another file than the one recorded, where one is.
    """
    if key not in adapter.published:
        released = ", ".join(f"{AUTHORS}{each}" for each in adapter.published)
        lacking = (
            f"the authors of {name} published no such file" if released else f"no file of {name}'s authors is known"
        )
        raise unknown(
            key,
            adapter.published,
            where=f"--weights {AUTHORS}{key}",
            found=lacking,
            expected=f"one of {released}" if released else "a file of your own",
        )
    published = adapter.published[key]
    inner = place(name, key, published)
    path = next((folder / inner for folder in store.folders if (folder / inner).is_file()), None)
    if path is None:
        searched = ", ".join(str(folder / inner) for folder in store.folders)
        raise WeightsUnavailable(
            where=f"weights '{AUTHORS}{key}' of {name}",
            found=f"not found at {searched}",
            expected=f"the authors' file from {published.url} (licence: {published.licence})",
            next_step=f"{published.steps} Put it at {store.folder / inner}.",
        )
    if published.sha256 and _digest(path) != published.sha256:
        raise MachineError(
            where=f"weights '{AUTHORS}{key}' of {name} ({path})",
            found=f"SHA-256 {_digest(path)}",
            expected=published.sha256,
            next_step="Likely an interrupted download: delete it and get it again.",
        )
    return path


def published_records(store: WeightsStore) -> list[dict[str, object]]:
    """Return what is known of every file of the authors, and whether it is here, for ``weights list``."""
    records: list[dict[str, object]] = []
    known = adapters()
    for name in known:
        for key, published in known[name].published.items():
            inner = place(name, key, published)
            path = next((folder / inner for folder in store.folders if (folder / inner).is_file()), None)
            records.append(
                {
                    "name": f"{name} {AUTHORS}{key}",
                    "summary": f"{'present' if path else 'missing'}, a generator trained on {published.trained_on}",
                    "state": "present" if path else "missing",
                    "file": str(inner),
                    "licence": published.licence,
                    "path": str(path or ""),
                    "url": published.url,
                    "sha256": published.sha256 or "not recorded by its publisher",
                    "steps": published.steps,
                }
            )
    return records


def refuse_to_fetch(name: str, store: WeightsStore) -> None:
    """Say how to get a file of the authors by hand, where ``name`` is one: ``authors:NAME``, ``ADAPTER authors:NAME``.

    Raises:
        UsageError: It is one; no program fetches it.
    """
    before, colon, key = name.partition(AUTHORS)
    if not colon:
        return
    known, adapter = adapters(), before.strip()
    owners = [each for each in known if key in known[each].published and adapter in ("", each)]
    if not owners:
        every = [f"{each} {AUTHORS}{other}" for each in known for other in known[each].published]
        raise UsageError(where=f"weights '{name}'", found="unknown name", expected=f"one of {', '.join(every)}")
    steps = []
    for owner in owners:
        published = known[owner].published[key]
        steps.append(f"{owner}: {published.steps} Put it at {store.folder / place(owner, key, published)}.")
    raise UsageError(
        where=f"weights '{name}'",
        found="its publisher recorded no digest, so nothing is fetched unseen",
        expected="a download by hand",
        next_step=" ".join(steps),
    )
