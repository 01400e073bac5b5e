/**
 * A file with bits turned over, cut, lengthened or with a stretch copied elsewhere. Half of all changes are where most
 * can go wrong: in the first and, where a file has its directory there, in the last few thousand bytes.
 */
export function mutate(file: Uint8Array, uniform: () => number, directoryAtEnd = false): Uint8Array {
  const at = () => Math.floor(uniform() * file.length);
  const place = () => {
    if (uniform() >= 0.5) return at();
    const near = Math.floor(uniform() * Math.min(3000, file.length));
    return directoryAtEnd && uniform() < 0.5 ? file.length - 1 - near : near;
  };
  const bytes = file.slice();
  switch (Math.floor(uniform() * 5)) {
    case 0:
      return bytes.subarray(0, at());
    case 1:
      return new Uint8Array(Buffer.concat([bytes, bytes.subarray(0, at())]));
    case 2: {
      const from = at();
      bytes.copyWithin(place(), from, from + Math.floor(uniform() * 64));
      return bytes;
    }
    default:
      for (let i = 0; i <= uniform() * 4; i++) bytes[place()] ^= 1 << Math.floor(uniform() * 8);
      return bytes;
  }
}
