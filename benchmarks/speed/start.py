"""Processor seconds of commands that should answer at once, the least of several calls, as a Markdown table.

    python benchmarks/speed/start.py build/start            # the code that Python finds; PYTHONPATH for another

It makes a run of twelve small tiles in the folder and reads it.
"""

import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

COMMAND = (sys.executable, "-m", "vstain_bench.cli.main")
PHANTOM = (
    "import sys; from pathlib import Path; from vstain_bench.phantom import write_phantom; "
    "write_phantom(Path(sys.argv[1]), groups=3, tiles_per_group=4, size=64, seed=3)"
)
CALLS = 5


def seconds(arguments: Sequence[str], calls: int = CALLS) -> float:
    """Return the least processor time of several calls, user and system, children's threads included."""
    taken = []
    for _ in range(calls):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*COMMAND, *arguments], capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def main(folder: Path) -> None:
    """Print the table."""
    tiles, run = folder / "tiles", str(folder / "run")
    if not (folder / "run" / "results.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-c", PHANTOM, str(tiles)], check=True)
        models = [f"{name}={tiles / 'models' / name}" for name in ("faithful", "shifted")]
        scored = ["run", "-q", *models, "--manifest", str(tiles / "tiles.csv"), "--metrics", "ssim,psnr", "--out", run]
        subprocess.run([*COMMAND, *scored], check=True, capture_output=True)
    print("| command | seconds |\n| --- | ---: |")
    for arguments in (
        ["--help"],
        ["run", "made=out", "--real", str(tiles), "--protocol", "typo"],
        ["show", run],
        ["show", run, "--format", "latex"],
        ["gate", run, "--baseline", run],
        ["schema"],
        ["list", "reports"],
        ["list", "metrics"],
        ["compare", run],
    ):
        shown = " ".join(arguments).replace(run, "RUN").replace(str(tiles), "IHC")
        print(f"| `{shown}` | {seconds(arguments):.2f} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
