// Bun: a server that tells a new story at / and answers OpenAI's clients at /v1/completions.
//   bun add thunderbolt-lm
//   bun bun.ts [model]
import { loadModel } from "thunderbolt-lm";
import { createApp } from "thunderbolt-lm/server";

const packaged = import.meta.resolve("thunderbolt-lm/models/tinystories.thunderbolt");
const model = await loadModel(Bun.argv[2] ?? packaged);
const app = createApp(model);

async function* story() {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  yield "Once upon a time";
  for await (const { text } of model.generate("Once upon a time", { seed })) yield text;
}

const server = Bun.serve({
  port: Number(process.env.PORT ?? 3000),
  routes: {
    "/": () => new Response(story(), { headers: { "content-type": "text/plain; charset=utf-8" } }),
  },
  fetch: (request) => app.fetch(request),
});
console.log(`listening on ${server.url}`);
