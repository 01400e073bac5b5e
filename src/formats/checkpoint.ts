import { FormatError } from "../engine/errors.ts";
import { parseJson } from "./model-file.ts";
import { PACKED_FORMAT } from "./packed-file.ts";
import { describe } from "./pickle.ts";
import { readSafetensors, type TensorView } from "./safetensors.ts";
import { readTorchFile } from "./torch-file.ts";
import { TorchTensor } from "./torch-tensor.ts";

/** The weights of a model as PyTorch names them, and what the file says of its configuration. */
export interface Checkpoint {
  /** By the names of the original state_dict, without what torch.compile and DataParallel put in front. */
  readonly tensors: ReadonlyMap<string, TensorView>;
  /** Numbers and words beside the weights, such as `n_heads`; empty for bare weights. */
  readonly settings: ReadonlyMap<unknown, unknown>;
}

/** Under what a checkpoint keeps its weights, and its configuration. */
const WEIGHTS = ["model", "model_state_dict", "state_dict"];
const SETTINGS = ["config", "args"];

/** The head of the model, which is the embedding. */
const HEAD = "head.weight";
/** What a file of torch.save before 1.6 starts with: a pickle and no zip. */
const PICKLE = 0x80;

/**
 * Reads the weights of a PyTorch checkpoint: a file of torch.save, or safetensors; bare, or as `model`,
 * `model_state_dict` or `state_dict` of a dict. Tensors are views into the file wherever they can be.
 *
 * @throws FormatError for files of any other form, damaged ones, and those that would take more memory than the file.
 */
export function readCheckpoint(file: Uint8Array): Checkpoint {
  const isZip = file[0] === 0x50 && file[1] === 0x4b;
  if (isZip) return fromTorch(file);
  if (file[0] === PICKLE) {
    throw new FormatError(
      "the form of torch.save before PyTorch 1.6, which is not read; save it again with a newer one: " +
        'torch.save(torch.load("OLD.pt", map_location="cpu", weights_only=True), "NEW.pt")',
    );
  }
  if (file[8] !== 0x7b) throw new FormatError("neither a file of torch.save nor safetensors");
  const { tensors, metadata } = readSafetensors(file);
  if (metadata.format === PACKED_FORMAT) throw new FormatError("a packed model, which is one of ours already");
  return { tensors: renamed(tensors), settings: asMap(parseJson(metadata.config)) };
}

function fromTorch(file: Uint8Array): Checkpoint {
  const root = readTorchFile(file);
  if (!(root instanceof Map)) throw new FormatError(`it holds ${describe(root)}, and not a state_dict`);
  const under = WEIGHTS.map((key): unknown => root.get(key)).find((value) => value instanceof Map);
  const settings = SETTINGS.map((key): unknown => root.get(key)).find((value) => value instanceof Map);
  const tensors = new Map<string, TorchTensor>();
  for (const [name, value] of under instanceof Map ? under : root) {
    if (typeof name === "string" && value instanceof TorchTensor) tensors.set(name, value);
    else throw new FormatError(`${describe(name)} is ${describe(value)}, and not a tensor of a state_dict`);
  }
  const named = renamed(tensors);
  let bytes = 0;
  for (const [name, tensor] of named) if (name !== HEAD) bytes += tensor.byteLength;
  if (bytes > file.length) {
    throw new FormatError(
      `tensors of ${bytes} bytes in a file of ${file.length}: they share storage, as no model here`,
    );
  }
  const views = new Map<string, TensorView>();
  for (const [name, tensor] of named) views.set(name, viewOf(name, tensor));
  return { tensors: views, settings: asMap(settings) };
}

function viewOf(name: string, tensor: TorchTensor): TensorView {
  try {
    return tensor.view();
  } catch (error) {
    if (error instanceof FormatError) error.message = `tensor ${describe(name)} ${error.message}`;
    throw error;
  }
}

/** Without the prefixes of wrapped modules. @throws FormatError where two names become one. */
function renamed<T>(tensors: ReadonlyMap<string, T>): Map<string, T> {
  const result = new Map<string, T>();
  for (const [name, tensor] of tensors) {
    const plain = name.replaceAll("_orig_mod.", "").replace(/^(module\.)+/, "");
    if (result.has(plain)) throw new FormatError(`tensor ${describe(plain)} is there twice, once as ${describe(name)}`);
    result.set(plain, tensor);
  }
  return result;
}

function asMap(value: unknown): ReadonlyMap<unknown, unknown> {
  if (value instanceof Map) return value;
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}
