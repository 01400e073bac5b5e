import { FormatError } from "../engine/errors.ts";
import { PickleCursor, printable } from "./pickle-cursor.ts";
import { nameOfInstruction, instruction as op } from "./pickle-instructions.ts";

/** A function or class that a pickle may name; `call` is what REDUCE does with it, and nothing where it is absent. */
export class PickleGlobal {
  readonly name: string;
  readonly call: ((args: readonly unknown[]) => unknown) | undefined;

  constructor(name: string, call?: (args: readonly unknown[]) => unknown) {
    this.name = name;
    this.call = call;
  }
}

/** What the file around a pickle knows. */
export interface PickleSurroundings {
  /** The only globals there are, by full names such as `torch.Size`. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** What a persistent id stands for. */
  load(id: unknown): unknown;
}

/** A pickle of a checkpoint takes some 110 bytes for each tensor; the limits leave room for tens of thousands. */
const MAX_PICKLE_BYTES = 1 << 22;
/** Lists, tuples, dicts, tensors and storages: an empty list takes a byte of the file and many more of memory. */
const MAX_OBJECTS = 500_000;
/** Python memoises about ten values for each tensor. */
const MAX_MEMO = 1_000_000;

/**
 * Reads a pickle of plain values: null, booleans, numbers (bigint beyond 2^53), strings, arrays for lists and tuples,
 * Maps for dicts, and what `globals` and `load` give. Values may share parts and contain themselves, as in Python.
 *
 * Nothing that the pickle names is looked up anywhere but in `globals`, so nothing in it can be run.
 *
 * @throws FormatError naming what it asks for otherwise (`posix.system`); for damage, and for one too large.
 */
export function unpickle(bytes: Uint8Array, surroundings: PickleSurroundings): unknown {
  if (bytes.length > MAX_PICKLE_BYTES) {
    throw new FormatError(`a pickle of ${bytes.length} bytes is longer than the ${MAX_PICKLE_BYTES} that are read`);
  }
  return new Machine(bytes, surroundings).run();
}

/** A value on one short line, for a message. */
export function describe(value: unknown): string {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (value instanceof PickleGlobal) return value.name;
  if (value === undefined) return "nothing";
  return typeof value === "object" && value !== null ? value.constructor.name : String(value);
}

/** The machine that a pickle is a program for: a stack, marks in it, and a memo. */
class Machine {
  readonly #in: PickleCursor;
  readonly #surroundings: PickleSurroundings;
  readonly #memo = new Map<number, unknown>();
  readonly #stack: unknown[] = [];
  /** Heights of the stack; nothing below the last is reached before it is taken away. */
  readonly #marks: number[] = [];
  #objects = 0;

  constructor(bytes: Uint8Array, surroundings: PickleSurroundings) {
    this.#in = new PickleCursor(bytes);
    this.#surroundings = surroundings;
  }

  run(): unknown {
    const protocol = this.#in.byte() === op.PROTO ? this.#in.byte() : 0;
    if (protocol < 2 || protocol > 5) throw this.#fault(`protocol ${protocol} is not read; 2 to 5 are`);
    for (;;) {
      const code = this.#in.byte();
      if (code === op.STOP) return this.#pop();
      this.#step(code);
    }
  }

