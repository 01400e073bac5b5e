/** A record of assembly/model/layout.ts: its fields in order, as the build reads them off. */
type Fields = readonly (readonly [name: string, type: "u32" | "usize" | "f32"])[];

/** A value for every field of a record. */
export type RecordValues<F extends Fields> = Readonly<Record<F[number][0], number>>;

/** Bytes of a record; every field has four. */
export function recordBytes(fields: Fields): number {
  return fields.length * 4;
}

/** Writes a record's fields at `address`. */
export function writeRecord<F extends Fields>(
  memory: WebAssembly.Memory,
  address: number,
  fields: F,
  values: RecordValues<F>,
): void {
  const view = new DataView(memory.buffer, address, recordBytes(fields));
  fields.forEach(([name, type], i) => {
    const value = values[name as F[number][0]];
    if (type === "f32") view.setFloat32(i * 4, value, true);
    else view.setUint32(i * 4, value, true);
  });
}
