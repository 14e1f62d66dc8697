#!/usr/bin/env bash
# Measures one board from top to bottom with the project as landed, stage by stage.
#
#   docs/evidence/run_board.sh OUT [STAGE ...]      stages: doctor window transformers moe truth vllm speculative serving
#   REHEARSE=1 docs/evidence/run_board.sh OUT       the same commands on the simulated board with tiny models, minutes
#
# OUT gets one gzipped result file per command and commands.txt, which says what was run and how it ended. A stage that
# fails leaves the files that it finished; the next one begins all the same. Each stage is made to take less than ten
# minutes on a Hopper board. PYTHON names the interpreter that has the project (default: python3).
set -uo pipefail

out=${1:?where to, for example docs/evidence/h200-2026-11-21}
shift
mkdir -p "$out"
python=${PYTHON:-python3}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$(cd "$out" && pwd)
cd "$here" || exit 1

if [ -n "${REHEARSE:-}" ]; then
    board=(-p tests.simulated_board.plugin --simulated-board "watts=100/600@0.7 tick_ms=100" --energy-device cpu)
    small=tiny large=tiny moe=tiny longer=synthetic:l4-h256-a4-kv2-f768 base=synthetic:l3-h256-a4-kv2-f768
    rounds=2 batches="b1" shapes="P1 and b1" lengths="0.2 1" repeats=3 quick=(--energy-max-time 5 --energy-max-warmup 1)
else
    board=()
    small=shape:llama-3.2-1b large=shape:llama-3.1-8b moe=shape:olmo-1b
    base=synthetic:l32-h2048-a32-kv8-f8192 longer=synthetic:l33-h2048-a32-kv8-f8192
    rounds=5 batches="b" shapes="P" lengths="0.2 0.5 1 2 5 10" repeats=10 quick=()
fi
pick="not slow or slow"  # a board runs what a CPU leaves out

# One run of pytest: its result file, compressed, and a line in commands.txt.
measure() {
    local name=$1 start=$SECONDS
    shift
    echo "pytest $*" >>"$out/commands.txt"
    "$python" -m pytest "${board[@]}" -q -p no:cacheprovider --energy-json "$out/$name.json" --energy-min-rounds "$rounds" \
        "${quick[@]}" "$@" 2>&1 | tee "$out/$name.log" | tail -n 40
    echo "    exit ${PIPESTATUS[0]}, $((SECONDS - start)) s" >>"$out/commands.txt"
    [ -f "$out/$name.json" ] && gzip -9 -f "$out/$name.json"
    gzip -9 -f "$out/$name.log"
}

# What the meter is worth: period, step, read cost, effect of reading often, idle power, sensor against counter.
doctor() {
    echo "joules doctor --json" >>"$out/commands.txt"
    "$python" -c "import sys; from reports.cli import main; sys.exit(main(['doctor', '--json']))" >"$out/doctor.json"
    echo "    exit $?" >>"$out/commands.txt"
    gzip -9 -f "$out/doctor.json"
}

# The same work at window lengths from 0.2 to 10 s: how far repeats spread is the meter's error and the board's own noise.
window() {
    local seconds
    for seconds in $lengths; do
        measure "window-$seconds" benchmarks/test_frameworks.py -k "transformers-eager-b8" -m "$pick" --energy-model "$small" \
            --energy-min-window "$seconds" --energy-min-rounds "$repeats" --energy-max-error 49% --energy-max-time 200
    done
}

# Transformers: modes, batch sizes, decoding, assisted decoding, the shapes and sweeps of both papers.
transformers() {
    measure transformers-frameworks benchmarks/test_frameworks.py -k "transformers and $batches" -m "$pick" \
        --energy-model "$large" --energy-model "$small" --energy-phases
    measure transformers-decoding benchmarks/test_decoding.py -k "transformers" -m "$pick" --energy-model "$small"
    measure transformers-speculative benchmarks/test_speculative.py -k "transformers" -m "$pick" --energy-model "$large"
    measure transformers-shapes benchmarks/test_geometry.py -k "transformers and ($shapes)" -m "$pick" --energy-model "$large"
    measure transformers-structure benchmarks/test_structure.py -k "transformers" -m "$pick"
}

