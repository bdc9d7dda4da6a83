import { toTypedArray, type Tensor } from "../tensor/tensor.js";
import { Open, openTensors, type OpenModel } from "./openness.js";
import type { CourtModel } from "./prepare.js";
import { firstUnexplained } from "./ranges.js";

/**
 * What a result of other bytes is worth before the court: provably wrong; different in nothing but what stands either
 * way; or not to be told without the result, or not at all.
 */
export type Difference = "wrong" | "open" | "unknown";

type DifferingModel = OpenModel & Pick<CourtModel, "profile" | "inputNames" | "outputNames" | "outputs">;

/** How a result differs from that of one's own trace. `claimed`: its tensors, if they could be had. */
export function differenceOf(
  model: DifferingModel,
  trace: readonly Tensor[],
  claimed?: ReadonlyMap<string, Tensor>,
): Difference {
  if (model.profile.kind === "Tolerance") return differenceInAnyOrder(model, trace, claimed);
  const open = openTensors(model, trace);
  const outputs = model.outputNames.map((name, i) => {
    const at = model.outputs[i] ?? -1;
    return { own: trace[at], found: claimed?.get(name), open: open[at] ?? Open.Anything };
  });
  if (!claimed) return outputs.every(({ own, open }) => own && isDetermined(own, open)) ? "wrong" : "unknown";
  if (outputs.some(({ own, found, open }) => !own || !found || differs(own, found, open))) return "wrong";
  return outputs.some(({ open }) => open === Open.Anything) ? "unknown" : "open";
}

/** Where honest parties have other bytes nearly everywhere, what rounding explains stands. */
function differenceInAnyOrder(
  model: DifferingModel,
  trace: readonly Tensor[],
  claimed: ReadonlyMap<string, Tensor> | undefined,
): Difference {
  if (!claimed) return "unknown";
  return firstUnexplained(model, trace, claimed) === undefined ? "open" : "wrong";
}

/** Whether all other bytes are wrong. */
function isDetermined(own: Tensor, open: Open): boolean {
  if (open === Open.Nothing) return true;
  return open === Open.Zeros && !toTypedArray(own).some((value) => value === 0);
}

/** Whether an element is another number, or another zero where that is not open. */
function differs(own: Tensor, found: Tensor, open: Open): boolean {
  if (own.dtype !== found.dtype || own.dims.join() !== found.dims.join()) return true;
  if (open === Open.Anything) return false;
  const [values, others] = [toTypedArray(own), toTypedArray(found)];
  for (const [element, value] of values.entries()) {
    const other = others[element];
    if (!Object.is(value, other) && !(open === Open.Zeros && value === other)) return true;
  }
  return false;
}
