import type { Tensor } from "../tensor/tensor.js";
import type { RuntimeName } from "./fileRuntime.js";

/** A model that is loaded. */
export interface LoadedModel {
  run(inputs: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>>;
  stop(): void;
  /** Whether its process is gone, so that no run can succeed any more. Left out where there is none. */
  hasEnded?(): boolean;
}

/** A runtime as profiles state it. */
export interface RuntimeBuild {
  /** Such as `onnxruntime`. */
  readonly name: string;
  readonly version: string;
  /** Settings that results depend on, as text that is the same for the same settings. */
  readonly settings: string;
}

/** What preparing a model needs of onnxruntime. This package does not depend on it. */
export interface GraphRuntime {
  readonly builds: Readonly<Record<RuntimeName, RuntimeBuild>>;
  /** The model as onnxruntime saves it after rewriting it at level `basic`. */
  optimise(model: Uint8Array): Promise<Uint8Array>;
  /** As `expose`, in another thread or process: a large model takes seconds. Left out where it may take this one. */
  expose?(model: Uint8Array): Promise<Uint8Array>;
  /** Loads a model to be run without any rewriting, by the runtime that its file names. */
  load(model: Uint8Array): Promise<LoadedModel>;
}
