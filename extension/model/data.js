// The data files; docs/extension.md says what each holds. product.json is written by the build.

import assumptions from "../assumptions.json" with { type: "json" };
import product from "../data/product.json" with { type: "json" };
import tokens from "../data/tokens.json" with { type: "json" };
import services from "../services.json" with { type: "json" };

export { assumptions, product, tokens };
export const listedServices = services.services;
export const grids = [
  { key: "world", name: product.grid.name, gco2e_per_kwh: product.grid.gco2e_per_kwh, source: product.grid.source },
  ...assumptions.grids,
];