# A mixture of experts against a dense model with as many active parameters.
moe() {
    measure moe-transformers benchmarks/test_moe.py -k "transformers" -m "$pick" --energy-model "$moe"
    [ -n "${NO_VLLM:-}" ] || measure moe-vllm benchmarks/test_moe.py -k "vllm" -m "$pick" --energy-model "$moe"
}

# Is the gate right? Twice the same work, then one layer of thirty-two more, in turn.
truth() {
    measure truth-first benchmarks/test_frameworks.py -k "transformers-eager" -m "$pick" --energy-model "$small"
    measure truth-second benchmarks/test_frameworks.py -k "transformers-eager" -m "$pick" --energy-model "$small"
    local side
    for side in first second; do gunzip -kf "$out/truth-$side.json.gz"; done
    echo "joules compare truth-first.json truth-second.json --fail mean:2%" >>"$out/commands.txt"
    "$python" -c "import sys; from reports.cli import main; sys.exit(main(sys.argv[1:]))" \
        compare "$out/truth-first.json" "$out/truth-second.json" --fail mean:2% --format json -o "$out/truth-same.json"
    echo "    exit $?" >>"$out/commands.txt"
    rm -f "$out/truth-first.json" "$out/truth-second.json"
    echo "joules ab --a '--energy-model $base' --b '--energy-model $longer' --fail mean:2% -- benchmarks ..." >>"$out/commands.txt"
    "$python" -c "import sys; from reports.cli import main; sys.exit(main(sys.argv[1:]))" \
        ab --a "--energy-model $base" --b "--energy-model $longer" --fail mean:2% --format json -o "$out/truth-layer.json" \
        -- "${board[@]}" "${quick[@]}" benchmarks/test_frameworks.py -k transformers-eager-b1
    echo "    exit $?" >>"$out/commands.txt"
    gzip -9 -f "$out"/truth-*.json
}

# vLLM: eager and CUDA graphs, the headline's cells, batch and length sweeps.
vllm() {
    [ -n "${NO_VLLM:-}" ] && return
    measure vllm-frameworks benchmarks/test_frameworks.py -k "vllm and $batches" -m "$pick" --energy-model "$large" --energy-phases
    measure vllm-shapes benchmarks/test_geometry.py -k "vllm and ($shapes)" -m "$pick" --energy-model "$large"
    measure headline benchmarks/test_workloads.py -k "${CELLS:-burstgpt and in256-out8}" -m "$pick" --energy-model "$large"
}

# Guessing ahead by batch size; acceptance is by construction of draft and prompts.
speculative() {
    [ -n "${NO_VLLM:-}" ] && return
    measure speculative benchmarks/test_speculative.py -k "vllm and $batches" -m "$pick" --energy-model "$large"
}

# Requests that arrive one by one, and the cheapest rate that keeps a service level.
serving() {
    [ -n "${NO_VLLM:-}" ] && return
    measure serving benchmarks/test_serving.py -m "$pick" --energy-model "$large" ${REHEARSE:+-k burst}
}

{ echo "# $(date -u +%Y-%m-%d) $(git rev-parse --short HEAD 2>/dev/null)"; } >>"$out/commands.txt"
for stage in "${@:-doctor}"; do
    case $stage in
        doctor | window | transformers | moe | truth | vllm | speculative | serving) "$stage" ;;
        all) for each in doctor window transformers moe truth vllm speculative serving; do "$each"; done ;;
        *) echo "run_board: no stage is called $stage; use doctor, window, transformers, moe, truth, vllm, speculative, serving or all" >&2; exit 4 ;;
    esac
done
