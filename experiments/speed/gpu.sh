#!/usr/bin/env bash
# Checks and measures everything on one GPU, in at most nine minutes and without a network; writes gpu.md.
#   experiments/speed/gpu.sh fer2013.csv
#   experiments/speed/gpu.sh fer2013.csv OUT
# Steps, each with its own time limit: the tests marked cuda; fer.benchmark of four networks at three batch sizes;
# experiment=speedrun_gpu; eight small runs, one after the other and at once. A step that fails or is too slow is reported,
# and the others go on. PYTHON names the interpreter (default: python).
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 fer2013.csv [OUT]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
exec "${PYTHON:-python}" "$here/gpu.py" --data "$1" --out "${2:-$here}"
