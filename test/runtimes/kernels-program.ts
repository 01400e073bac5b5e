import { whyNotRelaxed } from "../../src/engine/module.ts";
import { testModule } from "../kernels/harness.ts";
import { integerChecks } from "../kernels/integer-checks.ts";

// What kernels.mjs bundles and runs in every runtime: a line a module, `same`, `DIFFERENT` or `not here`.
for (const set of ["simd", "relaxed", "single"] as const) {
  const obstacle = set === "relaxed" ? whyNotRelaxed() : undefined;
  console.log(obstacle === undefined ? `${verdict(set)}` : `not here\t${set}\t${obstacle}`);
}

function verdict(set: "simd" | "relaxed" | "single"): string {
  const module = testModule(set);
  const failures: string[] = [];
  for (const [name, check] of Object.entries(integerChecks)) {
    try {
      check(module);
    } catch (error) {
      failures.push(`${name}: ${String(error).replace(/\s+/g, " ")}`);
    }
  }
  return failures.length === 0
    ? `same\t${set}\t${Object.keys(integerChecks).join(", ")}`
    : `DIFFERENT\t${set}\t${failures.join("; ")}`;
}
