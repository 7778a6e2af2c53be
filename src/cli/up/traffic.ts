/** Demo traffic for the console: increments of one counter, and linearizable reads of it, through the client library. */
import type { TrafficSample } from "../../api/index.ts";
import { CohortError, connect, type Client } from "../../client/index.ts";

const turnMs = 20;
/** Latencies are told over this long. */
const windowMs = 5000;
const mostOpen = 64;
const readEvery = 5;
const timeoutMs = 5000;
const counterName = "console";

export class Traffic {
  readonly #endpoints: readonly string[];
  #wanted = 0;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #sent = 0;
  #open = 0;
  #increments = 0;
  #failed = 0;
  #value: number | undefined;
  #lastError: string | undefined;
  #done: { readonly at: number; readonly ms: number }[] = [];

  constructor(endpoints: readonly string[]) {
    this.#endpoints = endpoints;
  }

  get wanted(): number {
    return this.#wanted;
  }

  /** Operations a second from now on; 0 ends it. */
  set(perSecond: number): void {
    this.#wanted = perSecond;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#due = 0;
    if (perSecond === 0) return;
    this.#client ??= connect({ endpoints: this.#endpoints, timeoutMs });
    this.#timer = setInterval(() => this.#turn(), turnMs);
  }

  async close(): Promise<void> {
    this.set(0);
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }

  sample(): TrafficSample {
    const now = performance.now();
    const first = this.#done.findIndex(({ at }) => at > now - windowMs);
    this.#done = first === -1 ? [] : this.#done.slice(first);
    const sorted = this.#done.map(({ ms }) => ms).sort((a, b) => a - b);
    const percentile = (share: number): number | undefined => {
      const ms = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
      return ms === undefined ? undefined : Math.round(ms * 100) / 100;
    };
    const lastSecond = this.#done.filter(({ at }) => at > now - 1000).length;
    return {
      wanted: this.#wanted,
      perSecond: lastSecond,
      increments: this.#increments,
      failed: this.#failed,
      open: this.#open,
      value: this.#value,
      p50: percentile(0.5),
      p95: percentile(0.95),
      p99: percentile(0.99),
      lastError: this.#lastError,
    };
  }

  #turn(): void {
    this.#due = Math.min(this.#due + (this.#wanted * turnMs) / 1000, mostOpen);
    while (this.#due >= 1 && this.#open < mostOpen && this.#client !== undefined) {
      this.#due--;
      void this.#once(this.#client, ++this.#sent % readEvery !== 0);
    }
  }

  async #once(client: Client, increments: boolean): Promise<void> {
    const begun = performance.now();
    this.#open++;
    try {
      const counter = client.counter(counterName);
      const { value } = await (increments ? counter.increment() : counter.value());
      if (increments) this.#increments++;
      this.#value = Math.max(this.#value ?? 0, value);
      this.#lastError = undefined;
      const at = performance.now();
      this.#done.push({ at, ms: at - begun });
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      this.#failed++;
      this.#lastError = `${error.code}: ${error.failure.detail}`;
    } finally {
      this.#open--;
    }
  }
}
