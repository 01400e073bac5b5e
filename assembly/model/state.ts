import { Model, Saved } from "./layout";

/**
 * What a stream carries from token to token, of constant size: for each block the last rows of norm1 and norm2 (for
 * the token shifts) and the last hidden row: [L][D + D + C] float32.
 */

/** Bytes of a stream's state, and so from one stream's to the next's in a batch. */
@inline
export function stateBytes(model: Model): usize {
  return model.L * blockStateBytes(model);
}

/** Bytes of one block's part of a state. */
@inline
export function blockStateBytes(model: Model): usize {
  return <usize>(2 * model.D + model.heads * model.headWidth) << 2;
}

/** Puts the state of block `l` into the rows before the first token; zeros where `state` is 0. */
export function stateRestore(model: Model, saved: Saved, state: usize, l: usize): void {
  const rowD: usize = <usize>model.D << 2;
  const rowC: usize = <usize>(model.heads * model.headWidth) << 2;
  if (state == 0) {
    memory.fill(saved.norm1 - rowD, 0, rowD);
    memory.fill(saved.norm2 - rowD, 0, rowD);
    memory.fill(saved.hidden - rowC, 0, rowC);
  } else {
    const from = state + l * blockStateBytes(model);
    memory.copy(saved.norm1 - rowD, from, rowD);
    memory.copy(saved.norm2 - rowD, from + rowD, rowD);
    memory.copy(saved.hidden - rowC, from + 2 * rowD, rowC);
  }
}

/** Takes the state of block `l` from the rows of token `t`. */
export function stateKeep(model: Model, saved: Saved, state: usize, l: usize, t: usize): void {
  const rowD: usize = <usize>model.D << 2;
  const rowC: usize = <usize>(model.heads * model.headWidth) << 2;
  const to = state + l * blockStateBytes(model);
  memory.copy(to, saved.norm1 + t * rowD, rowD);
  memory.copy(to + rowD, saved.norm2 + t * rowD, rowD);
  memory.copy(to + 2 * rowD, saved.hidden + t * rowC, rowC);
}
