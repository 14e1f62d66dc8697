#!/usr/bin/env bash
# Measures one board from top to bottom with the project as landed, stage by stage.
#
#   docs/evidence/run_board.sh OUT [STAGE ...]      all stages without a name: doctor window transformers headline vllm
#                                                   speculative moe serving truth dataset
#   REHEARSE=1 docs/evidence/run_board.sh OUT       the same commands on the simulated board with tiny models
#
# One call takes CALL_S seconds (540), then it stops after the last finished case. The same command again goes on there, until
# it says that everything is done: finished files are left alone, a file that was cut off is resumed case by case
# (docs/resume.md), the dataset begins where it stopped. OUT gets one gzipped result file and one log per command, and
# commands.txt, which says what was run and how it ended. A command that fails leaves what it finished; the next one begins all
# the same. Exit 0: all asked stages are done, 75: call it again, 1: a command could not begin, 4: no such stage.
#
# Environment: PYTHON, the interpreter that has the project (python3). CALL_S. NO_VLLM=1 leaves vLLM out. CELLS, which cells of
# `headline` by name. MODEL, trained weights for `speculative`. SLO and RATES, service level and range of `serving`. REHEARSE=1.
set -uo pipefail

stages=(doctor window transformers headline vllm speculative moe serving truth dataset)
out=${1:?where to, for example docs/evidence/h200-2026-11-21}
shift
asked=("${@:-all}")
[ "${asked[*]}" = all ] && asked=("${stages[@]}")
for stage in "${asked[@]}"; do
    if [[ " ${stages[*]} " != *" $stage "* ]]; then
        echo "run_board: no stage is called $stage; use ${stages[*]}" >&2
        exit 4
    fi
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$here" || exit 1
python=${PYTHON:-python3}
call_s=${CALL_S:-540}
shortest_s=20 # what is left of a call must be worth loading an engine for
open=()       # what this call did not finish
broken=()     # what did not even begin
in_time=(--preserve-status --signal=INT --kill-after=50) # as Ctrl-C: what is finished is kept

if [ -n "${REHEARSE:-}" ]; then
    shortest_s=5
    board=(-p tests.simulated_board.plugin --simulated-board "watts=100/600@0.7 tick_ms=100" --energy-device cpu)
    quick=(--energy-max-time 5 --energy-max-warmup 1 --energy-max-error 49%)
    small=tiny large=tiny dense=tiny rounds=2 repeats=3 lengths="0.2 1"
    base=synthetic:l3-h256-a4-kv2-f768 longer=synthetic:l4-h256-a4-kv2-f768
    one="and b1 and not b1-" few="and out16 and in32 and not b32" turns=4
    shape="(P1-b1 or P2-b1) and not b100" sweep="in32-out64 or in128-out64" cells="burstgpt and in256-out8"
    stacks="transformers-eager vllm-eager" guess="(b1 or b8) and not (b16 or b128)"
    arrivals="burst-b8 or offline" slo=ttft_p99_ms:60000 rates=8:16
else
    board=() quick=(--energy-dtype bfloat16 --energy-max-warmup 5)
    small=shape:llama-3.2-1b large=shape:llama-3.1-8b dense=shape:olmo-1b rounds=5 repeats=10 lengths="0.2 0.5 1 2 5 10"
    base=synthetic:l32-h2048-a32-kv8-f8192 longer=synthetic:l33-h2048-a32-kv8-f8192
    one="" few="" turns=6 shape="test_shapes" sweep="test_sweep" cells="${CELLS:-test_workloads}"
    stacks="transformers-eager vllm-eager vllm-cuda-graphs" guess="b" arrivals="test"
    slo=${SLO:-ttft_p99_ms:500,tpot_p99_ms:50} rates=${RATES:-4:16}
fi
cli="import sys; from reports.cli import main; sys.exit(main(sys.argv[1:]))"
pick="not slow or slow" # a board runs what a CPU leaves out; whole grids only where a command says so

left_s() { echo $((call_s - SECONDS)); }

# Whether a command may still begin in this call; what may not is said at the end.
begins() {
    [ "$(left_s)" -ge "$shortest_s" ] && return
    open+=("$1")
    return 1
}

# A line of commands.txt, without the place that OUT has on this machine.
note() {
    local line=$1
    shift
    line+=" ${*@Q}"
    echo "${line//"$out/"/}" >>"$out/commands.txt"
}

