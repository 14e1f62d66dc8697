// The predictor's formula, as docs/predicting.md prints it and reports/predict/physics.py computes it: GPU joules of one
// request, and how wide the interval is. `file` is what `joules predict export` wrote.

// shape, machine: entries of file.shapes and file.machines.
// work: {batch, input_tokens, output_tokens, boards, weight_bytes, whole_numbers (int8), execution}
// Answers joules of one request, prefill_j and decode_j of them; low and high; half, the half width of the logarithm;
// and the seconds of the whole batch.
export function predict(file, shape, machine, work) {
  const c = file.constants, n = work.boards;
  const smoothMaximum = (a, b, p) => Math.pow(Math.pow(a, p) + Math.pow(b, p), 1 / p);
  const cacheBytes = (context) =>
    (work.weight_bytes > 2 ? 4 : 2) *
    (shape.cache * context + shape.sliding_cache * (shape.window ? Math.min(context, shape.window) : context));
  const active = shape.every_step + shape.sparse_layers * shape.experts_per_token * shape.expert;
  const launches =
    shape.layers * (1 + c.latent_layers * shape.latent + c.plain_layers * shape.plain) +
    shape.sparse_layers * c.sparse_layers * (1 + Math.min(shape.experts, 256) / 128);
  const launchFactor = { eager: 1, cuda_graphs: c.graph_launch, transformers: c.transformers_launch }[work.execution];
  const allReduce =
    c.link_s * { nvlink: 1, pcie_peer: 3, pcie: 8 }[machine.link] * (1 + Math.log2(n) / 2) * (n > machine.boards_per_node ? 2 : 1);
  const awakeW =
    c.awake_w * Math.pow(machine.tdp_w / 300, c.awake_exponent) * (1 + (n > 1 ? c.several_awake : 0));
  const floorW = machine.idle_w + awakeW;
  const peak =
    work.weight_bytes > 2 ? machine.flop_s_32bit
    : work.weight_bytes < 1 || work.weight_bytes > 1 ? machine.flop_s_16bit
    : work.whole_numbers ? machine.flop_s_int8 : machine.flop_s_8bit;

  function pass(tokens, sequences, context, cached) {
    const read = shape.experts ? shape.experts * (1 - Math.pow(1 - shape.experts_per_token / shape.experts, tokens)) : 0;
    const steady = shape.every_step * work.weight_bytes;
    const expert = shape.sparse_layers * read * shape.expert * work.weight_bytes;
    const cache = cached ? sequences * cacheBytes(context) : 0;
    const operations = 2 * active * tokens + 4 * shape.attention * tokens * context;
    const memoryS =
      (steady + cache + expert / c.expert_efficiency) / (n * machine.bandwidth_bytes_s * c.memory_efficiency);
    const computeS = operations / (n * peak * c.compute_efficiency);
    const hostS =
      machine.host * (c.step_s + launches * c.layer_s * launchFactor + sequences * c.sequence_s) +
      c.several_s * Math.log2(n) * launchFactor;
    const busyS = smoothMaximum(hostS, smoothMaximum(memoryS, computeS, 4), c.overlap);
    const linkS = n > 1 ? 2 * shape.layers * allReduce : 0;
    const seconds = busyS + linkS;
    const asked =
      n * floorW * seconds + c.joules_per_byte * (steady + expert + cache) +
      c.compute_share * Math.max(machine.tdp_w - floorW, 0) * n * computeS;
    const capped = Math.pow(1 + Math.pow(asked / n / seconds / machine.tdp_w, 8), -1 / 8);
    return { seconds, joules: asked * capped, hostS, memoryS, computeS };
  }

  const room = n * (0.9 * machine.memory_bytes - 1.5e9) - shape.parameters * work.weight_bytes;
  const fits = Math.max(1, room / cacheBytes(work.input_tokens + 0.75 * work.output_tokens));
  const concurrent = Math.min(work.batch, fits);
  const promptTokens = work.input_tokens * concurrent;
  const passes = Math.max(1, promptTokens / 8192);
  const prompt = pass(promptTokens / passes, concurrent / passes, work.input_tokens / 2, false);
  const step = pass(concurrent, concurrent, work.input_tokens + work.output_tokens / 2, true);
  const steps = work.output_tokens - 1;

  let factor = 1;
  const r = file.residual; // a ridge on five features; empty where it did not help
  if (r.features.length) {
    const features = {
      log_active: Math.log(active),
      launch_share: step.hostS / (step.hostS + step.memoryS + step.computeS),
      mixture: shape.experts ? 1 : 0,
      doublings: Math.log2(n),
      log_cache: Math.log((shape.cache + shape.sliding_cache) / shape.layers),
    };
    const sum = r.features.reduce((s, f, i) => s + (r.weights[i] * (features[f] - r.means[i])) / r.scales[i], 0);
    factor = Math.exp(Math.min(Math.max(sum, -r.most), r.most));
  }
  const prefillJ = (factor * prompt.joules * passes) / concurrent;
  const decodeJ = (factor * step.joules * steps) / concurrent;
  const joules = prefillJ + decodeJ;

  const w = file.widths, learned = file.fitted_on; // the interval: see "How sure it is"
  const seen = learned.boards.includes(machine.name), batched = concurrent > 1;
  const parts = [w[(seen ? "seen_board" : "new_board") + (batched ? "_batched" : "")]];
  if (shape.inferred) parts.push(shape.experts ? w.inferred_mixture : w.inferred);
  const asked = {
    parameters: shape.parameters, "active parameters": active, batch: concurrent,
    "input tokens": work.input_tokens, "output tokens": work.output_tokens, boards: n,
  };
  for (const [name, value] of Object.entries(asked)) {
    const range = learned.ranges[name];
    if (range) parts.push(w.outside * Math.max(Math.log(range.low / value), Math.log(value / range.high), 0));
  }
  const half = Math.sqrt(parts.reduce((sum, part) => sum + part * part, 0));
  return {
    joules, prefill_j: prefillJ, decode_j: decodeJ, half,
    low: joules * Math.exp(-half), high: joules * Math.exp(half),
    seconds: ((prompt.seconds * passes + step.seconds * steps) * work.batch) / concurrent,
  };
}
