"""The demonstration: synthetic patients, four simulated models, one run. It needs no data and no download."""

from pathlib import Path

from vstain_bench.base.config import RunConfig
from vstain_bench.measure.run import Outcome, Progress, run
from vstain_bench.phantom import Displacement, write_phantom

PATIENTS = 6
MISALIGNMENT = Displacement(shift_um=(0.6, -0.8), elastic_um=0.5, elastic_length_um=30.0)
"""Where the real IHC lies against its H&E: a micrometre, as after good registration of a re-stained section."""


def run_demo(out: Path, *, tiles: int, size: int, seed: int, progress: Progress | None = None) -> Outcome:
    """Write ``out/tiles`` and score it into ``out/run``; the same arguments give the same table."""
    if progress:
        progress("writing tissue", 0, 1)
    phantom = write_phantom(
        out / "tiles", groups=PATIENTS, tiles_per_group=-(-tiles // PATIENTS), size=size, seed=seed,
        misalignment=MISALIGNMENT,
    )  # fmt: skip
    if progress:
        progress("writing tissue", 1, 1)
    config = RunConfig(generated=dict(phantom.models), manifest=phantom.manifest, offline=True, controls=12, seed=seed)
    return run(config, out / "run", progress)
