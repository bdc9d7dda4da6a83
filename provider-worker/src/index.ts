export { ContentServer } from "./content/server.js";
export { ContentStore, sha256 } from "./content/store.js";
export { InferenceError, WorkerError } from "./errors.js";
export { ChildRunner, type ModelRunner, type RunnerLimits } from "./inference/runner.js";
export { createKeystore, openKeystore } from "./keystore.js";
export { createLog } from "./log.js";
export { readGolden, writeGolden, type GoldenVector } from "./models/golden.js";
export { loadSettings, settingsSchema, type WorkerSettings } from "./settings.js";
export { Worker, type WorkerParts } from "./worker.js";
