/** Looks at every node while someone watches, and tells the console what it sees. */
import { setTimeout as sleep } from "node:timers/promises";
import { askNode, leadershipOf, type Feed, type Happening, type NodeView } from "../../api/index.ts";
import type { NodeId } from "../../base/index.ts";
import { describeFault } from "./reporter.ts";
import type { Supervisor, UpEvent } from "./supervisor.ts";
import type { Traffic } from "./traffic.ts";

export const tickMs = 250;
const nodeTimeoutMs = 1000;
/** A page that is loaded anew is away for a moment. */
const lingerMs = 3000;

export interface Address {
  readonly id: NodeId;
  readonly http: string;
}

/** Each node is asked on its own, so that one that does not answer holds up nobody. */
export class Watcher {
  readonly #clusterId: string;
  readonly #addresses: readonly Address[];
  readonly #supervisor: Supervisor;
  readonly #traffic: Traffic;
  readonly #views = new Map<NodeId, NodeView>();
  #watching: AbortController | undefined;
  #linger: NodeJS.Timeout | undefined;
  #wantedBefore = 0;

  constructor(clusterId: string, addresses: readonly Address[], supervisor: Supervisor, traffic: Traffic) {
    this.#clusterId = clusterId;
    this.#addresses = addresses;
    this.#supervisor = supervisor;
    this.#traffic = traffic;
  }

  /** Nobody watching costs the nodes nothing. */
  onPages(count: number, feed: Feed): void {
    clearTimeout(this.#linger);
    if (count === 0) this.#linger = setTimeout(() => this.stop(), lingerMs);
    else this.#start(feed);
  }

  stop(): void {
    clearTimeout(this.#linger);
    if (this.#watching === undefined) return;
    this.#watching.abort();
    this.#watching = undefined;
    this.#wantedBefore = this.#traffic.wanted;
    this.#traffic.set(0);
  }

  #start(feed: Feed): void {
    if (this.#watching !== undefined) return;
    const watching = new AbortController();
    this.#watching = watching;
    if (this.#wantedBefore > 0) this.#traffic.set(this.#wantedBefore);
    for (const address of this.#addresses) void this.#look(address, watching.signal);
    const timer = setInterval(() => this.#tick(feed), tickMs);
    watching.signal.addEventListener("abort", () => clearInterval(timer));
  }

  async #look({ id, http }: Address, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const begun = performance.now();
      const view = await askNode(this.#clusterId, id, http, nodeTimeoutMs);
      if (signal.aborted) return;
      this.#views.set(id, view);
      await sleep(Math.max(tickMs / 5, tickMs - (performance.now() - begun)));
    }
  }

  #tick(feed: Feed): void {
    const processes = this.#supervisor.processes;
    const nodes = this.#addresses.map(({ id, http }): NodeView => {
      const state = processes.find(({ node }) => node === id)?.state;
      const known = this.#views.get(id);
      // The supervisor knows sooner than a time-out.
      if (state === "down" || state === "paused" || state === "failed" || known === undefined)
        return { nodeId: id, http, reachable: false, error: state ?? "not asked yet" };
      return known;
    });
    const { leader, term } = leadershipOf(nodes);
    feed.publish({
      type: "tick",
      at: Date.now(),
      ...(leader === undefined ? {} : { leader }),
      term,
      nodes,
      processes,
      faults: this.#supervisor.activeFaults,
      traffic: this.#traffic.sample(),
    });
  }
}

/** What of a supervisor's story is for the timeline. */
export function happeningOf(event: UpEvent): Happening | undefined {
  const at = Date.now();
  switch (event.event) {
    case "leader":
      return {
        type: "event",
        at,
        kind: "leader",
        node: event.node,
        term: event.term,
        text: `node ${event.node} leads in term ${event.term}`,
      };
    case "fault":
      return {
        type: "event",
        at,
        kind: "fault",
        ...(event.node === undefined ? {} : { node: event.node }),
        text: describeFault(event.fault) + (event.node === undefined ? "" : ` (node ${event.node})`),
      };
    case "healed":
      return { type: "event", at, kind: "healed", text: `over: ${describeFault(event.fault)}` };
    case "node": {
      const { node, is } = event;
      if (is.type === "exited") return { type: "event", at, kind: "node", node, text: `node ${node} ${is.reason}` };
      if (is.type === "started") return { type: "event", at, kind: "node", node, text: `node ${node} starts` };
      if (is.type === "ready") return { type: "event", at, kind: "node", node, text: `node ${node} is ready` };
      return undefined;
    }
    case "ready":
      return undefined;
  }
}
