/**
 * Server-sent events as OpenAI streams them: one for each value, and "[DONE]". Values are asked for as they are sent.
 *
 * @param failure what is sent instead of what was to come when the values end with an error
 * @param left called when the one who reads goes away
 */
export function eventStream(
  values: AsyncGenerator<unknown, void, undefined>,
  failure: (error: unknown) => unknown,
  left: () => void,
): ReadableStream<Uint8Array> {
  const utf8 = new TextEncoder();
  const event = (data: string) => utf8.encode(`data: ${data}\n\n`);
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await values.next();
        controller.enqueue(event(done ? "[DONE]" : JSON.stringify(value)));
        if (done) controller.close();
      } catch (error) {
        controller.enqueue(event(JSON.stringify(failure(error))));
        controller.close();
      }
    },
    cancel() {
      left();
      // whoever makes the values tidies up, also where nothing asks for the next one
      void values.return().catch(() => {});
    },
  });
}
