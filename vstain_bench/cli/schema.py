"""``vstain-bench schema``: the JSON Schemas of what other programs read."""

from typing import Annotated

import typer


def schema(
    file: Annotated[str, typer.Argument(metavar="[results|stress]", help="results.json or stress.json.")] = "results",
) -> int:
    """Print the JSON Schema of results.json or stress.json, as shipped.

    Example: vstain-bench schema > results.schema.json
    """
    from vstain_bench.cli.output import print_json
    from vstain_bench.present.schemas import read_schema

    print_json(read_schema(file))
    return 0
