"""Parallel folders: one folder per side, equal names in each (``--real DIR``, ``--source DIR``)."""

from vstain_bench.errors import UsageError
from vstain_bench.tiles.layouts.definition import LAYOUTS, Gathered, Layout, Locations, files_of, generated_files


def gather(given: Locations) -> Gathered:
    """Return the files of the generated, real and source folders; extensions may differ, names may not."""
    if given.real is None:
        raise UsageError(
            where="--real",
            found="no folder of real tiles was given",
            expected="--real DIR, --dataset NAME --root DIR, or --manifest FILE",
            next_step="A pix2pix results folder, which holds the real tiles itself, needs none.",
        )
    real, notes = files_of(given.real, "--real")
    source, more = files_of(given.source, "--source") if given.source else (None, [])
    generated, rest = generated_files(given)
    return Gathered(real=real, source=source, generated=generated, notes=(*notes, *more, *rest))


LAYOUTS.register("parallel")(
    Layout(
        name="parallel",
        summary="one folder per side, equal names (usual side suffixes recognised)",
        kind="folders",
        gather=gather,
    )
)
