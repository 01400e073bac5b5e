import { loadModel } from "thunderbolt-lm";

/**
 * What the installed library makes of a model, the same in every runtime: a text, the hash of the logits after it, a
 * score, and several texts at once.
 */
export async function resultsOf(source, heldOut, options) {
  const model = await loadModel(source, options);
  const prompt = "Once upon a time";
  let text = "";
  for await (const piece of model.generate(prompt, { maxTokens: 40, seed: 7 })) text += piece.text;
  const session = model.session();
  session.append(model.tokenizer.encode(prompt + text));
  const { bitsPerByte } = await model.evaluate(heldOut);
  const texts = [];
  for await (const one of model.generateTexts([prompt, "Mom"], { count: 2, maxTokens: 20, seed: 7 }))
    texts.push(one.text);
  model.dispose();
  return { text, logits: await hashOf(session.logits), bitsPerByte, texts };
}

async function hashOf(numbers) {
  const digest = await crypto.subtle.digest("SHA-256", numbers);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
