import { writeModelFile } from "../formats/model-file.ts";
import type { Learner } from "./learner.ts";

/** The model file of a model in training as it stands, in chunks; some are views of what the next step changes. */
export function modelFileOf(learner: Learner, tokenizerJson: string): Uint8Array[] {
  const { model, shape } = learner.plan;
  return writeModelFile(shape.config, tokenizerJson, model.parameters, (parameter) => learner.weights(parameter), {
    step: String(learner.step),
  });
}

/** The same in one piece, which stays as it is. */
export function snapshotOf(learner: Learner, tokenizerJson: string): Uint8Array {
  const chunks = modelFileOf(learner, tokenizerJson);
  const file = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    file.set(chunk, at);
    at += chunk.length;
  }
  return file;
}
