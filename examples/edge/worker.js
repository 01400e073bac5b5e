// Cloudflare's Workers, and hosts like them: no threads, no shared memory, and no WebAssembly but what comes compiled.
// A story at /, with ?prompt= and ?seed=, and OpenAI's completions at /v1.
//   npm install thunderbolt-lm
//   cp node_modules/thunderbolt-lm/models/tinystories.thunderbolt .    (or a model of your own)
//   npx wrangler dev
import { loadModel } from "thunderbolt-lm";
import { createApp } from "thunderbolt-lm/server";
import wasm from "thunderbolt-lm/single.wasm";
import bytes from "./tinystories.thunderbolt";

const model = await loadModel(bytes, { wasm });

export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    // an app for each request: on these hosts what one request waits for cannot be awaited by another
    if (pathname !== "/") return createApp(model).fetch(request);
    const prompt = searchParams.get("prompt") ?? "Once upon a time";
    const seed = Number(searchParams.get("seed") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
    const headers = { "content-type": "text/plain; charset=utf-8" };
    return new Response(storyOf(prompt, { maxTokens: 200, seed }), { headers });
  },
};

/** A story as a stream, which is told no further than it is read. */
function storyOf(prompt, options) {
  const pieces = model.generate(prompt, options);
  const utf8 = new TextEncoder();
  return new ReadableStream({
    start: (controller) => controller.enqueue(utf8.encode(prompt)),
    async pull(controller) {
      const { value, done } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(utf8.encode(value.text));
    },
    cancel: () => pieces.return(),
  });
}
