import type { Kernels } from "./instance.ts";
import { type ModelPlan, type PlacedParameter, ROW_GROUP } from "./model-plan.ts";

/** The sum of |W| of a matrix: those of its groups of 16 rows, in order, as the optimiser leaves them. */
function absoluteSum(kernels: Kernels, { address, rows, columns }: PlacedParameter): number {
  let sum = 0;
  for (let row = 0; row < rows; row += ROW_GROUP) {
    sum += kernels.sumOfAbsolutes(address + row * columns * 4, Math.min(ROW_GROUP, rows - row) * columns);
  }
  return sum;
}

/**
 * Brings rows [from, to) of a parameter into the form that the kernels read: ternary matrices are quantised with
 * `scale` and packed, the embedding goes into the head's panels or becomes int8, vectors are used as they are.
 * `from` must be a multiple of 16.
 */
export function packParameter(
  kernels: Kernels,
  plan: ModelPlan,
  parameter: PlacedParameter,
  from: number,
  to: number,
  scale: number,
): void {
  const { address, rows, columns, ternary } = parameter;
  const { head } = plan;
  const source = address + from * columns * 4;
  if (ternary) {
    const { codes, totalOutputs, firstOutput, codesT } = ternary;
    kernels.packTernary(codes, totalOutputs, firstOutput, codesT, columns, source, from, to - from, scale);
  } else if (parameter.kind === "embedding" && head.kind === "int8") {
    kernels.quantizeRows(head.codes + from * head.rowBytes, head.scales + from * 4, source, to - from, columns);
  } else if (parameter.kind === "embedding" && head.kind === "float32") {
    // 8 vocabulary entries to a panel, `columns` deep
    kernels.packColumns(head.panels + from * columns * 4, source, 1, columns, columns, to - from);
    if (head.panelsT === 0) return;
    // 8 channels to a panel, `rows` deep: this range is a stretch of each
    for (let channel = 0; channel < columns; channel += 8) {
      const panel = head.panelsT + (channel * rows + from * 8) * 4;
      kernels.packColumns(panel, source + channel * 4, columns, 1, to - from, Math.min(8, columns - channel));
    }
  }
}

/** Packs a whole parameter whose values have just been written. */
export function packWhole(
  kernels: Kernels,
  memory: WebAssembly.Memory,
  plan: ModelPlan,
  parameter: PlacedParameter,
): void {
  const scale = parameter.ternary ? kernels.ternaryScale(absoluteSum(kernels, parameter), parameter.count) : 0;
  if (parameter.ternary) new Float32Array(memory.buffer, parameter.ternary.scale, 1)[0] = scale;
  packParameter(kernels, plan, parameter, 0, parameter.rows, scale);
}
