/** What clients do to the cluster while it is hurt, and what they were told: a history for each thing that is judged. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeId } from "../../base/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import { CohortError, connect, type Client } from "../../client/index.ts";
import { readOperations, type HistoryEvent, type Operation, type Value } from "../../history/index.ts";
import { nodes, type OwnCluster } from "./own-cluster.ts";

export const engines = ["raft", "dynamo"] as const;
export type Engine = (typeof engines)[number];

/** keys: written and read, by three clients at each node. counter: one more at each node adds to it. */
export type Subject = "keys" | "counter";

/** One operation, for who asks how available something was. Times are those of `performance.now()`. */
export interface Sample {
  readonly subject: Subject;
  readonly node: NodeId;
  readonly write: boolean;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly ok: boolean;
}

const clientsPerNode = 3;
const keyCount = 4;
/** A client asks again this long after it asked last, or when it has its answer. */
const paceMs = 25;
/** Whoever has no answer by then goes on without one. */
const patienceMs = 1000;
/** New keys while a replica is away: a writer at each of the others. */
const missedPaceMs = 5;
const atOnce = 32;
const closingTimeoutMs = 10_000;

/** Where the load of one engine goes. */
export interface Place {
  readonly engine: Engine;
  readonly keyspace: string;
  readonly counter: string;
  /** Before all keys: each failure begins with keys that nobody has written. */
  readonly prefix: string;
}

/** The load on one engine during one failure. */
export class Load {
  readonly samples: Sample[] = [];
  /** New keys that were acknowledged while a replica was away. */
  readonly missed: string[] = [];
  readonly #place: Place;
  readonly #clients: ReadonlyMap<NodeId, Client>;
  readonly #endpoints: ReadonlyMap<NodeId, string>;
  readonly #events: Readonly<Record<Subject, HistoryEvent[]>> = { keys: [], counter: [] };
  readonly #stopping = new AbortController();
  #workers: Promise<void>[] = [];
  #awayWorkers: Promise<void>[] = [];
  #away = new AbortController();
  #nextProcess = 0;
  #nextValue = 0;

  constructor(place: Place, clients: ReadonlyMap<NodeId, Client>, cluster: OwnCluster) {
    this.#place = place;
    this.#clients = clients;
    this.#endpoints = new Map(nodes.map((node) => [node, cluster.native(node)]));
  }

  begin(): void {
    for (const node of nodes) {
      for (let i = 0; i < clientsPerNode; i++) this.#workers.push(this.#keyWorker(node, i));
      this.#workers.push(this.#counterWorker(node));
    }
  }

  /** From now on the others write new keys, which the node that is away will have to catch up with. */
  beginMissed(away: NodeId): void {
    this.#away = new AbortController();
    this.#awayWorkers = nodes.filter((node) => node !== away).map(async (node) => this.#missedWorker(node));
  }