# One run of pytest: its result file, compressed once it is whole, its log, and a line in commands.txt.
measure() {
    local name=$1 start=$SECONDS status
    shift
    [ -f "$out/$name.json.gz" ] && return
    begins "$name" || return
    note pytest "$@"
    timeout "${in_time[@]}" "$(left_s)" "$python" -m pytest "${board[@]}" -q -p no:cacheprovider \
        -o energy_autosave=false --energy-json "$out/$name.json" --energy-resume --energy-min-rounds "$rounds" \
        "${quick[@]}" "$@" 2>&1 | tee -a "$out/$name.log" | tail -n 40
    status=${PIPESTATUS[0]}
    echo "    exit $status, $((SECONDS - start)) s" >>"$out/commands.txt"
    [ "$status" -le 1 ] && [ ! -s "$out/$name.json" ] && status=5 # every case was skipped
    case $status in
        0 | 1) # 1: a case failed, the others are there
            rm -f "$out/$name".recovered*.json
            gzip -9 -f "$out/$name.json" "$out/$name.log"
            ;;
        4 | 5) broken+=("$name") ;; # an option that cannot be, or nothing to measure: the log says which
        *) open+=("$name") ;;       # cut off, by this call's end or by a person
    esac
}

# One command of joules, whose answer goes to OUT/NAME.json.
joules() {
    local name=$1 status
    shift
    [ -f "$out/$name.json.gz" ] && return
    begins "$name" || return
    note joules "$@"
    timeout "${in_time[@]}" "$(left_s)" "$python" -c "$cli" "$@" 2>"$out/$name.log" >"$out/$name.out"
    status=$?
    echo "    exit $status" >>"$out/commands.txt"
    [ -s "$out/$name.json" ] || mv "$out/$name.out" "$out/$name.json" # what it printed is its answer
    rm -f "$out/$name.out"
    if [ $status -le 1 ] && [ -s "$out/$name.json" ]; then # 1: the gate says no, which is an answer
        gzip -9 -f "$out/$name.json" "$out/$name.log"
        return
    fi
    rm -f "$out/$name.json"
    if [ $status -eq 4 ]; then broken+=("$name"); else open+=("$name"); fi
}

# What the meter is worth: period, step, read cost, effect of reading often, idle power, sensor against counter.
doctor() {
    local cli=$cli
    [ -n "${REHEARSE:-}" ] && cli="import subprocess, sys
from tests.simulated_board.board import board_environ
cli = 'import sys; from reports.cli import main; sys.exit(main(sys.argv[1:]))'
sys.exit(subprocess.run([sys.executable, '-c', cli, *sys.argv[1:]], env=board_environ(watts='100', tick_ms=100)).returncode)"
    joules doctor doctor --json
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
    local model
    for model in $(printf '%s\n' "$large" "$small" | sort -u); do
        measure "transformers-frameworks-${model##*[:/]}" benchmarks/test_frameworks.py -k "transformers $one" -m "$pick" \
            --energy-model "$model" --energy-phases
    done
    measure transformers-shapes benchmarks/test_geometry.py -k "transformers and ($shape)" -m "$pick" --energy-model "$large"
    measure transformers-sweep benchmarks/test_geometry.py -k "transformers and ($sweep) $one" -m "$pick" \
        --energy-model "$large" --energy-phases
    measure transformers-batching benchmarks/test_batching.py -k "transformers $few" -m "$pick" --energy-model "$large"
    measure transformers-decoding benchmarks/test_decoding.py -k "transformers" -m "$pick" --energy-model "$small"
    measure transformers-speculative benchmarks/test_speculative.py -k "transformers" -m "$pick" --energy-model "$large"
    measure transformers-structure benchmarks/test_structure.py -k "transformers${REHEARSE:+ and (base or kv)}" -m "$pick"
}

# Binned workloads at the largest batch that fits, stack by stack: the three fullest cells of each workload,
# or those that CELLS names.
headline() {
    local stack of_cells=$pick
    [ -n "${CELLS:-}" ] && of_cells="grid or not grid"
    for stack in $stacks; do
        [[ $stack = vllm* && -n "${NO_VLLM:-}" ]] && continue
        measure "headline-$stack" benchmarks/test_workloads.py -k "$stack and ($cells) and not replay" \
            -m "$of_cells" --energy-model "$large"
    done
}

# vLLM: eager and CUDA graphs, batch and length sweeps, prefill told from decode.
vllm() {
    [ -n "${NO_VLLM:-}" ] && return
    measure vllm-frameworks benchmarks/test_frameworks.py -k "vllm $one" -m "$pick" --energy-model "$large" --energy-phases
    measure vllm-shapes benchmarks/test_geometry.py -k "vllm and ($shape)" -m "$pick" --energy-model "$large"
    measure vllm-sweep benchmarks/test_geometry.py -k "vllm and ($sweep) $one" -m "$pick" \
        --energy-model "$large" --energy-phases
    measure vllm-batching benchmarks/test_batching.py -k "vllm $few" -m "$pick" --energy-model "$large"
}

