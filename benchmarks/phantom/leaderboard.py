"""The leaderboard of docs/leaderboard.png: eight simulated models of two labs, with a sweep: ``leaderboard.py DIR``.

Synthetic tissue of twelve patients; each model has one defect, so the order that a metric gives can be judged. It takes
two minutes on two cores and leaves DIR/site; DIR must be new.
"""

import sys
from pathlib import Path

from vstain_bench.base.config import RunConfig
from vstain_bench.judge.leaderboard.config import LeaderboardConfig
from vstain_bench.judge.leaderboard.job import make_leaderboard
from vstain_bench.judge.stress.config import StressConfig
from vstain_bench.judge.stress.job import run_stress
from vstain_bench.measure.run import run
from vstain_bench.phantom import Defects, Displacement, write_phantom
from vstain_bench.present.site import publish_site

METRICS = "stain_fidelity,dab_block_r,ssim,ms_ssim,cw_ssim,psnr,css,dab_w1,h_score_error,fd_random"
LABS = {
    "lab one": {
        "faithful": Defects(),
        "1 µm off": Defects(displacement=Displacement(shift_um=(0.6, -0.8))),
        "soft": Defects(blur_um=1.0),
        "pale": Defects(dab_gain=0.6),
    },
    "lab two": {
        "dark": Defects(dab_gain=1.5),
        "stain elsewhere": Defects(relocate=0.6),
        "bent": Defects(displacement=Displacement(elastic_um=1.5, elastic_length_um=30.0)),
        "no stain": Defects(dab_gain=0.0),
    },
}
MISALIGNMENT = Displacement(shift_um=(0.3, 0.4), elastic_um=0.4, elastic_length_um=30.0)


def main(folder: Path) -> None:
    """Write tiles, two runs and a sweep, and the site."""
    models = {name: defects for lab in LABS.values() for name, defects in lab.items()}
    tiles = write_phantom(
        folder / "tiles", groups=12, tiles_per_group=2, size=176, misalignment=MISALIGNMENT, models=models
    )
    runs = []
    for lab, own in LABS.items():
        config = RunConfig(
            generated={name: tiles.models[name] for name in own}, manifest=tiles.manifest, metrics=METRICS,
            controls=12, offline=True,
        )  # fmt: skip
        runs.append(run(config, folder / lab.replace(" ", "-")).folder.path)
    single = METRICS.replace(",fd_random", "")
    sweep = StressConfig(real=tiles.real, source=tiles.source, metrics=single, mpp=0.5, limit=8)
    run_stress(sweep, folder / "stress")
    request = LeaderboardConfig(title="Virtual HER2, simulated", trust=folder / "stress", published=("bci",))
    sys.stdout.write(f"{publish_site(make_leaderboard(runs, request), folder / 'site')}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