  #step(code: number): void {
    switch (code) {
      case op.PROTO:
        this.#in.skip(1);
        break;
      case op.FRAME:
        this.#in.skip(8); // a hint for readers of streams
        break;
      case op.MARK:
        this.#marks.push(this.#stack.length);
        break;
      case op.POP:
        this.#pop();
        break;
      case op.POP_MARK:
        this.#popMark();
        break;

      case op.NONE:
        this.#push(null);
        break;
      case op.NEWTRUE:
        this.#push(true);
        break;
      case op.NEWFALSE:
        this.#push(false);
        break;
      case op.BININT:
        this.#push(this.#in.int32());
        break;
      case op.BININT1:
        this.#push(this.#in.byte());
        break;
      case op.BININT2:
        this.#push(this.#in.uint16());
        break;
      case op.LONG1:
        this.#push(this.#in.long(this.#in.byte()));
        break;
      case op.BINFLOAT:
        this.#push(this.#in.float64());
        break;
      case op.SHORT_BINUNICODE:
        this.#push(this.#in.text(this.#in.byte()));
        break;
      case op.BINUNICODE:
        this.#push(this.#in.text(this.#in.uint32()));
        break;
      case op.BINUNICODE8:
        this.#push(this.#in.text(this.#in.uint64()));
        break;

      case op.EMPTY_TUPLE:
      case op.EMPTY_LIST:
        this.#pushObject([]);
        break;
      case op.TUPLE:
        this.#pushObject(this.#popMark());
        break;
      case op.TUPLE1:
        this.#pushObject(this.#popSome(1));
        break;
      case op.TUPLE2:
        this.#pushObject(this.#popSome(2));
        break;
      case op.TUPLE3:
        this.#pushObject(this.#popSome(3));
        break;
      case op.APPEND:
        this.#append(this.#popSome(1));
        break;
      case op.APPENDS:
        this.#append(this.#popMark());
        break;
      case op.EMPTY_DICT:
        this.#pushObject(new Map());
        break;
      case op.SETITEM:
        this.#setItems(this.#popSome(2));
        break;
      case op.SETITEMS:
        this.#setItems(this.#popMark());
        break;

      case op.BINGET:
        this.#push(this.#remember(this.#in.byte()));
        break;
      case op.LONG_BINGET:
        this.#push(this.#remember(this.#in.uint32()));
        break;
      case op.BINPUT:
        this.#memoise(this.#in.byte());
        break;
      case op.LONG_BINPUT:
        this.#memoise(this.#in.uint32());
        break;
      case op.MEMOIZE:
        this.#memoise(this.#memo.size);
        break;

      case op.GLOBAL:
        this.#push(this.#global(`${this.#in.line()}.${this.#in.line()}`));
        break;
      case op.STACK_GLOBAL:
        this.#push(this.#global(this.#popSome(2).map(describe).join(".")));
        break;
      case op.BINPERSID:
        this.#pushObject(this.#surroundings.load(this.#pop()));
        break;
      case op.REDUCE:
        this.#reduce();
        break;
      case op.BUILD:
        this.#build();
        break;
      case op.INST:
        throw this.#refusal(printable(`${this.#in.line()}.${this.#in.line()}`));
      default:
        throw this.#refusal(`the instruction ${nameOfInstruction(code)} on ${describe(this.#stack.at(-1))}`);
    }
  }

  #push(value: unknown): void {
    this.#stack.push(value);
  }

  #pushObject(value: unknown): void {
    if (++this.#objects > MAX_OBJECTS) {
      throw this.#fault(`it makes more than the ${MAX_OBJECTS} lists, dicts and tensors that are read`);
    }
    this.#push(value);
  }

  #top(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.#fault("the stack is empty");
    return this.#stack.at(-1);
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popSome(count: number): unknown[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) throw this.#fault("the stack is empty");
    return this.#stack.splice(-count);
  }

  #popMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#fault("there is no mark");
    return this.#stack.splice(mark);
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#fault(`${describe(list)} is no list to append to`);
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly unknown[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map)) throw this.#fault(`${describe(dict)} is no dict to put items into`);
    if (items.length % 2 !== 0) throw this.#fault("a key has no value");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  #memoise(index: number): void {
    if (this.#memo.size >= MAX_MEMO) throw this.#fault(`it memoises more than the ${MAX_MEMO} values that are kept`);
    this.#memo.set(index, this.#top());
  }

  #remember(index: number): unknown {
    if (!this.#memo.has(index)) throw this.#fault(`nothing is memoised as ${index}`);
    return this.#memo.get(index);
  }

  #global(name: string): PickleGlobal {
    const known = this.#surroundings.globals.get(name);
    if (!known) throw this.#refusal(printable(name));
    return known;
  }

  #reduce(): void {
    const [callee, args] = this.#popSome(2);
    if (!(callee instanceof PickleGlobal) || !callee.call) throw this.#refusal(`the call of ${describe(callee)}`);
    if (!Array.isArray(args)) throw this.#fault(`${callee.name} is called with ${describe(args)}, which is no tuple`);
    this.#pushObject(callee.call(args));
  }

  /** A state_dict carries an attribute with the versions of its modules, which says nothing about the tensors. */
  #build(): void {
    const state = this.#pop();
    const target = this.#top();
    if (!(target instanceof Map && state instanceof Map && state.size === 1 && state.has("_metadata"))) {
      throw this.#refusal(`the state of ${describe(target)}`);
    }
  }

  #fault(what: string): FormatError {
    return this.#in.fault(what);
  }

  #refusal(what: string): FormatError {
    return new FormatError(
      `the pickle asks for ${what}, and only tensors and plain containers are read, nothing is ever run; ` +
        "save the weights alone: torch.save(model.state_dict(), FILE)",
    );
  }
}
