/** The bytes that base64 stands for. */
export function decodeBase64(base64: string): Uint8Array<ArrayBuffer> {
  // where there is one: a loop that has not run yet takes a twentieth of a start
  const { Buffer } = globalThis as { Buffer?: { from(text: string, encoding: "base64"): Uint8Array } };
  if (Buffer) return new Uint8Array(Buffer.from(base64, "base64"));
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  // eight times as fast as Uint8Array.from
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
