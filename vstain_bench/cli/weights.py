"""``vstain-bench weights``: list, fetch and verify the files that networks need."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import talk

app = typer.Typer(
    help="The weight files of metrics and recipes, and those that models' authors published: list, fetch, verify.",
    no_args_is_help=True,
)
Folder = Annotated[Path | None, typer.Option(help="Folder of weight files.", show_default="the user's cache")]


@app.command("list")
def list_(weights_dir: Folder = None, json: options.Json = False) -> int:
    """List every known file, those of models' authors after those of metrics: where it lies, licence, hash, address.

    Example: vstain-bench weights list --json
    """
    from vstain_bench.base.registry import load_plugins
    from vstain_bench.cli.output import print_json, print_records
    from vstain_bench.models.named_weights import published_records
    from vstain_bench.networks.weights import WEIGHTS, WeightsStore

    load_plugins()
    store = WeightsStore(weights_dir, offline=True)
    records: list[dict[str, object]] = []
    for name in WEIGHTS:
        status, known = store.status(name), WEIGHTS[name]
        records.append(
            {
                "name": name, "summary": f"{status.state}, for {known.purpose}", "state": status.state,
                "file": known.file, "bytes": known.size, "licence": known.licence, "path": str(status.path or ""),
                "url": known.url, "sha256": known.sha256,
            }
        )  # fmt: skip
    records += published_records(store)
    if json:
        print_json(records)
    else:
        print_records(records)
    return 0


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names from 'weights list', or all.")],
    weights_dir: Folder = None,
    quiet: options.Quiet = False,
) -> int:
    """Download files, verify them, and keep them; a file that is there already is only verified.

    Example: vstain-bench weights fetch inception-2015-12-05 alexnet-imagenet
    """
    from vstain_bench.base.registry import load_plugins
    from vstain_bench.models.named_weights import refuse_to_fetch
    from vstain_bench.networks.weights import WEIGHTS, WeightsStore

    load_plugins()
    store = WeightsStore(weights_dir)
    for name in names:
        refuse_to_fetch(name, store)
    for name in WEIGHTS.names() if names == ["all"] else names:
        path = store.fetch(name, progress=False if quiet else None)
        talk(f"{name}: {path}")
    return 0


@app.command()
def verify(weights_dir: Folder = None) -> int:
    """Hash every file that is here; exit 1 when one is damaged.

    Example: vstain-bench weights verify
    """
    from vstain_bench.networks.weights import WEIGHTS, WeightsStore

    store = WeightsStore(weights_dir, offline=True)
    damaged = 0
    for name in WEIGHTS:
        status = store.status(name)
        damaged += status.state == "damaged"
        talk(f"{name}: {status.state} {status.path or ''} {status.detail}".rstrip())
    return 1 if damaged else 0
