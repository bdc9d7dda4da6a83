import { differenceOf, Search, shownIn } from "@assay/sdk";

import type { Judge } from "../../src/court/judge.js";

/** Judges in this thread: fast, for models that tests make themselves. */
export const judgeHere: Judge = {
  difference: (model, own, claimed) => Promise.resolve(differenceOf(model, own, claimed)),
  search: ({ model, trace }, roots) => {
    const search = new Search(model, trace, roots);
    return {
      next: (demands, outputs) => Promise.resolve(search.next(shownIn(demands), outputs)),
      stop: () => undefined,
    };
  },
};
