/** The module of the tests: everything that ships, every kernel by itself, and the naive siblings. */
export * from "./index";
export { gatesBackward, gatesForward } from "./layers/gates";
export { headNormBackward, headNormForward } from "./layers/headnorm";
export { layerNormBackward, layerNormForward } from "./layers/layernorm";
export { recurrenceBackward, recurrenceForward } from "./layers/recurrence";
export { reluSquaredBackward, reluSquaredForward } from "./layers/relu-squared";
export { residualForward } from "./layers/residual";
export { shiftBackward, shiftForward } from "./layers/shift";
export { embeddingForward } from "./layers/embedding";
export { crossEntropyBackward } from "./layers/crossentropy";
export { log } from "./numeric/log";
