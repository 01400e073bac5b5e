import { Arena } from "../engine/arena.ts";
import { type CompiledKernels, createMemory, instantiateKernels } from "../engine/instance.ts";
import { ROW_GROUP } from "../engine/model-plan.ts";

/**
 * Times kernels on one core at the sizes of `v5`: projections of 1152 x 384 and the head of 8192 x 384, 256 tokens.
 *
 * @param onKernel told which is timed next, after how many, and of how many.
 * @returns billions of multiply-adds a second (or what replaces them), by name.
 */
export function benchmarkKernels(
  compiled: CompiledKernels,
  seconds: number,
  onKernel?: (name: string, done: number, all: number) => void,
): Record<string, number> {
  const [T, D, F, V] = [256, 384, 1152, 8192];
  const planner = instantiateKernels(compiled, createMemory(compiled.set, 1));
  const arena = new Arena();
  const x = arena.floats(T * V);
  const y = arena.floats(T * V);
  const dW = arena.floats(V * D);
  const codes = arena.reserve((F * D) / 4);
  const codesT = arena.reserve((F * D) / 4);
  const scales = arena.floats(F);
  const quantized = arena.reserve(F * T);
  const dQuantized = arena.reserve(F * T);
  const rowBytes = planner.rowStride(D) >>> 0;
  const embedCodes = arena.reserve(V * rowBytes);
  const embedScales = arena.floats(V);
  const hiddenCodes = arena.reserve(T * rowBytes);
  const hiddenScales = arena.floats(T);
  const tops = arena.floats(T);
  const inverses = arena.floats(T);
  const nats = arena.reserve(T * 8);
  const targets = arena.reserve(T * 4);
  const panels = arena.reserve(planner.columnPanelBytes(D, V) >>> 0);
  const scratch = arena.reserve(
    Math.max(
      planner.ternaryScratchBytes(F, F) >>> 0,
      planner.intTernaryScratchBytes(F, F) >>> 0,
      planner.weightGradientScratchBytes(F) >>> 0,
      planner.intWeightGradientScratchBytes(T) >>> 0,
      planner.denseScratchBytes() >>> 0,
      planner.headLossScratchBytes(V, D) >>> 0,
      planner.headGradientScratchBytes(D) >>> 0,
    ),
  );
  const memory = createMemory(
    compiled.set,
    arena.pages("the benchmark", () => "a smaller one would do"),
  );
  const kernels = instantiateKernels(compiled, memory);
  kernels.randomNormal(x, T * V, 1, 0, 0);
  kernels.randomNormal(dW, F * D, 1, 0, 1);
  for (let row = 0; row < F; row += ROW_GROUP) {
    kernels.packTernary(codes, F, 0, codesT, D, dW + row * D * 4, row, ROW_GROUP, 0.8);
  }
  new Float32Array(memory.buffer, scales, F).fill(1);
  kernels.packColumns(panels, x, 1, D, D, V);
  kernels.quantizeTokens(quantized, T, y, x, F, T, F);
  kernels.quantizeTokens(dQuantized, T, y, x, F, T, F);
  kernels.quantizeRows(embedCodes, embedScales, x, V, D);
  kernels.quantizeRows(hiddenCodes, hiddenScales, y, T, D);

  const measure = (macs: number, work: () => void) => macs / bestTime(seconds, work) / 1e9;
  const ternary = (at: number, outputs: number, inputs: number) =>
    measure(T * outputs * inputs, () =>
      kernels.ternaryForward(y, outputs, x, inputs, at, scales, outputs, T, outputs, inputs, false, scratch),
    );
  const integer = (at: number, outputs: number, inputs: number) =>
    measure(T * outputs * inputs, () =>
      kernels.intTernaryForward(
        y,
        outputs,
        quantized,
        T,
        scales,
        at,
        scales,
        outputs,
        T,
        outputs,
        inputs,
        false,
        scratch,
      ),
    );
  // logits and the gradient to hidden; logits again and the gradient to the embedding: two products each
  const headLoss = () =>
    kernels.headLossBackward(
      y,
      nats,
      tops,
      inverses,
      hiddenCodes,
      hiddenScales,
      embedCodes,
      embedScales,
      targets,
      T,
      V,
      D,
      1 / T,
      scratch,
    );
  const headGradient = () =>
    kernels.headWeightGradient(
      dW,
      embedCodes,
      embedScales,
      0,
      V,
      hiddenCodes,
      hiddenScales,
      tops,
      inverses,
      targets,
      T,
      D,
      1 / T,
      false,
      scratch,
    );
  const figures = {
    ternaryForward: () => ternary(codes, F, D),
    ternaryInputGradient: () => ternary(codesT, D, F),
    denseForward: () => measure(T * D * V, () => kernels.denseForward(y, V, x, D, 1, panels, T, V, D, false, scratch)),
    denseInputGradient: () =>
      measure(T * D * V, () => kernels.denseForward(y, D, x, V, 1, panels, T, D, V, false, scratch)),
    weightGradient: () => measure(T * D * F, () => kernels.weightGradient(dW, y, F, x, T, F, D, false, scratch)),
    intTernaryForward: () => integer(codes, F, D),
    intTernaryInputGradient: () => integer(codesT, D, F),
    intWeightGradient: () =>
      measure(T * D * F, () =>
        kernels.intWeightGradient(dW, dQuantized, scales, quantized, T, T, F, D, false, scratch),
      ),
    headLossBackward: () => measure(2 * T * D * V, headLoss),
    headWeightGradient: () => measure(2 * T * D * V, headGradient),
  };
  const names = Object.keys(figures) as (keyof typeof figures)[];
  return Object.fromEntries(
    names.map((name, i) => {
      onKernel?.(name, i, names.length);
      return [name, figures[name]()];
    }),
  );
}

/** The shortest time of one call, in seconds, of as many as fit into `seconds` after the compiler has warmed up. */
export function bestTime(seconds: number, work: () => void): number {
  const warm = performance.now() + 200 * seconds;
  do work();
  while (performance.now() < warm);
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const started = performance.now();
    work();
    best = Math.min(best, performance.now() - started);
  }
  return best / 1000;
}
