/** Bytes from numbers, ASCII text and bytes. */
export function bytes(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(typeof part === "number" ? [part] : part))));
}

/** A number of so many bytes, little-endian. */
export function little(value: number | bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
}

/** A zip of stored entries; with `zip64`, every size and place is in a ZIP64 record. */
export function zip(entries: readonly (readonly [name: string, content: Uint8Array])[], zip64 = false): Uint8Array {
  const size = (value: number) => little(zip64 ? 0xffffffff : value, 4);
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, content] of entries) {
    const extra = zip64
      ? bytes(1, 0, 24, 0, ...[content.length, content.length, at].map((value) => little(value, 8)))
      : "";
    const local = bytes("PK\x03\x04", new Uint8Array(22), little(name.length, 2), little(0, 2), name, content);
    const sizes = bytes(size(content.length), size(content.length), little(name.length, 2), little(extra.length, 2));
    directory.push(bytes("PK\x01\x02", new Uint8Array(16), sizes, new Uint8Array(10), size(at), name, extra));
    parts.push(local);
    at += local.length;
  }
  const entryCount = zip64 ? 0xffff : entries.length;
  const whole = bytes(...parts, ...directory);
  const counts = [entries.length, entries.length, whole.length - at, at].map((value) => little(value, 8));
  const end64 = zip64
    ? bytes(
        "PK\x06\x06",
        new Uint8Array(20),
        ...counts,
        "PK\x06\x07",
        new Uint8Array(4),
        little(whole.length, 8),
        little(1, 4),
      )
    : "";
  const end = bytes(little(entryCount, 2), little(entryCount, 2), size(whole.length - at), size(at), little(0, 2));
  return bytes(whole, end64, "PK\x05\x06", new Uint8Array(4), end);
}

/** A file of torch.save with this pickle (protocol 2, without its first and last instruction) and these storages. */
export function torchFile(
  program: readonly (number | string | Uint8Array)[],
  storages: readonly Uint8Array[] = [],
): Uint8Array {
  return zip([
    ["archive/data.pkl", bytes(0x80, 2, ...program, ".")],
    ...storages.map((content, key) => [`archive/data/${key}`, content] as const),
  ]);
}

/** Pushes a text. */
export function text(value: string): Uint8Array {
  return bytes("X", little(value.length, 4), value);
}

/** Pushes a whole number. */
export function int(value: number): Uint8Array {
  return bytes(0x8a, 8, little(value, 8));
}

/** Pushes a float32 tensor in a storage. */
export function tensor(
  storage: { key: string; count: number; type?: string },
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): Uint8Array {
  const list = (values: readonly number[]) => bytes("(", ...values.map(int), "t");
  const { key, count, type = "FloatStorage" } = storage;
  const id = bytes("(", text("storage"), `ctorch\n${type}\n`, text(key), text("cpu"), int(count), "tQ");
  const hooks = bytes("ccollections\nOrderedDict\n)R");
  return bytes("ctorch._utils\n_rebuild_tensor_v2\n(", id, int(offset), list(shape), list(strides), 0x89, hooks, "tR");
}
