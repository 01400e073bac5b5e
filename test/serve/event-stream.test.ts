import { expect, test } from "vitest";
import { eventStream } from "../../src/serve/event-stream.ts";

test("a reader that leaves between two events lets the one who makes them tidy up", async () => {
  let tidied = false;
  let left = false;
  async function* numbers() {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      tidied = true;
    }
  }
  const stream = eventStream(
    numbers(),
    (error) => error,
    () => {
      left = true;
    },
  );
  const reader = stream.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: 0\n\n");
  await reader.cancel();
  await new Promise((resolve) => setTimeout(resolve));
  expect({ left, tidied }).toEqual({ left: true, tidied: true });
});
