import { must, seededRandom, utf8, type NodeId } from "../../base/index.ts";
import type { Outcome, RequestBody } from "../../contract/index.ts";
import type { Effect, Event } from "../../core/index.ts";
import {
  openNode,
  type NodeCore,
  type NodeFact,
  type NodeMessage,
  type NodeOutput,
  type NodeProtocol,
} from "../../node/index.ts";
import { decodeResult, defaultKeyspace, encodeCommand, memoryEngine, openStore } from "../../store/index.ts";
import { crc32c } from "../../wal/index.ts";
import { checkRecords, type OperationRecord } from "../../workload/index.ts";
import { TraceDigest } from "../digest.ts";
import { ClusterInvariants } from "../invariants.ts";
import { labelOf, operationText, outcomeText } from "../label.ts";
import { contractOf, isRead, valueOf, writeOf, type Read, type SingleWrite } from "../client.ts";
import { markFact } from "../marks.ts";
import { mix } from "../world.ts";
import type { Timeline } from "../timeline.ts";
import { describeChoice, type Choice } from "./choice.ts";
import { BrokenPath, openRecord, readingOf, type Caller, type Flying, type SmallNode } from "./parts.ts";
import type { Setting } from "./setting.ts";

const requestScale = 1000;
const never = 1e9;
/** A turn ends after so many wakes at most: a core that always wants another is broken. */
const mostWakes = 50;

/** A small world in which nothing happens by itself: each step is somebody's choice. The same choices make the same world. */
export class Universe {
  readonly #setting: Setting;
  readonly #timeline: Timeline | undefined;
  readonly #nodes = new Map<NodeId, SmallNode>();
  readonly #flying = new Map<number, Flying>();
  readonly #callers: Caller[];
  readonly #invariants = new ClusterInvariants();
  readonly #records: OperationRecord[] = [];
  /** Who asked when whom, and what had been answered by then. */
  readonly #asked = new TraceDigest();
  /** Those before the search begins do not count. */
  #disturbances = Number.NEGATIVE_INFINITY;
  #steps = 0;
  #nextMessage = 1;
  #nextRequest = 1_000_000;
  #answered = false;
  /** What is done was done before and harmed nothing: no need to look again. */
  #isReplay = false;

