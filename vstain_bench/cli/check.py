"""``vstain-bench check``: audit the input, score nothing."""

from typing import Annotated

import typer

from vstain_bench.base.config import InputConfig, RunConfig
from vstain_bench.cli import options
from vstain_bench.cli.progress import listening


@options.configured(RunConfig, file=True, only=InputConfig.model_fields.keys() - {"on_error"})
def check(
    settings: RunConfig,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every pixel, not only headers.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail the check, too.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Audit tiles without scoring: pairs, sizes, formats, copies, mode collapse, leaking splits. Exit 1 on a finding.

    Example: vstain-bench check out/tiles --real data/IHC --source data/HE --deep
    """
    from vstain_bench.cli.output import print_audit, print_json
    from vstain_bench.tiles.inputs import read_inputs

    with listening(quiet) as listener:
        found = read_inputs(settings, deep=deep, progress=listener.phase("checking files"))
    audit = found.audit
    if json:
        print_json(
            {
                "layout": found.layout.name,
                "tiles": len(audit.tiles),
                "models": list(found.models),
                "problems": [{"tile": p.tile, "kind": p.kind, "message": p.message} for p in audit.problems],
                "warnings": list(audit.warnings),
                "notes": list(audit.notes),
            }
        )
    else:
        print_audit(audit, found.layout.name)
    return 1 if audit.problems or (strict and audit.warnings) else 0
