/** The court's verifiers by family of operators, from 1 on. */
export const VERIFIERS: readonly string[] = [
  "IndexMaps",
  "Selection",
  "Elementwise",
  "Quantization",
  "IntegerDot",
  "FloatDot",
  "ToleranceDot",
  "FunctionBounds",
];
