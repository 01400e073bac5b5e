// A page that tells a story as it grows, and scores it with Web Workers.
//   npm install
//   mkdir public && cp node_modules/thunderbolt-lm/models/tinystories.thunderbolt public/    (or a model of your own)
//   npx vite
import { loadModel } from "thunderbolt-lm";

const address = new URLSearchParams(location.search).get("model") ?? "tinystories.thunderbolt";
const loading = loadModel(address, { workers: 2 });

const [form] = document.forms;
const { prompt, tell, stop } = form.elements;
const [story, score] = ["story", "score"].map((id) => document.getElementById(id));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const stopping = new AbortController();
  stop.onclick = () => stopping.abort();
  tell.disabled = true;
  stop.disabled = false;
  story.textContent = prompt.value;
  score.textContent = "";
  try {
    const model = await loading;
    const seed = crypto.getRandomValues(new Uint32Array(1))[0];
    for await (const { text } of model.generate(prompt.value, { seed, signal: stopping.signal })) story.append(text);
    const { bitsPerByte } = await model.evaluate(story.textContent);
    score.textContent = `told with seed ${seed}; ${bitsPerByte.toFixed(2)} bits a byte`;
  } catch (error) {
    score.textContent = stopping.signal.aborted ? "stopped" : error.message;
  } finally {
    tell.disabled = false;
    stop.disabled = true;
  }
});
