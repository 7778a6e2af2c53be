/** Runs the nodes of a local cluster: starts and watches them, brings faults upon them, stops them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  FaultBook,
  parseFault,
  type Fault,
  type FaultRequest,
  type InjectedFault,
  type NetworkFault,
  type ProcessFault,
} from "../../api/index.ts";
import { must, type NodeId } from "../../base/index.ts";
import { CohortError, fail, type Failure } from "../../contract/index.ts";
import { portsOf } from "../ports.ts";
import { nodeDirectory, type Home } from "./home.ts";
import { NodeProcess, type NodeEvent, type NodeState } from "./node-process.ts";

export type UpEvent =
  | { readonly event: "node"; readonly node: NodeId; readonly is: NodeEvent }
  | { readonly event: "leader"; readonly node: NodeId; readonly term: number }
  | { readonly event: "ready" }
  | { readonly event: "fault"; readonly fault: Fault; readonly node: NodeId | undefined }
  | { readonly event: "healed"; readonly fault: Fault };

export interface Leadership {
  readonly leader: NodeId | undefined;
  readonly term: number;
}

export interface ProcessView {
  readonly node: NodeId;
  readonly state: NodeState;
  readonly pid: number | undefined;
  readonly restarts: number;
}

/** Enough for an answer to reach its asker on this machine. */
const ownFaultDelayMs = 50;

export class Supervisor {
  readonly members: readonly NodeId[];
  readonly #processes: ReadonlyMap<NodeId, NodeProcess>;
  readonly #faults: FaultBook;
  readonly #healing = new Map<number, NodeJS.Timeout>();
  readonly #resuming = new Map<NodeId, NodeJS.Timeout>();
  readonly #onEvent: (event: UpEvent) => void;
  readonly #onPids: (pids: readonly number[]) => void;
  #leadership: Leadership = { leader: undefined, term: 0 };
  #wasReady = false;

