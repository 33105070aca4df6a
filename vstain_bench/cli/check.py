"""``vstain-bench check``: audit the input, score nothing."""

from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import listening


def check(
    generated: options.Generated = None,
    real: options.Real = None,
    source: options.Source = None,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    manifest: options.Manifest = None,
    layout: options.LayoutName = None,
    groups: options.Groups = None,
    labels: options.Labels = None,
    mpp: options.Mpp = None,
    decode: options.Decode = None,
    workers: options.Workers = None,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every pixel, not only headers.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail the check, too.")] = False,
    config: options.Config = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Audit tiles without scoring: pairs, sizes, formats, copies, mode collapse, leaking splits. Exit 1 on a finding.

    Example: vstain-bench check out/tiles --real data/IHC --source data/HE --deep
    """
    settings = options.resolve(
        generated, config, real=real, source=source, dataset=dataset, root=root, split=split, manifest=manifest,
        layout=layout, groups=groups, labels=labels, mpp=mpp, decode=decode, workers=workers,
    )  # fmt: skip
    from vstain_bench.cli.output import console, print_json
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
        out = console()
        out.print(f"{len(audit.tiles)} tiles can be scored (layout {found.layout.name}).")
        for heading, lines in (
            ("Problems", [problem.message for problem in audit.problems]),
            ("Warnings", audit.warnings),
            ("Notes", audit.notes),
        ):
            if lines:
                out.print(f"{heading}:")
            for line in lines:
                out.print(f"  {line}")
    return 1 if audit.problems or (strict and audit.warnings) else 0
