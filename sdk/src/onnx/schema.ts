import protobuf from "protobufjs";

type Field = [type: string, id: number, rule?: "repeated"];

/**
 * The messages of the ONNX file format with their field numbers, as far as inference models use them. Fields that
 * would change what a model computes are listed even where this package refuses them, so that none is dropped unseen.
 */
const MESSAGES: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  Model: {
    irVersion: ["int64", 1],
    producerName: ["string", 2],
    producerVersion: ["string", 3],
    domain: ["string", 4],
    modelVersion: ["int64", 5],
    docString: ["string", 6],
    graph: ["Graph", 7],
    opsetImport: ["OperatorSet", 8, "repeated"],
    metadataProps: ["Entry", 14, "repeated"],
    trainingInfo: ["bytes", 20, "repeated"],
    functions: ["bytes", 25, "repeated"],
  },
  OperatorSet: { domain: ["string", 1], version: ["int64", 2] },
  Entry: { key: ["string", 1], value: ["string", 2] },
  Graph: {
    node: ["Node", 1, "repeated"],
    name: ["string", 2],
    initializer: ["Tensor", 5, "repeated"],
    docString: ["string", 10],
    input: ["ValueInfo", 11, "repeated"],
    output: ["ValueInfo", 12, "repeated"],
    valueInfo: ["ValueInfo", 13, "repeated"],
    quantizationAnnotation: ["bytes", 14, "repeated"],
    sparseInitializer: ["bytes", 15, "repeated"],
  },
  Node: {
    input: ["string", 1, "repeated"],
    output: ["string", 2, "repeated"],
    name: ["string", 3],
    opType: ["string", 4],
    attribute: ["Attribute", 5, "repeated"],
    docString: ["string", 6],
    domain: ["string", 7],
    overload: ["string", 8],
  },
  Attribute: {
    name: ["string", 1],
    f: ["float", 2],
    i: ["int64", 3],
    s: ["bytes", 4],
    t: ["Tensor", 5],
    g: ["Graph", 6],
    floats: ["float", 7, "repeated"],
    ints: ["int64", 8, "repeated"],
    strings: ["bytes", 9, "repeated"],
    tensors: ["Tensor", 10, "repeated"],
    graphs: ["Graph", 11, "repeated"],
    docString: ["string", 13],
    type: ["int32", 20],
    refAttrName: ["string", 21],
  },
  Tensor: {
    dims: ["int64", 1, "repeated"],
    dataType: ["int32", 2],
    floatData: ["float", 4, "repeated"],
    int32Data: ["int32", 5, "repeated"],
    stringData: ["bytes", 6, "repeated"],
    int64Data: ["int64", 7, "repeated"],
    name: ["string", 8],
    rawData: ["bytes", 9],
    doubleData: ["double", 10, "repeated"],
    uint64Data: ["uint64", 11, "repeated"],
    docString: ["string", 12],
    externalData: ["Entry", 13, "repeated"],
    dataLocation: ["int32", 14],
  },
  ValueInfo: { name: ["string", 1], type: ["Type", 2], docString: ["string", 3] },
  Type: {
    tensorType: ["TensorType", 1],
    sequenceType: ["bytes", 4],
    mapType: ["bytes", 5],
    denotation: ["string", 6],
    sparseTensorType: ["bytes", 8],
    optionalType: ["bytes", 9],
  },
  TensorType: { elemType: ["int32", 1], shape: ["Shape", 2] },
  Shape: { dim: ["Dimension", 1, "repeated"] },
  Dimension: { dimValue: ["int64", 1], dimParam: ["string", 2], denotation: ["string", 3] },
};

/** ONNX scalars in repeated fields that its proto2 schema leaves unpacked. */
const UNPACKED = new Set(["Attribute.floats", "Attribute.ints", "Tensor.dims"]);

function build(): protobuf.Root {
  const root = new protobuf.Root();
  for (const [name, fields] of Object.entries(MESSAGES)) {
    const type = new protobuf.Type(name);
    for (const [field, [fieldType, id, rule]] of Object.entries(fields)) {
      const packed = rule === "repeated" && !UNPACKED.has(`${name}.${field}`);
      type.add(new protobuf.Field(field, id, fieldType, rule ?? "optional", undefined, { packed }));
    }
    root.add(type);
  }
  root.resolveAll();
  return root;
}

const ROOT = build();
/** protobuf type of an ONNX file. */
export const MODEL = ROOT.lookupType("Model");
/** protobuf type of a tensor that lies by itself in a file. */
export const TENSOR = ROOT.lookupType("Tensor");