# Guessing ahead by batch size; random weights say what guessing costs, trained ones (MODEL) what it saves.
speculative() {
    [ -n "${NO_VLLM:-}" ] && return
    measure speculative benchmarks/test_speculative.py \
        -k "vllm and (autoregressive or ngram or draft) and ($guess)" -m "$pick" --energy-model "${MODEL:-$large}"
}

# A mixture of experts against a dense model with as many active parameters.
moe() {
    measure moe-transformers benchmarks/test_moe.py -k "transformers $one" -m "$pick" --energy-model "$dense"
    [ -n "${NO_VLLM:-}" ] || measure moe-vllm benchmarks/test_moe.py -k "vllm $one" -m "$pick" --energy-model "$dense"
}

# Requests that arrive one by one, and the cheapest rate that keeps a service level.
serving() {
    [ -n "${NO_VLLM:-}" ] && return
    measure serving-arrivals benchmarks/test_serving.py -k "test_serving and ($arrivals) and not cheapest" -m "$pick" \
        --energy-model "$large" --energy-slo "$slo"
    measure serving-rates benchmarks/test_serving.py -k "cheapest" -m "$pick" --energy-model "$large" --energy-slo "$slo" \
        --energy-rate-search "$rates" --energy-min-rounds 2
}

# Is the gate right? Twice the same work, then one layer of thirty-two more, in turn.
truth() {
    local side
    for side in first second; do
        measure "truth-$side" benchmarks/test_frameworks.py -k "transformers-eager $one" -m "$pick" --energy-model "$small"
    done
    if [ -f "$out/truth-first.json.gz" ] && [ -f "$out/truth-second.json.gz" ]; then
        for side in first second; do gunzip -kf "$out/truth-$side.json.gz"; done
        joules truth-same compare "$out/truth-first.json" "$out/truth-second.json" --fail mean:2% --format json
        rm -f "$out/truth-first.json" "$out/truth-second.json"
    fi
    local shortest_s=$((call_s / 3)) # an A/B run is not resumed: it needs a good part of a call to itself
    joules truth-layer ab --a "--energy-model $base" --b "--energy-model $longer" --fail mean:2% --format json \
        -o "$out/truth-layer.json" --rounds "$turns" --max-time "$(($(left_s) * 9 / 10))" -- "${board[@]}" "${quick[@]}" \
        benchmarks/test_frameworks.py -k transformers-eager-b1
}

# Points for the predictor, evenly over architectures, batches and lengths. Each call adds what its time allows: cases that a
# file in OUT/dataset holds are not measured again.
dataset() {
    local runs=$out/dataset status
    [ -f "$runs/whole" ] && return
    begins dataset || return
    mkdir -p "$runs"
    find "$runs" -name '*.json.gz' -exec gunzip -f {} +
    echo "pytest benchmarks/test_predictor.py -m predictor --sweep-seconds ... --energy-save dataset" >>"$out/commands.txt"
    timeout "${in_time[@]}" "$(left_s)" "$python" -m pytest "${board[@]}" -q -rs -p no:cacheprovider \
        -o energy_autosave=false benchmarks/test_predictor.py -m predictor --sweep-seconds "$(($(left_s) * 3 / 4))" \
        --energy-storage "$runs" --energy-save dataset --energy-min-rounds 3 "${quick[@]}" ${NO_VLLM:+-k transformers} \
        2>&1 | tee -a "$runs/log" | tail -n 40
    status=${PIPESTATUS[0]}
    echo "    exit $status" >>"$out/commands.txt"
    # pytest is whole when it ended by itself and no case was left for want of time
    if [ "$status" -le 1 ] && ! tail -n 60 "$runs/log" | grep -q "are used up; run it again"; then
        touch "$runs/whole"
    else
        open+=(dataset)
    fi
    find "$runs" -name '*.json' ! -name '.*' -exec gzip -9 -f {} +
}

said=$([ -n "${REHEARSE:-}" ] && echo ", REHEARSED on a simulated board: nothing here was measured")
echo "# $(date -u +%Y-%m-%d) $(git rev-parse --short HEAD 2>/dev/null) ${asked[*]}$said" >>"$out/commands.txt"
for stage in "${asked[@]}"; do "$stage"; done
if [ ${#open[@]} -gt 0 ]; then
    echo "run_board: ${#open[@]} not finished yet (${open[*]}); run the same command again"
    exit 75
fi
if [ ${#broken[@]} -gt 0 ]; then
    echo "run_board: nothing was measured by ${broken[*]}; ${broken[0]}.log says why" >&2
    exit 1
fi
echo "run_board: done; python -m tools.results_page ${out#"$here"/} -o docs/results-BOARD.md"
