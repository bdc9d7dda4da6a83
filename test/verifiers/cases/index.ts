import type { Generator } from "../support/cases.js";
import { ELEMENTWISE, QUANTIZATION } from "./arithmetic.js";
import { FLOAT_DOT, TOLERANCE_DOT } from "./floatDot.js";
import { FUNCTION_BOUNDS } from "./functions.js";
import { INDEX_MAPS } from "./indexMaps.js";
import { INTEGER_DOT } from "./integerDot.js";
import { SELECTION } from "./selection.js";

/** What each verifier judges. */
export const FAMILIES: Readonly<Record<string, Readonly<Record<string, Generator>>>> = {
  IndexMaps: INDEX_MAPS,
  Selection: SELECTION,
  Elementwise: ELEMENTWISE,
  Quantization: QUANTIZATION,
  IntegerDot: INTEGER_DOT,
  FloatDot: FLOAT_DOT,
  ToleranceDot: TOLERANCE_DOT,
  FunctionBounds: FUNCTION_BOUNDS,
};
