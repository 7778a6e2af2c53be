/** Three real nodes of the workshop's own: on free ports, in a directory that is gone afterwards. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { askNode, type StatusView } from "../../api/index.ts";
import type { NodeId } from "../../base/index.ts";
import { CommandError } from "../output.ts";
import { portBase, portsOf } from "../ports.ts";
import { freePortBase } from "../up/free-ports.ts";
import { openHome, type Home } from "../up/home.ts";
import { Supervisor, type UpEvent } from "../up/supervisor.ts";

export const nodes: readonly NodeId[] = [1, 2, 3];
const readyTimeoutMs = 60_000;
const statusTimeoutMs = 1000;
/** Until somebody starts it again: longer than any run. */
const forGoodMs = 3_600_000;

export interface Happened {
  readonly event: UpEvent;
  /** By `performance.now()`. */
  readonly atMs: number;
}

export class OwnCluster {
  readonly #directory: string;
  readonly #base: number;
  readonly #home: Home;
  readonly #supervisor: Supervisor;
  readonly #events: Happened[] = [];

  private constructor(directory: string, base: number) {
    this.#directory = directory;
    this.#base = base;
    this.#home = openHome(directory, nodes.length);
    this.#supervisor = new Supervisor(
      this.#home,
      base,
      (event) => void this.#events.push({ event, atMs: performance.now() }),
      () => undefined,
    );
  }

  /** Resolves when every node is ready. Throws a CommandError where they do not become so. */
  static async start(): Promise<OwnCluster> {
    const chosen = process.env["COHORT_PORT_BASE"];
    const base = chosen === undefined || chosen === "" ? await freePortBase(nodes.length) : portBase();
    const directory = mkdtempSync(join(tmpdir(), "cohort-workshop-"));
    const cluster = new OwnCluster(directory, base);
    cluster.#supervisor.start();
    try {
      await cluster.until("the nodes are ready", readyTimeoutMs, ({ event }) => event.event === "ready");
    } catch (error) {
      await cluster.#supervisor.stop();
      throw new CommandError(
        "the three nodes did not become ready",
        `Their logs are in ${directory}/node-*/node.log.`,
        { cause: error },
      );
    }
    return cluster;
  }

  get leader(): NodeId {
    const { leader } = this.#supervisor.leadership;
    if (leader === undefined) throw new CommandError("the cluster has lost its leader", "Run it again.");
    return leader;
  }

  native(node: NodeId): string {
    return `127.0.0.1:${portsOf(this.#base, node).native}`;
  }

  /** What a node says of itself; undefined: it does not answer. */
  async status(node: NodeId): Promise<StatusView | undefined> {
    const http = `127.0.0.1:${portsOf(this.#base, node).http}`;
    return (await askNode(this.#home.clusterId, node, http, statusTimeoutMs)).status;
  }

  /** Ends a node with SIGKILL; resolves to how it ended. */
  async kill(node: NodeId): Promise<string> {
    const after = this.#events.length;
    const pid = this.#pid(node);
    this.#supervisor.inject({ kind: "kill", node, forMs: forGoodMs });
    const { event } = await this.until(
      `node ${node} is gone`,
      10_000,
      ({ event: one }) => one.event === "node" && one.node === node && one.is.type === "exited",
      after,
    );
    const reason = event.event === "node" && event.is.type === "exited" ? event.is.reason : "";
    return `process ${pid} was ${reason}`;
  }

  /** Starts a killed node again. */
  begin(node: NodeId): void {
    this.#supervisor.inject({ kind: "resume", node });
  }

  /** Nothing passes between the node and the others; resolves to what it says of its links. */
  async isolate(node: NodeId): Promise<string> {
    this.#supervisor.inject({ kind: "partition", nodes: [[node]] });
    const deadline = performance.now() + 10_000;
    for (;;) {
      const links = (await this.status(node))?.links ?? [];
      const cut = links.filter(({ fault }) => fault?.blockIn === true && fault.blockOut).map(({ peer }) => peer);
      if (cut.length === nodes.length - 1) return `links of node ${node} to nodes ${cut.join(" and ")} are cut`;
      if (performance.now() > deadline) throw new CommandError(`node ${node} does not carry the partition out`);
      await sleep(5);
    }
  }

  heal(): void {
    this.#supervisor.inject({ kind: "heal" });
  }

  /** The first event from the `after`th on that fits, now or later. */
  async until(what: string, timeoutMs: number, fits: (one: Happened) => boolean, after = 0): Promise<Happened> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.#events.slice(after).find(fits);
      if (found !== undefined) return found;
      if (this.#supervisor.processes.some(({ state }) => state === "failed"))
        throw new CommandError(`a node cannot run, while waiting until ${what}`);
      if (performance.now() > deadline) throw new CommandError(`not within ${timeoutMs} ms: ${what}`);
      await sleep(5);
    }
  }

  async stop(): Promise<void> {
    await this.#supervisor.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #pid(node: NodeId): number | undefined {
    return this.#supervisor.processes.find((process) => process.node === node)?.pid;
  }
}
