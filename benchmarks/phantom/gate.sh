#!/usr/bin/env bash
# Score synthetic tiles and hold the table against the accepted one: what `make gate` and .ci/run call.
#
#   gate.sh OUT                                 exit 1 when a number is worse, missing or not comparable
#   gate.sh OUT --write junit=gate.xml          any option of `vstain-bench gate`
#   gate.sh OUT --accept --reason "..."         make these numbers the baseline
#
# Tiles that lie in OUT/tiles already are scored as they are; the run is always made anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?"usage: gate.sh OUT [options of vstain-bench gate]"}
shift
vstain_bench() { "${PYTHON:-python3}" -m vstain_bench "$@"; }

if [ ! -f "$out/tiles/tiles.csv" ]; then
  "${PYTHON:-python3}" "$here/tiles.py" "$out/tiles"
fi
rm -rf "$out/run"
vstain_bench run faithful="$out/tiles/models/faithful" shifted="$out/tiles/models/shifted" \
  --manifest "$out/tiles/tiles.csv" --protocol "$here/protocol.toml" --controls 4 --offline -q --out "$out/run" >/dev/null
vstain_bench gate "$out/run" --name phantom --baseline "$here/baseline.json" --tolerances "$here/tolerances.toml" "$@"
