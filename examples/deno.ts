// Deno: a server that tells a new story at / and answers OpenAI's clients at /v1/completions.
//   deno add npm:thunderbolt-lm
//   deno run --allow-read --allow-env --allow-net deno.ts [model]
import { loadModel } from "thunderbolt-lm";
import { createApp } from "thunderbolt-lm/server";

const packaged = import.meta.resolve("thunderbolt-lm/models/tinystories.thunderbolt");
const model = await loadModel(Deno.args[0] ?? packaged);
const app = createApp(model);

async function* story() {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  yield "Once upon a time";
  for await (const { text } of model.generate("Once upon a time", { seed })) yield text;
}

Deno.serve({ port: Number(Deno.env.get("PORT") ?? 8000) }, (request) => {
  if (new URL(request.url).pathname !== "/") return app.fetch(request);
  // a reader who leaves ends the story
  const body = ReadableStream.from(story()).pipeThrough(new TextEncoderStream());
  return new Response(body, { headers: { "content-type": "text/plain; charset=utf-8" } });
});
