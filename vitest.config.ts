import { defineConfig } from "vitest/config";
import Tally from "./test/tally.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default", new Tally()],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
