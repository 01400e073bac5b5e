/** Bytes that must agree for a stretch to be taken over: fewer cost more to name than to write. */
const SHORTEST = 12;

/**
 * How one file is made of another: stretches of it, each followed by bytes that are new.
 *
 * @returns [from, to, base64 of what follows] for each stretch
 */
export function editsBetween(old, wanted) {
  const places = new Map();
  const keyAt = (bytes, at) => bytes.toString("latin1", at, at + SHORTEST);
  for (let at = 0; at + SHORTEST <= old.length; at++) {
    const key = keyAt(old, at);
    const known = places.get(key);
    if (known) known.push(at);
    else places.set(key, [at]);
  }
  const edits = [];
  let [from, to, added] = [0, 0, []];
  for (let at = 0; at < wanted.length; ) {
    let [best, length] = [0, 0];
    for (const place of places.get(keyAt(wanted, at)) ?? []) {
      let same = 0;
      while (place + same < old.length && old[place + same] === wanted[at + same]) same++;
      if (same > length) [best, length] = [place, same];
    }
    if (length < SHORTEST) {
      added.push(wanted[at++]);
      continue;
    }
    edits.push([from, to, Buffer.from(added).toString("base64")]);
    [from, to, added] = [best, best + length, []];
    at += length;
  }
  edits.push([from, to, Buffer.from(added).toString("base64")]);
  return edits;
}
