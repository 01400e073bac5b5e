/**
 * The instructions of a pickle by name (Python's Lib/pickletools.py describes each), as far as they are carried out:
 * what protocols 2 to 5 write for containers, text, numbers, and objects that a function rebuilds.
 */
export const instruction = {
  PROTO: 0x80,
  FRAME: 0x95,
  STOP: 0x2e,
  MARK: 0x28,
  POP: 0x30,
  POP_MARK: 0x31,

  NONE: 0x4e,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  LONG1: 0x8a,
  BINFLOAT: 0x47,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE: 0x58,
  BINUNICODE8: 0x8d,

  EMPTY_TUPLE: 0x29,
  TUPLE: 0x74,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  APPENDS: 0x65,
  EMPTY_DICT: 0x7d,
  SETITEM: 0x73,
  SETITEMS: 0x75,

  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  MEMOIZE: 0x94,

  GLOBAL: 0x63,
  STACK_GLOBAL: 0x93,
  BINPERSID: 0x51,
  REDUCE: 0x52,
  BUILD: 0x62,
  INST: 0x69,
} as const;

/** Those that are only known to be refused by name: they construct objects, or hold what no checkpoint needs. */
const refused: Readonly<Record<number, string>> = {
  111: "OBJ",
  129: "NEWOBJ",
  146: "NEWOBJ_EX",
  130: "EXT1",
  131: "EXT2",
  132: "EXT4",
  139: "LONG4",
  67: "SHORT_BINBYTES",
  66: "BINBYTES",
  142: "BINBYTES8",
  150: "BYTEARRAY8",
  143: "EMPTY_SET",
  145: "FROZENSET",
  80: "PERSID",
};

/** What a message calls an instruction: its name where it has one here, and its code. */
export function nameOfInstruction(code: number): string {
  const known = Object.entries(instruction).find(([, value]) => value === code)?.[0] ?? refused[code];
  const hex = `0x${code.toString(16).padStart(2, "0")}`;
  return known ? `${known} (${hex})` : hex;
}
