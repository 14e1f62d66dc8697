// Figures in words. No figure is said without its interval.

const PREFIXES = {
  Wh: [[1e6, "MWh"], [1e3, "kWh"], [1, "Wh"], [1e-3, "mWh"]],
  g: [[1e3, "kg"], [1, "g"], [1e-3, "mg"]],
  minutes: [[1440, "days"], [60, "hours"], [1, "minutes"], [1 / 60, "seconds"]],
  ml: [[1e3, "l"], [1, "ml"]],
  m: [[1e3, "km"], [1, "m"], [0.01, "cm"]],
};
const FROM = { minutes: 1 }; // of a unit, from which on it is used; a tenth of the others

// Two significant digits, plain.
export function digits(value) {
  if (!Number.isFinite(value)) return "?";
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(2));
  if (rounded >= 10) return Math.round(rounded).toLocaleString("en");
  return rounded.toFixed(Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(Math.abs(rounded))))));
}

// "0.31 Wh (0.11 to 1.2)".
export function range(found, unit) {
  const from = FROM[unit] ?? 0.0999;
  const [factor, name] = (PREFIXES[unit] ?? []).find(([one]) => found.value >= one * from) ?? PREFIXES[unit]?.at(-1) ?? [1, unit];
  return `${digits(found.value / factor)}${name && ` ${name}`} (${digits(found.low / factor)} to ${digits(found.high / factor)})`;
}

// "4,700 (3,900 to 5,700)".
export const count = (found) => range(found, "");

export const tokens = (found) => `about ${count(found)} tokens`;

// "2.1 minutes (0.7 to 8.2) of a 9 W LED bulb", for each comparison.
export function compared(comparisons, wh, gco2e) {
  return comparisons.map((one) => {
    const of = one.of === "wh" ? wh : gco2e;
    const found = { value: of.value / one.per, low: of.low / one.per, high: of.high / one.per };
    return `${range(found, one.unit)} ${one.name}`;
  });
}
