/** The cluster as the supervisor tells it. `EventSource` comes back by itself and goes on where it stopped. */
import { createSignal } from "solid-js";
import type { FeedMessage, Happening, Hello, Tick } from "../../../src/api/console-feed/messages.ts";

export type { Happening, Tick };

/** Ten minutes at four a second; older moments are forgotten. */
const mostTicks = 2400;
const mostEvents = 1000;
const silentMs = 2500;

export type Connection = "connecting" | "live" | "lost";

const [connection, setConnection] = createSignal<Connection>("connecting");
const [hello, setHello] = createSignal<Hello>();
/** Grows with everything that arrives: the lists beside it are not copied. */
const [version, setVersion] = createSignal(0);
/** What is looked at, milliseconds since 1970; undefined: now. */
const [cursor, setCursor] = createSignal<number>();

export { connection, cursor, hello, setCursor, version };
export const ticks: Tick[] = [];
export const events: Happening[] = [];

let source: EventSource | undefined;
let watchdog: number | undefined;

export function follow(): () => void {
  connect();
  return () => {
    source?.close();
    source = undefined;
    clearTimeout(watchdog);
    setConnection("connecting");
  };
}

function connect(): void {
  source?.close();
  source = new EventSource("/console/feed");
  source.addEventListener("message", (event: MessageEvent<string>) => take(JSON.parse(event.data) as FeedMessage));
  source.addEventListener("error", () => {
    setConnection("lost");
    // A refusal ends the stream for good: try again by hand.
    if (source?.readyState === EventSource.CLOSED) watch(1000);
  });
}

function take(message: FeedMessage): void {
  watch(silentMs);
  switch (message.type) {
    case "hello":
      // Another cluster, or one that began anew, has another past.
      if (hello() !== undefined && hello()!.clusterId !== message.clusterId) forget();
      setHello(message);
      return;
    case "tick":
      if (message.at <= (ticks.at(-1)?.at ?? 0)) return;
      ticks.push(message);
      if (ticks.length > mostTicks) ticks.splice(0, ticks.length - mostTicks);
      setConnection("live");
      break;
    case "event":
      if (events.some(({ at, text }) => at === message.at && text === message.text)) return;
      events.push(message);
      if (events.length > mostEvents) events.shift();
      break;
  }
  setVersion((before) => before + 1);
}

function forget(): void {
  ticks.length = 0;
  events.length = 0;
  setCursor(undefined);
}

/** A connection can die without a word. */
function watch(afterMs: number): void {
  clearTimeout(watchdog);
  watchdog = window.setTimeout(() => {
    setConnection("lost");
    connect();
    watch(silentMs * 2);
  }, afterMs);
}

/** The last tick at or before a moment; the latest where none is given. */
export function tickAt(at: number | undefined): Tick | undefined {
  version();
  if (at === undefined) return ticks.at(-1);
  let low = 0;
  let high = ticks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ticks[middle]!.at <= at) low = middle + 1;
    else high = middle;
  }
  return ticks[Math.max(0, low - 1)];
}

/** What the page shows: now, or the moment that was chosen. */
export function shown(): Tick | undefined {
  return tickAt(cursor());
}
