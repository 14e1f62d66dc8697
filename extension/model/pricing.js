// Answers with what they are estimated to take, under the user's assumptions.

import { assumptions, product } from "./data.js";
import { answerWh, grams, sum, tokensOf } from "./estimate.js";
import { allServices, gridOf, modelOf, pueOf, readSettings } from "./settings.js";

const MOST_KNOWN = 20_000;

export class Pricing {
  #known = new Map(); // an answer that was priced before costs a look-up

  constructor(settings) {
    this.settings = settings;
    this.grid = gridOf(settings);
    this.pue = pueOf(settings);
    this.serving = assumptions.serving;
    this.services = new Map(allServices(settings).map((one) => [one.key, one]));
  }

  static async read() {
    return new Pricing(await readSettings());
  }

  // A page that was removed from the options is still named.
  service(key) {
    return this.services.get(key) ?? { key, name: "a page removed since", assumption: "undisclosed" };
  }

  model(key) {
    return modelOf(this.settings, this.service(key));
  }

  wh(serviceKey, answer) {
    const name = `${serviceKey} ${answer.fresh} ${answer.context} ${answer.output} ${answer.half}`;
    let found = this.#known.get(name);
    if (!found) {
      found = answerWh(product, this.model(serviceKey), this.serving, this.pue, answer);
      if (this.#known.size > MOST_KNOWN) this.#known.clear();
      this.#known.set(name, found);
    }
    return found;
  }

  // {answers, tokens (of answers), wh, gco2e} of one service's answers.
  total(serviceKey, answers) {
    const wh = sum(answers.map((one) => this.wh(serviceKey, one)));
    return { answers: answers.length, tokens: sum(answers.map(tokensOf)), wh, gco2e: this.grams(wh) };
  }

  grams(wh) {
    return grams(wh, this.grid.gco2e_per_kwh);
  }
}
