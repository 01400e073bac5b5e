// Node: tells a story as it grows, and says how well each word of another text is predicted.
//   npm install thunderbolt-lm
//   node node.mjs [model]
import { loadModel } from "thunderbolt-lm";

const packaged = import.meta.resolve("thunderbolt-lm/models/tinystories.thunderbolt");
const model = await loadModel(process.argv[2] ?? packaged);

const prompt = "Once upon a time";
process.stdout.write(prompt);
for await (const { text } of model.generate(prompt, { maxTokens: 200, temperature: 0.8, seed: 7 })) {
  process.stdout.write(text);
}

const { tokens, bitsPerByte } = await model.score("The dog ran to the big tree.");
console.log(`\n\n${bitsPerByte.toFixed(2)} bits a byte; the nats of each token:`);
for (const { text, nats } of tokens) console.log(nats.toFixed(2).padStart(6), JSON.stringify(text));
model.dispose();