  async endMissed(): Promise<void> {
    this.#away.abort();
    await Promise.all(this.#awayWorkers);
  }

  async end(): Promise<void> {
    await this.endMissed();
    this.#stopping.abort();
    await Promise.all(this.#workers);
    this.#workers = [];
  }

  /** When all is whole again: what is answered at every node, and at `hurt` also what was written while it was away. */
  async look(hurt: NodeId): Promise<void> {
    for (const node of nodes) {
      const lookers = Array.from({ length: atOnce }, () => this.#nextProcess++);
      const keys = node === hurt ? [...this.#keys(), ...this.missed] : this.#keys();
      await Promise.all(
        lookers.map(async (process, i) => {
          for (let k = i; k < keys.length; k += atOnce) await this.#get(process, node, keys[k]!, closingTimeoutMs);
        }),
      );
      await this.#readCounter(this.#nextProcess++, node);
    }
  }

  /** Whether a key was written through the node by a request that began no earlier. */
  wroteSince(node: NodeId, ms: number): boolean {
    return this.samples.some(({ ok, write, subject, ...own }) => {
      return ok && write && subject === "keys" && own.node === node && own.beganMs >= ms;
    });
  }

  history(subject: Subject): Operation[] {
    return readOperations(this.#events[subject]);
  }

  // ---- Workers ------------------------------------------------------------------------------------------

  #keys(): string[] {
    return Array.from({ length: keyCount }, (_, i) => `${this.#place.prefix}key-${i}`);
  }

  async #keyWorker(node: NodeId, seed: number): Promise<void> {
    const process = this.#nextProcess++;
    const keys = this.#keys();
    for (let turn = seed; !this.#stopping.signal.aborted; turn++) {
      const key = keys[turn % keys.length]!;
      const begun = performance.now();
      if ((turn >> 2) % 2 === 0) await this.#put(process, node, key, ++this.#nextValue);
      else await this.#get(process, node, key, patienceMs);
      await this.#pace(begun, paceMs);
    }
  }

  async #counterWorker(node: NodeId): Promise<void> {
    const process = this.#nextProcess++;
    while (!this.#stopping.signal.aborted) {
      const begun = performance.now();
      const counter = this.#client(node).counter(this.#place.counter);
      await this.#record("counter", { process, node, f: "add", key: undefined, value: 1, write: true }, async () => {
        await counter.increment(1, { timeoutMs: patienceMs, prefer: this.#endpoint(node) });
        return 1;
      });
      await this.#pace(begun, paceMs);
    }
  }

  async #missedWorker(node: NodeId): Promise<void> {
    const process = this.#nextProcess++;
    const { signal } = this.#away;
    for (let i = 0; !signal.aborted; i++) {
      const begun = performance.now();
      const key = `${this.#place.prefix}missed-${node}-${i}`;
      if (await this.#put(process, node, key, ++this.#nextValue)) this.missed.push(key);
      await this.#pace(begun, missedPaceMs);
    }
  }

  async #pace(begun: number, everyMs: number): Promise<void> {
    await sleep(Math.max(0, begun + everyMs - performance.now()));
  }

  // ---- Operations -----------------------------------------------------------------------------------------

  #put(process: number, node: NodeId, key: string, value: number): Promise<boolean> {
    return this.#record("keys", { process, node, f: "write", key, value, write: true }, async () => {
      const { keyspace } = this.#place;
      const settings = { keyspace, timeoutMs: patienceMs, prefer: this.#endpoint(node) };
      await this.#client(node).put(key, String(value), settings);
      return value;
    });
  }

  #get(process: number, node: NodeId, key: string, timeoutMs: number): Promise<boolean> {
    return this.#record("keys", { process, node, f: "read", key, value: null, write: false }, async () => {
      const { keyspace } = this.#place;
      const settings = { keyspace, timeoutMs, prefer: this.#endpoint(node), consistency: "linearizable" };
      const found = await this.#client(node).get(key, settings);
      return found === undefined ? null : Number(fromUtf8(found.value));
    });
  }

  /** Of every replica: what merges has to be asked for as a whole. */
  #readCounter(process: number, node: NodeId): Promise<boolean> {
    return this.#record(
      "counter",
      { process, node, f: "read", key: undefined, value: null, write: false },
      async () => {
        const settings = { timeoutMs: closingTimeoutMs, prefer: this.#endpoint(node) };
        const whole = this.#place.engine === "raft" ? { consistency: "linearizable" } : { r: nodes.length };
        return (
          await this.#client(node)
            .counter(this.#place.counter)
            .value({ ...settings, ...whole })
        ).value;
      },
    );
  }

  async #record(
    subject: Subject,
    what: { process: number; node: NodeId; f: string; key: string | undefined; value: Value; write: boolean },
    run: () => Promise<Value>,
  ): Promise<boolean> {
    const { process, node, f, key, value, write } = what;
    const beganMs = performance.now();
    const tell = (type: HistoryEvent["type"], result: Value): void => {
      const line = this.#events[subject].length + 1;
      const timeMs = performance.now();
      this.#events[subject].push({ type, process, f, key, value: result, timeMs, consistency: undefined, line });
    };
    tell("invoke", value);
    let ok = true;
    try {
      tell("ok", await run());
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      ok = false;
      tell(error.definite ? "fail" : "unknown", value);
    }
    this.samples.push({ subject, node, write, beganMs, endedMs: performance.now(), ok });
    return ok;
  }

  #client(node: NodeId): Client {
    return this.#clients.get(node)!;
  }

  #endpoint(node: NodeId): string {
    return this.#endpoints.get(node)!;
  }
}

/** A client at each node, with its session open. */
export function clientsOf(cluster: OwnCluster): Map<NodeId, Client> {
  return new Map(nodes.map((node) => [node, connect({ endpoints: nodes.map((each) => cluster.native(each)) })]));
}
