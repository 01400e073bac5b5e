// Cloudflare's Workers, and hosts like them: no threads, no shared memory, and no WebAssembly but what comes compiled.
//   npm install thunderbolt-lm
//   cp node_modules/thunderbolt-lm/models/tinystories.thunderbolt .    (or a model of your own)
//   npx wrangler dev
import { loadModel } from "thunderbolt-lm";
import wasm from "thunderbolt-lm/single.wasm";
import bytes from "./tinystories.thunderbolt";

const model = await loadModel(bytes, { wasm });

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const prompt = searchParams.get("prompt") ?? "Once upon a time";
    const seed = Number(searchParams.get("seed") ?? crypto.getRandomValues(new Uint32Array(1))[0]);

    const pieces = model.generate(prompt, { maxTokens: 200, seed });
    const utf8 = new TextEncoder();
    const story = new ReadableStream({
      start: (controller) => controller.enqueue(utf8.encode(prompt)),
      async pull(controller) {
        const { value, done } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(utf8.encode(value.text));
      },
      cancel: () => pieces.return(),
    });
    return new Response(story, { headers: { "content-type": "text/plain; charset=utf-8" } });
  },
};
