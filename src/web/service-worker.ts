/** The page's own files, and what changes with any of them; put in by the build. */
declare const FILES: readonly string[];
declare const BUILD: string;

export {};

// what the types of a page lack
interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** What may lie beside the page, and may change without it. */
const beside = ["model.thunderbolt", "stories.txt.gz"];

// One cache for each build: the files of one never mix with those of another.
const name = `thunderbolt-${BUILD}`;
const addressOf = (file: string) => new URL(file, location.href).href;
const kept = new Set([...FILES, ...beside].map(addressOf));

addEventListener("install", (event) => (event as ExtendableEvent).waitUntil(keep()));
addEventListener("activate", (event) => (event as ExtendableEvent).waitUntil(forgetOthers()));
addEventListener("fetch", (event) => {
  const fetching = event as FetchEvent;
  const { request } = fetching;
  const address = request.url.replace(/[?#].*/, "");
  if (request.method === "GET" && kept.has(address)) fetching.respondWith(answer(request, address));
});

async function keep(): Promise<void> {
  const cache = await caches.open(name);
  await cache.addAll(FILES.map((file) => new Request(addressOf(file), { cache: "reload" })));
  await Promise.allSettled(beside.map((file) => cache.add(addressOf(file))));
}

async function forgetOthers(): Promise<void> {
  const names = (await caches.keys()).filter((other) => other.startsWith("thunderbolt-") && other !== name);
  await Promise.all(names.map((other) => caches.delete(other)));
}

/** The network's answer, so that nothing is ever stale; what was kept only where there is no network. */
async function answer(request: Request, address: string): Promise<Response> {
  const cache = await caches.open(name);
  try {
    const response = await fetch(request);
    if (response.ok && beside.some((file) => addressOf(file) === address)) await cache.put(address, response.clone());
    return response;
  } catch (error) {
    const known = await cache.match(address);
    if (known) return known;
    throw error;
  }
}
