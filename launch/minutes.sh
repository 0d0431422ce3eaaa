#!/usr/bin/env bash
# Trains the runs of a configuration one after the other within a number of minutes, compiling included, and exports
# the last: for a machine that is lent for a while.
#
#   launch/minutes.sh MINUTES OUTPUT CONFIG STAGE=SHARE [STAGE=SHARE ...] [-- SETTING ...]
#   launch/minutes.sh 11 lent configs/bundled.py half=3 whole=5 sharp=3 -- --config.data.path=PHOTOGRAPHS \
#       --config.loss.vgg=vgg19.npz --config.compute.dtype=bfloat16
#
# Edit nothing. Each run starts from the one before, and gets its share of the minutes that are left; what ends sooner
# leaves more to the next. A run whose time is over saves itself and ends. OUTPUT keeps the runs, their logs, the compiled
# programs, and `model`, exported in float16. To resume after an interruption, give the same command again.
set -euo pipefail

if [ $# -lt 4 ]; then
    sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "$0"
    exit 2
fi
minutes=$1 output=$2 config=$3
shift 3
fail() { echo "minutes.sh: $*" >&2; exit 2; }
[[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]] || fail "MINUTES is '$minutes'; it takes a number, as 11 or 2.5"
stages=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    [[ $1 =~ ^[a-z0-9_]+=[1-9][0-9]*$ ]] || fail "'$1' is no STAGE=SHARE, as half=3"
    stages+=("$1")
    shift
done
[ ${#stages[@]} -gt 0 ] || fail "no STAGE=SHARE is given, as half=3"
[ $# -eq 0 ] || shift
output=$(mkdir -p "$output" && cd "$output" && pwd)
[ ! -e "$output/model" ] || fail "$output/model is there already; give another OUTPUT"

cd "$(dirname "$0")/.."
export JAX_COMPILATION_CACHE_DIR="$output/programs"
closing=40 # seconds: the last save, and the export
end=$(awk "BEGIN { print int($(date +%s) + 60 * $minutes - $closing) }")
shares=0
for stage in "${stages[@]}"; do shares=$((shares + ${stage#*=})); done

last='' status=0
for stage in "${stages[@]}"; do
    name=${stage%=*} share=${stage#*=}
    seconds=$(((end - $(date +%s)) * share / shares))
    shares=$((shares - share))
    if [ "$seconds" -lt 20 ]; then
        echo "minutes.sh: $seconds s are left for $name; it is left out" >&2
        continue
    fi
    echo "minutes.sh: $name, $seconds s"
    # SIGINT: the run finishes its step, saves and ends; one that compiles just ends, and leaves nothing to go on from.
    timeout --signal=INT --kill-after="$closing" "$seconds" \
        python -m srn_jax.main --config="$config:$name" --workdir="$output/$name" "$@" \
        ${last:+--config.run.start_from="$output/$last"} 2>&1 | tee "$output/$name.log" || status=$?
    if [ -n "$(ls -A "$output/$name/checkpoints" 2>/dev/null)" ]; then last=$name; fi
    if [ "$status" -ne 0 ] && [ "$status" -ne 124 ]; then # 124: its time was over
        echo "minutes.sh: $name failed with $status; what was trained so far is exported" >&2
        break
    fi
    status=0
done
[ -n "$last" ] || fail "no run came as far as a checkpoint; the logs in $output say why"
python -m srn_jax.export --checkpoint "$output/$last" --half --output "$output/model"
exit "$status"