  constructor(home: Home, base: number, onEvent: (event: UpEvent) => void, onPids: (pids: readonly number[]) => void) {
    this.members = Array.from({ length: home.nodes }, (_, i) => i + 1);
    this.#faults = new FaultBook(this.members);
    this.#onEvent = onEvent;
    this.#onPids = onPids;
    this.#processes = new Map(
      this.members.map((node) => {
        const directory = nodeDirectory(home, node);
        mkdirSync(directory, { recursive: true });
        const configFile = join(directory, "config.json");
        writeFileSync(configFile, `${JSON.stringify(configOf(home, base, node, this.members), null, 2)}\n`);
        const log = join(directory, "node.log");
        return [node, new NodeProcess(node, configFile, log, (event) => this.#onNode(node, event))];
      }),
    );
  }

  get processes(): ProcessView[] {
    return Array.from(this.#processes.values(), ({ node, state, pid, restarts }) => ({ node, state, pid, restarts }));
  }

  get leadership(): Leadership {
    return this.#leadership;
  }

  get activeFaults(): readonly ({ readonly id: number } & NetworkFault)[] {
    return this.#faults.active.map(({ id, fault }) => ({ id, ...fault }));
  }

  start(): void {
    for (const process of this.#processes.values()) process.start();
  }

  /** All nodes stop at once: each hands its leadership over as long as there is someone to take it. */
  async stop(): Promise<void> {
    for (const timer of [...this.#healing.values(), ...this.#resuming.values()]) clearTimeout(timer);
    await Promise.all(Array.from(this.#processes.values(), (process) => process.stop()));
  }

  forceStop(): void {
    for (const process of this.#processes.values()) process.forceStop();
  }

  /** Brings a fault about. Throws a CohortError where it cannot be. */
  inject(request: FaultRequest): InjectedFault {
    return this.#bring(parseFault(request, this.members));
  }

  #bring(fault: Fault): InjectedFault {
    switch (fault.kind) {
      case "kill":
      case "pause":
      case "resume":
        return { node: this.#hurt(fault, this.#target(fault.node)), active: this.activeFaults };
      case "partition":
      case "cut":
      case "delay":
      case "drop": {
        const id = this.#faults.add(fault);
        if (fault.forMs !== undefined)
          this.#healing.set(
            id,
            setTimeout(() => this.#end(id, fault), fault.forMs),
          );
        this.#spreadLinks();
        this.#onEvent({ event: "fault", fault, node: undefined });
        break;
      }
      case "heal":
        if (fault.fault === undefined) this.#healAll();
        else this.#healOne(fault.fault);
        this.#onEvent({ event: "fault", fault, node: undefined });
        break;
    }
    return { active: this.activeFaults };
  }

  #target(node: NodeId | "leader"): NodeId {
    if (node !== "leader") return node;
    const { leader } = this.#leadership;
    if (leader === undefined) throw fail("unavailable", "there is no leader at the moment", true);
    return leader;
  }

  #hurt(fault: ProcessFault, node: NodeId): NodeId {
    const { kind, forMs } = fault;
    const process = must(this.#processes.get(node), `process of node ${node}`);
    if (kind !== "resume" && process.pid === undefined)
      throw fail("not-running", `node ${node} is ${process.state}: there is nothing to ${kind}`);
    clearTimeout(this.#resuming.get(node));
    if (kind === "kill") process.kill(forMs);
    else if (kind === "resume") process.resume();
    else {
      process.pause();
      if (forMs !== undefined) {
        const resume = (): void => {
          process.resume();
          this.#onEvent({ event: "healed", fault });
        };
        this.#resuming.set(node, setTimeout(resume, forMs));
      }
    }
    this.#onEvent({ event: "fault", fault, node });
    return node;
  }

  #end(id: number, fault: Fault): void {
    this.#healing.delete(id);
    this.#faults.remove(id);
    this.#spreadLinks();
    this.#onEvent({ event: "healed", fault });
  }

  #healOne(id: number): void {
    if (!this.#faults.remove(id)) throw fail("bad-request", `there is no fault ${id} in force`);
    clearTimeout(this.#healing.get(id));
    this.#healing.delete(id);
    this.#spreadLinks();
  }

  #healAll(): void {
    for (const timer of [...this.#healing.values(), ...this.#resuming.values()]) clearTimeout(timer);
    this.#healing.clear();
    this.#faults.clear();
    this.#spreadLinks();
    for (const process of this.#processes.values()) process.resume();
  }

  #spreadLinks(): void {
    for (const [node, process] of this.#processes) process.send({ type: "links", faults: this.#faults.linksOf(node) });
  }

  #onNode(node: NodeId, event: NodeEvent): void {
    switch (event.type) {
      case "started":
      case "exited":
        this.#onPids(Array.from(this.#processes.values(), ({ pid }) => pid).filter((pid) => pid !== undefined));
        break;
      case "recovered":
        // A restarted node comes back into the same weather.
        this.#processes.get(node)?.send({ type: "links", faults: this.#faults.linksOf(node) });
        break;
      case "leadership":
        this.#onLeadership(event);
        return;
      case "fault":
        this.#answerFault(node, event);
        return;
      case "ready":
      case "failed":
        break;
    }
    this.#onEvent({ event: "node", node, is: event });
    if (event.type === "ready" && !this.#wasReady && this.processes.every(({ state }) => state === "ready")) {
      this.#wasReady = true;
      this.#onEvent({ event: "ready" });
    }
  }

  #onLeadership({ leader, term }: Leadership): void {
    if (
      term < this.#leadership.term ||
      leader === undefined ||
      (leader === this.#leadership.leader && term === this.#leadership.term)
    )
      return;
    this.#leadership = { leader, term };
    this.#onEvent({ event: "leader", node: leader, term });
  }

  #answerFault(node: NodeId, { id, request }: { readonly id: number; readonly request: FaultRequest }): void {
    const answer = (outcome: InjectedFault | { readonly failure: Failure }): void => {
      this.#processes.get(node)?.send({ type: "faultDone", id, outcome });
    };
    try {
      const fault = parseFault(request, this.members);
      if ((fault.kind === "kill" || fault.kind === "pause") && this.#target(fault.node) === node) {
        // Who asks for its own death gets to pass on the answer first.
        const hurt = (): void => {
          if (this.#processes.get(node)?.pid !== undefined) this.#bring({ ...fault, node });
        };
        setTimeout(hurt, ownFaultDelayMs);
        answer({ node, active: this.activeFaults });
      } else answer(this.#bring(fault));
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      answer({ failure: error.failure });
    }
  }
}

/** What differs from a node's defaults, see `node-config.ts`. */
function configOf(home: Home, base: number, node: NodeId, members: readonly NodeId[]): object {
  return {
    clusterId: home.clusterId,
    nodeId: node,
    dataDirectory: join(nodeDirectory(home, node), "data"),
    members: members.map((id) => {
      const ports = portsOf(base, id);
      return {
        id,
        http: `127.0.0.1:${ports.http}`,
        peer: `127.0.0.1:${ports.peer}`,
        native: `127.0.0.1:${ports.native}`,
      };
    }),
    allowFaults: true,
    // All nodes read the one clock of this machine.
    clockErrorMs: 1,
  };
}