  constructor(setting: Setting, timeline?: Timeline) {
    this.#setting = setting;
    this.#timeline = timeline;
    this.#callers = setting.clients.map((operations, client) => ({
      client,
      operations,
      next: 0,
      token: 0,
      asked: undefined,
    }));
    for (const id of setting.nodes) {
      const node: SmallNode = {
        id,
        core: undefined,
        life: 0,
        engine: memoryEngine({ schedule: (deliver) => void node.work.push(deliver) }),
        durable: [],
        writes: [],
        work: [],
        history: new TraceDigest(),
        now: 0,
        sent: 0,
      };
      this.#nodes.set(id, node);
      this.#start(node);
    }
  }

  /** Whether a leader has been elected, everyone has all it has, and nothing is under way. */
  get settled(): boolean {
    const leader = this.#leader()?.core?.replicas.get(0)?.raft;
    if (leader === undefined || this.#flying.size > 0) return false;
    return this.#setting.voters.every((id) => {
      const node = this.#node(id);
      return node.writes.length === 0 && node.core?.replicas.get(0)?.raft.appliedIndex === leader.lastIndex;
    });
  }

  /** Everything that may happen next, in a fixed order. */
  enabled(): Choice[] {
    const choices: Choice[] = [];
    this.#messages(choices);
    for (const node of this.#nodes.values()) {
      if (node.writes.length > 0) choices.push({ kind: "persist", node: node.id });
    }
    this.#questions(choices);
    this.#timers(choices);
    this.#faults(choices);
    return choices;
  }

  /** From here on what may happen is bounded. */
  begin(): void {
    this.#disturbances = 0;
  }

  get #mayDisturb(): boolean {
    return this.#disturbances < this.#setting.disturbances;
  }

  #messages(choices: Choice[]): void {
    const links = new Set<number>();
    for (const { number, from, to } of this.#flying.values()) {
      if (!this.#node(to).core) continue;
      const link = from * requestScale + to;
      if (!this.#setting.unordered && links.has(link)) continue;
      links.add(link);
      choices.push({ kind: "deliver", message: number, to });
    }
    if (!this.#mayDisturb || !this.#setting.may.repeat) return;
    for (const { number, to } of this.#flying.values())
      if (this.#node(to).core) choices.push({ kind: "repeat", message: number, to });
  }

  #questions(choices: Choice[]): void {
    for (const { client, operations, next, asked } of this.#callers) {
      if (asked === undefined && next >= operations.length) continue;
      const retries = this.#mayDisturb && this.#setting.may.retry;
      for (const node of this.#nodes.values()) {
        if (!node.core) continue;
        if (asked === undefined) choices.push({ kind: "ask", client, node: node.id });
        else if (retries && !asked.nodes.includes(node.id)) choices.push({ kind: "retry", client, node: node.id });
      }
    }
  }

  #timers(choices: Choice[]): void {
    if (!this.#mayDisturb) return;
    const soonMs = 10 * this.#setting.settings.raft.electionTimeoutMs;
    for (const { id, core, now } of this.#nodes.values())
      if (core?.wakeAt !== undefined && core.wakeAt < now + soonMs) choices.push({ kind: "timer", node: id });
  }

  #faults(choices: Choice[]): void {
    const { may, nodes } = this.#setting;
    for (const { id, core, writes } of this.#nodes.values()) {
      if (!core) choices.push({ kind: "start", node: id });
      else if (this.#mayDisturb && may.crash) {
        choices.push({ kind: "crash", node: id, power: false });
        // Without a write under way the two are the same.
        if (writes.length > 0) choices.push({ kind: "crash", node: id, power: true });
      }
    }
    const leader = this.#leader();
    const raft = leader?.core?.replicas.get(0)?.raft;
    if (leader === undefined || raft === undefined) return;
    const { voters } = raft.membership;
    if (!this.#mayDisturb) return;
    if (may.transfer) for (const to of voters) if (to !== leader.id) choices.push({ kind: "transfer", to });
    if (!may.membership) return;
    const spare = nodes.find((id) => !voters.includes(id));
    if (spare !== undefined) choices.push({ kind: "membership", voters: [...voters, spare] });
    if (voters.length > 1) choices.push({ kind: "membership", voters: voters.filter((id) => id !== leader.id) });
  }

  // ---- What happens ------------------------------------------------------------------------------------

  /** Makes choices come true that were made and found harmless before. */
  replay(choices: readonly Choice[]): void {
    this.#isReplay = true;
    for (const choice of choices) this.apply(choice);
    this.#isReplay = false;
    this.#invariants.onStepped();
  }

  /** Makes a choice come true. Throws an InvariantError where it breaks something; then the world is of no more use. */
  apply(choice: Choice): void {
    this.#steps++;
    if (choice.kind === "persist" || choice.kind === "timer") {
      const text = choice.kind === "persist" ? "write is on disk" : "timer";
      this.#timeline?.add({ kind: "mark", at: this.#steps, lane: choice.node, tone: "plain", text });
    } else if (choice.kind === "transfer" || choice.kind === "membership")
      this.#timeline?.add({ kind: "note", at: this.#steps, text: this.describe(choice) });
    switch (choice.kind) {
      case "deliver":
      case "repeat": {
        const flying = must(this.#flying.get(choice.message), `message ${choice.message}`);
        if (choice.kind === "deliver") this.#flying.delete(choice.message);
        else this.#disturbances++;
        flying.arrived?.(this.#steps);
        const { from, message, place } = flying;
        this.#node(choice.to).history.word(from).word(place);
        return this.#take(choice.to, { kind: "message", from, message });
      }
      case "persist": {
        const node = this.#node(choice.node);
        const { write, records } = must(node.writes.shift(), "a write");
        node.durable.push(...records);
        return this.#take(choice.node, { kind: "persisted", write });
      }
      case "timer": {
        this.#disturbances++;
        const node = this.#node(choice.node);
        node.now = Math.max(node.now, node.core?.wakeAt ?? 0);
        return this.#take(choice.node, { kind: "wake" });
      }
      case "ask":
      case "retry":
        return this.#ask(choice);
      case "crash":
        return this.#crash(this.#node(choice.node), choice.power);
      case "start":
        return this.#start(this.#node(choice.node));
      case "transfer":
      case "membership":
        return this.#reconfigure(choice);
    }
  }

  describe(choice: Choice): string {
    return describeChoice(choice, (number) => {
      const flying = this.#flying.get(number);
      return flying === undefined ? "a message" : `from node ${flying.from}: ${labelOf(flying.message).text}`;
    });
  }

  #reconfigure(choice: Extract<Choice, { kind: "transfer" | "membership" }>): void {
    const leader = must(this.#leader(), "a leader");
    const common = { id: this.#nextRequest++, deadline: leader.now + never };
    leader.history.text(choice.kind);
    if (choice.kind === "transfer") {
      this.#disturbances++;
      return this.#take(leader.id, { kind: "command", command: { type: "transfer", ...common, to: choice.to } });
    }
    this.#disturbances++;
    for (const voter of choice.voters) leader.history.word(voter);
    const command = { type: "changeMembership", ...common, voters: choice.voters, learners: [] } as const;
    this.#take(leader.id, { kind: "command", command });
  }

  #ask({ kind, client, node }: Extract<Choice, { kind: "ask" | "retry" }>): void {
    const caller = this.#callers[client]!;
    if (kind === "retry") this.#disturbances++;
    else {
      const operation = caller.operations[caller.next++]!;
      const { token } = caller;
      const command = (): Uint8Array =>
        encodeCommand({
          envelope: { kind: "idempotent", key: `c${client}-${caller.next}` },
          operation: writeOf(operation as SingleWrite, { fence: 0, claim: "", keyspace: defaultKeyspace, members: [] }),
        });
      const body: RequestBody = isRead(operation) ? readOf(operation, token) : { type: "write", command: command() };
      caller.asked = { operation, body, invokedAt: this.#steps, token, nodes: [] };
      this.#asked.word(client).word(this.#records.length);
      this.#timeline?.add({
        kind: "asks",
        at: this.#steps,
        lane: -1 - client,
        operation,
        text: operationText(operation),
      });
    }
    const asked = must(caller.asked, "a question");
    asked.nodes.push(node);
    const id = client * requestScale + caller.next * 10 + asked.nodes.length;
    const { history, now } = this.#node(node);
    history.word(id).word(asked.token);
    const command = { type: "request", id, deadline: now + never, body: asked.body } as const;
    this.#timeline?.sent(this.#steps, { from: -1 - client, to: node, kind: "request", text: asked.body.type })(
      this.#steps,
    );
    this.#take(node, { kind: "command", command });
  }

  #crash(node: SmallNode, power: boolean): void {
    this.#disturbances++;
    node.history.text(power ? "power" : "killed");
    if (!power) for (const { records } of node.writes) node.durable.push(...records);
    node.writes = [];
    node.core = undefined;
    this.#timeline?.add({ kind: "down", at: this.#steps, lane: node.id });
  }

  #start(node: SmallNode): void {
    node.life++;
    node.work = [];
    node.engine = node.engine.crash(node.engine.undelivered);
    const { settings } = this.#setting;
    const store = openStore(node.engine, { crc32c, ...(settings.bugs ? { bugs: settings.bugs } : {}) });
    node.core = openNode(
      { ...settings, id: node.id, store, rings: memoryEngine({ schedule: (deliver) => void node.work.push(deliver) }) },
      node.durable,
      seededRandom(mix(1, node.id, node.life)),
    );
    this.#timeline?.add({ kind: "up", at: this.#steps, lane: node.id });
    this.#take(node.id, { kind: "wake" });
  }

  // ---- Cores -------------------------------------------------------------------------------------------

  /** A core takes an event, what follows from it at once, and the end of its turn. */
  #take(id: NodeId, event: Event<NodeProtocol>): void {
    const node = this.#node(id);
    node.history.text(event.kind);
    const queue: Event<NodeProtocol>[] = [event];
    for (let wakes = 0; wakes < mostWakes;) {
      for (const run of node.work.splice(0)) run();
      const { core } = node;
      if (!core) return;
      let next = queue.shift();
      if (next === undefined) {
        if (core.wakeAt === undefined || core.wakeAt > node.now) break;
        wakes++;
        next = { kind: "wake" };
      }
      this.#step(node, core, next, queue);
    }
    this.#judge();
  }

  #step(node: SmallNode, core: NodeCore, event: Event<NodeProtocol>, queue: Event<NodeProtocol>[]): void {
    const effects: Effect<NodeProtocol>[] = [];
    core.step(readingOf(node), event, effects);
    for (const effect of effects) {
      if (effect.kind === "send") this.#send(node, effect.to, effect.message);
      else if (effect.kind === "fact") this.#onFact(node, effect.fact);
      else if (effect.kind === "output") this.#onOutput(node, effect.output, queue);
      else if (this.#setting.may.crash) node.writes.push({ write: effect.write, records: effect.records });
      else {
        // Where nobody crashes it makes no difference when a write is durable.
        node.durable.push(...effect.records);
        queue.push({ kind: "persisted", write: effect.write });
      }
    }
    if (this.#isReplay) return;
    core.check();
    this.#invariants.onStepped();
  }

  #send(node: SmallNode, to: NodeId, message: NodeMessage): void {
    const number = this.#nextMessage++;
    const label = this.#timeline && labelOf(message);
    const arrived = label && this.#timeline?.sent(this.#steps, { from: node.id, to, ...label });
    this.#flying.set(number, { number, from: node.id, to, message, place: node.sent++, arrived });
  }

  #onFact(node: SmallNode, fact: NodeFact): void {
    this.#invariants.onFact(node, fact);
    if (this.#timeline) markFact(this.#timeline, this.#steps, node.id, fact);
  }

  #onOutput(node: SmallNode, output: NodeOutput, queue: Event<NodeProtocol>[]): void {
    if (output.type === "job") {
      const { group, job } = output;
      output.run((error) => queue.push({ kind: "command", command: { type: "jobDone", group, job, error } }));
    } else if (output.type === "reply") this.#onReply(node, output.id, output.outcome);
  }

  #onReply(node: SmallNode, id: number, outcome: Outcome): void {
    const caller = this.#callers[Math.floor(id / requestScale)];
    const asked = caller?.asked;
    if (caller === undefined || asked === undefined || Math.floor((id % requestScale) / 10) !== caller.next) return;
    const last = asked.nodes.length >= 2 || !this.#setting.may.retry;
    // A refusal says that it did not happen, or may be asked again: the client waits for its other attempt.
    if (!outcome.ok && !(outcome.failure.definite && last)) return;
    const result = outcome.ok ? decodeResult(outcome.result) : undefined;
    if (result?.kind === "error") return;
    const record: OperationRecord = {
      client: caller.client,
      operation: asked.operation,
      invokedAt: asked.invokedAt,
      completedAt: this.#steps + 0.5,
      outcome: outcome.ok ? "ok" : asked.nodes.length > 1 ? "unknown" : "fail",
      value: result && valueOf(result),
      position: outcome.ok ? outcome.kept.position : 0,
      // Time stands still here: ages mean nothing.
      stalenessMs: outcome.ok && "boundMs" in asked.operation ? 0 : undefined,
      degraded: outcome.ok && outcome.kept.degraded,
      token: asked.token,
      note: `node ${node.id}`,
    };
    caller.asked = undefined;
    if (outcome.ok) caller.token = Math.max(caller.token, record.position);
    this.#asked
      .word(caller.client)
      .word(record.value ?? -1)
      .word(record.position)
      .text(record.outcome);
    this.#records.push(record);
    this.#answered = true;
    const tone = outcome.ok ? "good" : "bad";
    this.#timeline?.add({
      kind: "answered",
      at: this.#steps,
      operation: asked.operation,
      tone,
      text: outcomeText(record),
    });
  }

  /** What clients have seen so far must keep the contract, whatever becomes of what is under way. */
  #judge(): void {
    if (!this.#answered || this.#isReplay) return;
    this.#answered = false;
    const open = this.#callers.flatMap(({ client, asked }): OperationRecord[] =>
      asked === undefined ? [] : [openRecord(client, asked)],
    );
    const [complaint] = checkRecords([...this.#records, ...open]).filter(
      ({ clause }) => clause !== "bounded staleness",
    );
    if (complaint) throw new BrokenPath(complaint);
  }

  #node(id: NodeId): SmallNode {
    return must(this.#nodes.get(id), `node ${id}`);
  }

  #leader(): SmallNode | undefined {
    let best: SmallNode | undefined;
    let bestTerm = -1;
    for (const node of this.#nodes.values()) {
      const raft = node.core?.replicas.get(0)?.raft;
      if (raft?.role !== "leader" || raft.term <= bestTerm) continue;
      best = node;
      bestTerm = raft.term;
    }
    return best;
  }

  /** Equal for worlds in which every node has seen the same in the same order, and clients the same answers: they are the same state. */
  fingerprint(): string {
    const digest = new TraceDigest();
    for (const { history, core, writes } of this.#nodes.values())
      digest
        .digest(history)
        .word(core ? 1 : 0)
        .word(writes.length);
    const flying = [...this.#flying.values()].map(({ from, place }) => from * 2 ** 20 + place).sort((a, b) => a - b);
    for (const one of flying) digest.number(one);
    return digest.digest(this.#asked).value;
  }

  /** Where every node stands. */
  state(): string[] {
    return [...this.#nodes.values()].map(({ id, core }) => {
      const raft = core?.replicas.get(0)?.raft;
      if (!raft) return `node ${id} is down`;
      const { role, term, commitIndex, appliedIndex, lastIndex } = raft;
      return `node ${id} ${role} of term ${term}, log to ${lastIndex}, committed ${commitIndex}, applied ${appliedIndex}`;
    });
  }
}

function readOf(operation: Read, position: number): RequestBody {
  const { consistency, boundMs } = operation;
  const query =
    operation.kind === "readCounter"
      ? ({ type: "counter", name: operation.counter } as const)
      : ({ type: "get", keyspace: defaultKeyspace, key: utf8(operation.key), revision: undefined } as const);
  return {
    type: "read",
    query,
    contract: contractOf(consistency === "promised" ? "linearizable" : consistency, boundMs),
    position,
  };
}
