"""Mutated image files through the decoder: ``python -m benchmarks.fuzz.images --png 30000 --jpeg 20000 --tiff 10000``.

Each mutation follows from its number alone. Whatever escapes, other than pixels and the two declared errors, is named
by that number and ends the run with exit code 1. The files are those of the tests (tests/images/fuzzing.py).
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from tests.images.fuzzing import CHANGES, POLICIES, SEEDS, mutate, survive
from tests.images.image_files import with_checksums


def mutated(kind: str, number: int) -> tuple[bytes, int]:
    """Return the bytes of mutation ``number``, and the index of the policy that it is read under."""
    random = np.random.default_rng([number, *kind.encode()])
    seeds = SEEDS[kind]
    changes = [
        (float(random.random()), CHANGES[random.integers(len(CHANGES))], int(random.integers(256)))
        for _ in range(random.integers(1, 4))
    ]
    data = mutate(seeds[random.integers(len(seeds))], changes)
    if kind == "png" and random.random() < 0.5:
        data = with_checksums(data)
    return data, int(random.integers(len(POLICIES)))


def main() -> int:
    """Print one table row per format."""
    parser = argparse.ArgumentParser(description=__doc__)
    for kind in SEEDS:
        parser.add_argument(f"--{kind}", type=int, default=1000, help="number of mutations")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation")
    given = parser.parse_args()
    escaped = 0
    print("| format | mutations | pixels | DecodeError | MachineError | escaped | slowest (s) | peak memory (MB) |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tile.png"
        for kind in SEEDS:
            outcomes: Counter[str] = Counter()
            slowest, total = 0.0, getattr(given, kind)
            for number in range(given.first, given.first + total):
                data, policy = mutated(kind, number)
                began = time.process_time()
                try:
                    outcomes[survive(path, data, POLICIES[policy])] += 1
                except Exception as fault:  # that is what is sought
                    outcomes["escaped"] += 1
                    print(f"{kind} {number}: {type(fault).__name__}: {fault}", file=sys.stderr)
                slowest = max(slowest, time.process_time() - began)
            escaped += outcomes["escaped"]
            counts = [outcomes[name] for name in ("pixels", "DecodeError", "MachineError", "escaped")]
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"| {kind} | {total} | {' | '.join(map(str, counts))} | {slowest:.2f} | {memory} |", flush=True)
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
