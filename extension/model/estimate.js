// From counted answers to watt-hours and grams, always with an interval.
//
//   answer {fresh, context, output, half} ─► joules of the boards, for a low, a likely and a high deployment
//        ─► / share of the boards in a node, x PUE ─► {value, low, high} Wh ─► x grid ─► g CO2e
//
// value: of the likely deployment. low, high: the least and the most that the three allow, each widened at 90 % by what the
// predictor, the token counts and the PUE leave open, added as squares of logarithms. A conversation adds lows to lows and
// highs to highs: what is not known of a service is the same for all of its answers, and does not average out.

import { predict } from "./predict.js";

const JOULES_PER_WH = 3600;
export const CASES = ["low", "likely", "high"];

// GPU joules of one answer and the half width of their logarithm. The prompt's new tokens, and what no cache keeps of the
// rest, are read first; then every token of the answer is made over the whole conversation.
export function answerJoules(product, deployment, serving, answer) {
  const find = (list, name) => list.find((one) => one.name === name);
  const shape = find(product.predictor.shapes, deployment.shape);
  const machine = find(product.predictor.machines, deployment.machine);
  const work = { ...deployment, execution: serving.execution, whole_numbers: false };
  const context = Math.max(1, answer.context), output = Math.max(1, answer.output);
  const uncached = Math.max(1, answer.fresh + (1 - serving.cached_share) * Math.max(0, context - answer.fresh));
  const prompt = predict(product.predictor, shape, machine, { ...work, input_tokens: uncached, output_tokens: 1 });
  const whole = predict(product.predictor, shape, machine, { ...work, input_tokens: context, output_tokens: output });
  return { joules: prompt.prefill_j + whole.decode_j, half: whole.half };
}

// Watt-hours of one answer at the boundary "facility": the whole node, with cooling and losses.
export function answerWh(product, model, serving, pue, answer) {
  const pueHalf = Math.log(pue.p95 / pue.p5) / 2;
  const found = CASES.map((name) => {
    const { joules, half } = answerJoules(product, model[name], serving, answer);
    const wh = ((joules / JOULES_PER_WH) * Math.sqrt(pue.p5 * pue.p95)) / product.gpu_share;
    return { wh, width: Math.exp(Math.hypot(half, answer.half, pueHalf)) };
  });
  return {
    value: found[1].wh,
    low: Math.min(...found.map((one) => one.wh / one.width)),
    high: Math.max(...found.map((one) => one.wh * one.width)),
  };
}

export const NOTHING = Object.freeze({ value: 0, low: 0, high: 0 });

export const sum = (ranges) =>
  ranges.reduce((all, one) => ({ value: all.value + one.value, low: all.low + one.low, high: all.high + one.high }), NOTHING);

export const times = (range, factor) => ({ value: range.value * factor, low: range.low * factor, high: range.high * factor });

// Grams of CO2 equivalent of watt-hours.
export const grams = (wh, gco2ePerKwh) => times(wh, gco2ePerKwh / 1000);

// Tokens of an answer with the interval of their count.
export const tokensOf = ({ output, half }) => ({ value: output, low: output * Math.exp(-half), high: output * Math.exp(half) });
