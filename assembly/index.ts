/** What the host may call. Kernels are exported so that `thunderbolt bench` can time them. */
export { columnPanelBytes, packColumns } from "./dense/panels";
export { denseForward, denseScratchBytes } from "./dense/product";
export { weightGradient, weightGradientScratchBytes } from "./dense/weight-gradient";
export { crossEntropyForward, softmaxForward } from "./layers/crossentropy";
export { embeddingBackward } from "./layers/embedding";
export { logitsForward, modelBackward, modelDecode, modelForward } from "./model/model";
export { gradientSlotBytes, inputSlotBytes, scalesOffset, slotStride } from "./model/tape";
export { randomNormal, randomUniform } from "./numeric/random";
export { adamwUpdate } from "./optimizer/adamw";
export { gradientNorm, sumOfAbsolutes, sumOfSquares, sumParts } from "./optimizer/sums";
export { packTernary, ternaryScale } from "./ternary/codes";
export { intTernaryForward, intTernaryScratchBytes } from "./ternary/int-project";
export { intWeightGradient, intWeightGradientScratchBytes } from "./ternary/int-weight-gradient";
export { ternaryForward, ternaryScratchBytes } from "./ternary/project";
export { quantizeChannels, quantizeTokens } from "./ternary/quantize";
