"""``vstain-bench list``: what exists."""

from typing import Annotated

import typer

from vstain_bench.cli import options


def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="metrics, protocols, encoders, datasets, controls, perturbations, reports, adapters, recipes."
        ),
    ],
    plugin: options.Plugin = None,
    json: options.Json = False,
) -> int:
    """List what exists: exact names, directions, ranges, needs, signatures and citations.

    Example: vstain-bench list metrics --json
    """
    from vstain_bench.base.registry import load_plugins
    from vstain_bench.cli.output import print_json, print_records
    from vstain_bench.present.catalogue import catalogue

    load_plugins(tuple(plugin or ()))
    records = catalogue(what)
    if json:
        print_json(records)
    else:
        print_records(records)
    return 0
