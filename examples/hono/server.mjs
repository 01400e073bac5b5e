// Hono, on Node: an app with a route of its own that streams a story, and OpenAI's completions under /llm.
//   npm install thunderbolt-lm hono @hono/node-server
//   node server.mjs [model]
//   curl -N http://localhost:3000/story?about=a+dog
//   curl http://localhost:3000/llm/v1/completions -d '{"prompt": "The dog", "max_tokens": 50}'
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { streamText } from "hono/streaming";
import { loadModel } from "thunderbolt-lm";
import { createApp } from "thunderbolt-lm/server";

const packaged = import.meta.resolve("thunderbolt-lm/models/tinystories.thunderbolt");
const model = await loadModel(process.argv[2] ?? packaged);

const app = new Hono();

app.get("/story", (c) =>
  streamText(c, async (stream) => {
    const prompt = `Once upon a time there was ${c.req.query("about") ?? "a girl"}`;
    const seed = crypto.getRandomValues(new Uint32Array(1))[0];
    const leaving = new AbortController();
    stream.onAbort(() => leaving.abort());
    await stream.write(prompt);
    for await (const { text } of model.generate(prompt, { seed, signal: leaving.signal })) await stream.write(text);
  }),
);

app.mount("/llm", createApp(model, { name: "stories", limits: { maxTokens: 500 } }).fetch);

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => {
  console.log(`listening on http://localhost:${port}`);
});
