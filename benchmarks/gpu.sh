#!/bin/sh
# All questions about a GPU, in at most eight minutes of its time, compilation included. Parts can be run one by one:
#     benchmarks/gpu.sh [PART ...] [--peer spikegd=FOLDER] [--json FILE] [--markdown FILE] [--tiny]
# Needs Python 3.11 or newer with the package's dependencies and a JAX that sees the GPU; PYTHON chooses the interpreter.
# Each part stops after its share of the time, those before it leave their figures in gpu.json and gpu.md.
set -u
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$PWD/.gpu-cache}"
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 XLA_PYTHON_CLIENT_PREALLOCATE=false

parts="" options=""
while [ $# -gt 0 ]; do
    case $1 in
        --peer | --json | --markdown) options="$options $1 $2"; shift ;;
        -*) options="$options $1" ;;
        *) parts="$parts $1" ;;
    esac
    shift
done
failed=0
for part in ${parts:-accuracy:60 speech:70 mnist:60 recurrent:70 epoch:60 surrogate:40 kernels:50 prefix:40 tuning:30}; do
    name=${part%%:*} seconds=${part##*:}
    [ "$seconds" = "$name" ] && seconds=120
    # every part by itself: one that fails, or takes too long, costs the others nothing
    timeout "${LIMIT:-$seconds}" "$python" -m benchmarks.gpu "$name" --seconds 25 $options || {
        echo "$name: stopped or failed ($?)"; failed=1
    }
done
exit $failed
