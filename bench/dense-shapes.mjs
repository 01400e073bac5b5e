// Which block of C should the dense kernel keep in registers? Generates a kernel for each shape (rows x vectors of
// columns, the depth unrolled u times), compiles it with the engine's options, and times it: node bench/dense-shapes.mjs
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import asc from "assemblyscript/asc";

const shapes = [
  [4, 2, 1],
  [4, 2, 2],
  [5, 2, 1],
  [5, 2, 2],
  [6, 2, 1],
  [3, 3, 1],
  [4, 3, 1],
  [2, 4, 1],
  [3, 4, 1],
];
const DEPTH = 384;
const ROWS = 60;
const COLUMNS = 384;

const range = (n) => Array.from({ length: n }, (_, i) => i);
const name = ([rows, vectors, unroll]) => `block${rows}x${vectors}u${unroll}`;

function kernel([rows, vectors, unroll]) {
  const cells = range(rows).flatMap((i) => range(vectors).map((j) => [i, j]));
  const step = (u) => `{
    ${range(vectors)
      .map((j) => `const b${j} = v128.load(b, ${(u * vectors + j) * 16});`)
      .join(" ")}
    ${range(rows)
      .map((i) => {
        const products = range(vectors).map((j) => `c${i}_${j} = f32x4.add(c${i}_${j}, f32x4.mul(s${i}, b${j}));`);
        return `const s${i} = v128.load32_splat(a, ${(u * rows + i) * 4}); ${products.join(" ")}`;
      })
      .join("\n    ")}
  }`;
  return `export function ${name([rows, vectors, unroll])}(c: usize, a: usize, b: usize): void {
  ${cells.map(([i, j]) => `let c${i}_${j} = f32x4.splat(0);`).join(" ")}
  const end = b + ${DEPTH * vectors * 16};
  while (b < end) {
    ${range(unroll).map(step).join("\n    ")}
    a += ${rows * unroll * 4};
    b += ${vectors * unroll * 16};
  }
  ${cells.map(([i, j]) => `v128.store(c, c${i}_${j}, ${(i * vectors + j) * 16});`).join(" ")}
}`;
}

const folder = await mkdtemp(join(tmpdir(), "dense-shapes-"));
await writeFile(join(folder, "shapes.ts"), shapes.map(kernel).join("\n"));
const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory"];
const { error, stderr } = await asc.main(["shapes.ts", "--baseDir", folder, "--outFile", "shapes.wasm", ...options]);
if (error) throw new Error(stderr.toString());
const memory = new WebAssembly.Memory({ initial: 256 });
const { instance } = await WebAssembly.instantiate(await readFile(join(folder, "shapes.wasm")), { env: { memory } });
await rm(folder, { recursive: true });

// all shapes in turn, several rounds, so that a slow moment of the machine does not fall on one of them
const best = new Map(shapes.map((shape) => [name(shape), 0]));
for (let round = 0; round < 20; round++) {
  for (const shape of shapes) {
    const [rows, vectors] = shape;
    const run = instance.exports[name(shape)];
    const [blocks, panels] = [Math.floor(ROWS / rows), Math.floor(COLUMNS / (4 * vectors))];
    const started = performance.now();
    for (let repeat = 0; repeat < 5; repeat++) {
      for (let panel = 0; panel < panels; panel++) {
        const b = 2 ** 20 + panel * DEPTH * vectors * 16;
        for (let block = 0; block < blocks; block++) run(2 ** 23, 2 ** 18 + block * rows * DEPTH * 4, b);
      }
    }
    const products = 5 * panels * blocks * rows * vectors * 4 * DEPTH;
    best.set(name(shape), Math.max(best.get(name(shape)), products / (performance.now() - started) / 1e6));
  }
}
console.log(`${process.version}: billions of multiply-adds a second on one core`);
for (const [shape, gmacs] of best) console.log(`  ${shape.padEnd(12)} ${gmacs.toFixed(1)}`);
