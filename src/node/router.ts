import { compareBytes, type GroupId, type NodeId, type Reading } from "../base/index.ts";
import {
  failure,
  type Failure,
  type Kept,
  type Outcome,
  type Query,
  type ReadContract,
  type ShardPosition,
} from "../contract/index.ts";
import {
  decodeResult,
  encodeResult,
  errorCodeOf,
  type ListedRow,
  type Shard,
  type ShardedKeyspace,
} from "../store/index.ts";
import { Contracts } from "./contracts.ts";
import { type GroupOfShards, placeOfCommand, placeOfQuery, type Place } from "./places.ts";
import type { Transactor } from "./transactor.ts";
import type { Replica } from "./replica.ts";
import type { PendingRead, PendingWrite } from "./requests.ts";
import type { NodeOutput, RequestBody, RequestId } from "./types.ts";

/** What the router needs of its node. */
export interface RouterNode {
  readonly id: NodeId;
  readonly now: Reading;
  /** The replica of a group, entered for this step; undefined: there is none here. */
  replica(group: GroupId): Replica | undefined;
  output(output: NodeOutput): void;
  /** Transactions over several groups. */
  readonly transactor: Transactor;
}

type ReadBody = Extract<RequestBody, { type: "read" }>;

/** A request that waits for this node to learn where it belongs, or for a shard on its way to arrive. */
interface Parked {
  readonly id: RequestId;
  readonly deadline: number;
  readonly ask: { readonly body: RequestBody } | { readonly write: PendingWrite };
  /** Why it waits, for whom it is given up. */
  readonly reason: string;
}

interface Sent {
  /** Several: a list goes over them. */
  readonly groups: readonly GroupId[];
  /** What was asked, of a read. */
  readonly body: ReadBody | undefined;
}

/** How often what is parked is tried again, milliseconds, where nothing new was heard. */
const retryMs = 10;

/**
 * Takes each request of a client to the group that has its keys, by the map that this node has applied. A map can be
 * old: the group refuses what it does not have, and the request waits here until there is news, under the same name.
 */
export class Router {
  readonly #node: RouterNode;
  readonly #contracts = new Contracts();
  #parked: Parked[] = [];
  #retryAt: number | undefined;
  /** The map when what is parked was last tried. */
  #triedVersion = -1;
  /** Where requests are that are not in group 0. */
  readonly #sent = new Map<RequestId, Sent>();
  /** Commits in one group whose answers wait until their timestamps have passed. */
  readonly #strict = new Set<RequestId>();

  constructor(node: RouterNode) {
    this.#node = node;
  }

  get wakeAt(): number | undefined {
    return this.#parked.length === 0 ? undefined : this.#retryAt;
  }

  request(id: RequestId, deadline: number, body: RequestBody): void {
    const home = this.#home();
    const map = home.store.shards;
    if (map.isEmpty) return home.request({ kind: "client", id }, deadline, body);
    if (body.type === "write") {
      const place = placeOfCommand(map, body.command);
      if (place.kind !== "shard" || place.strict === undefined) return this.#send(place, id, deadline, body);
      this.#strict.add(id);
      if (place.strict === "read") return this.#send(place, id, deadline, body);
      const { coordinator } = this.#node.transactor;
      return coordinator.observe(place.shard.group, coordinator.snapshot(), (isTold) => {
        if (isTold) return this.#send(place, id, deadline, body);
        this.#strict.delete(id);
        this.#fail(id, failure("unavailable", "the group of the transaction does not answer", true));
      });
    }
    const query = this.#withSnapshot(body.query);
    this.#send(placeOfQuery(map, query), id, deadline, { ...body, query });
  }

  /** A snapshot that is to be chosen now; in group 0 its replica chooses. */
  #withSnapshot(query: Query): Query {
    if ((query.type !== "get" && query.type !== "list") || query.snapshot !== 0) return query;
    if (this.#home().store.shards.find(query.keyspace) === undefined) return query;
    const snapshot = Math.max(this.#node.transactor.coordinator.snapshot(), query.since ?? 0);
    return { ...query, snapshot };
  }

  #transact(keyspace: ShardedKeyspace, id: RequestId, deadline: number, command: Uint8Array): void {
    const { transactor, now } = this.#node;
    this.#sent.set(id, { groups: [], body: undefined });
    const tooLate = failure("deadline", "the groups of the transaction did not answer in time", false);
    const stop = transactor.coordinator.after(deadline - now.mono, () => finish({ ok: false, failure: tooLate }));
    const finish = (outcome: Outcome): void => {
      stop();
      if (this.#sent.get(id)?.groups.length === 0) this.#node.output({ type: "reply", id, outcome });
    };
    transactor.commit(keyspace, command, deadline, finish);
  }

  /** Whether the reply is kept back for a while, and comes again. */
  holdsBack({ id, outcome }: Extract<NodeOutput, { type: "reply" }>): boolean {
    if (!this.#strict.delete(id)) return false;
    this.#node.transactor.afterCommitWait(outcome, (late) => this.#node.output({ type: "reply", id, outcome: late }));
    return true;
  }

  /** A group answered that it does not have the key. */
  moved(pending: PendingWrite | PendingRead): void {
    if (pending.origin.kind !== "client") return;
    const { origin, deadline } = pending;
    if (pending.kind === "write") {
      // The answer was about the last try; one that left once only has certainly not happened.
      const write = { ...pending, tries: pending.tries <= 1 ? 0 : pending.tries };
      return this.#park({ id: origin.id, deadline, ask: { write }, reason: "its shard is being moved" });
    }
    const { query, contract, position } = pending;
    const body: ReadBody = this.#sent.get(origin.id)?.body ?? { type: "read", query, contract, position };
    this.#park({ id: origin.id, deadline, ask: { body }, reason: "its shard is being moved" });
  }

  /** Whether the request was one that this room knows of. */
  cancel(id: RequestId): boolean {
    const place = this.#parked.findIndex((parked) => parked.id === id);
    if (place >= 0) {
      this.#parked.splice(place, 1);
      this.#fail(id, failure("cancelled", "the caller gave up"));
      return true;
    }
    const groups = this.#sent.get(id)?.groups;
    if (groups === undefined) return false;
    this.#sent.delete(id);
    if (groups.length !== 1) this.#fail(id, failure("cancelled", "the caller gave up"));
    else this.#node.replica(groups[0]!)?.cancel(id);
    return true;
  }

  /** A reply leaves: nothing needs to be known of its request any more. */
  replied(id: RequestId): void {
    if (this.#sent.size > 0) this.#sent.delete(id);
  }

  /** End of the step: tries what is parked, where there is news or it is time. */
  flush(): void {
    if (this.#parked.length === 0) return;
    const { mono } = this.#node.now;
    const { version } = this.#home().store.shards;
    if (version === this.#triedVersion && mono < (this.#retryAt ?? 0)) return;
    this.#triedVersion = version;
    const parked = this.#parked;
    this.#parked = [];
    for (const one of parked) this.#again(one);
  }

  #again(parked: Parked): void {
    const { id, deadline, ask, reason } = parked;
    const home = this.#home();
    if (deadline <= this.#node.now.mono + retryMs) {
      const definite = "body" in ask || ask.write.tries === 0;
      if ("write" in ask) home.session.finished(ask.write);
      return this.#fail(id, failure("deadline", `no answer came in time: ${reason}`, definite));
    }
    if ("body" in ask) return this.request(id, deadline, ask.body);
    const place = placeOfCommand(home.store.shards, ask.write.command);
    if (place.kind === "home") return home.takeOver(ask.write);
    if (place.kind !== "shard") {
      // A part of what it changes has been moved away from the rest of it.
      const problem = failure("transaction-conflict", "its keys were moved to several groups", ask.write.tries === 0);
      return this.#fail(id, problem);
    }
    const replica = this.#replicaOf(place.shard, parked);
    if (replica === undefined) return;
    this.#sent.set(id, { groups: [place.shard.group], body: undefined });
    replica.takeOver(ask.write);
  }

  #send(place: Place, id: RequestId, deadline: number, body: RequestBody): void {
    if (place.kind === "home") return this.#home().request({ kind: "client", id }, deadline, body);
    if (place.kind === "nowhere") return this.#fail(id, place.failure);
    if (place.kind === "groups") {
      if (body.type === "write") this.#transact(place.keyspace, id, deadline, body.command);
      return;
    }
    if (place.kind === "read") {
      const { transactor } = this.#node;
      return transactor.afterReading(place.snapshot, (outcome) => this.#node.output({ type: "reply", id, outcome }));
    }
    if (body.type === "write") {
      if (place.kind !== "shard") return;
      const replica = this.#replicaOf(place.shard, { id, deadline, ask: { body }, reason: "" });
      if (replica === undefined) return;
      this.#sent.set(id, { groups: [place.shard.group], body: undefined });
      return replica.request({ kind: "client", id }, deadline, body);
    }
    // Who has seen a later map is not answered by an older one.
    const { store } = this.#home();
    if (body.position > store.applied.index)
      return this.#park({ id, deadline, ask: { body }, reason: "this node does not know yet what its caller knows" });
    const contract = this.#contracts.of(store, body.query, body.contract);
    if (place.kind === "shards") return this.#gather(place.groups, id, deadline, { ...body, contract });
    const replica = this.#replicaOf(place.shard, { id, deadline, ask: { body }, reason: "" });
    if (replica === undefined) return;
    this.#sent.set(id, { groups: [place.shard.group], body });
    replica.request({ kind: "client", id }, deadline, readOf(body, contract, place.shard));
  }

  /** The replica here; without one the request is parked, or refused for good. */
  #replicaOf(shard: Shard, parked: Parked): Replica | undefined {
    const { group } = shard;
    const replica = this.#node.replica(group);
    if (replica === undefined) {
      const where = this.#home().store.shards.group(group)?.replicas.join(", ");
      const detail = `node ${this.#node.id} has no replica of group ${group}; ask one of nodes ${where}`;
      this.#fail(parked.id, failure("unavailable", detail, true));
    }
    return replica;
  }

  /** Asks every group, and puts the rows together: each part is what it claims to be, the whole is no snapshot. */
  #gather(groups: readonly GroupOfShards[], id: RequestId, deadline: number, body: ReadBody): void {
    const parts: (Extract<Outcome, { ok: true }> | undefined)[] = groups.map(() => undefined);
    let over = false;
    let left = groups.length;
    const end = (): boolean => {
      if (over || this.#sent.get(id) === undefined) return false;
      over = true;
      return true;
    };
    this.#sent.set(id, { groups: [0, ...groups.map(({ shard }) => shard.group)], body });
    groups.forEach(({ shard, ranges }, place) => {
      const replica = over ? undefined : this.#replicaOf(shard, { id, deadline, ask: { body }, reason: "" });
      if (replica === undefined) return void (over = true);
      const reply = (outcome: Outcome): void => {
        if (!outcome.ok) {
          if (end()) this.#fail(id, outcome.failure);
        } else if (errorCodeOf(outcome.result) === "moved") {
          if (end()) this.#park({ id, deadline, ask: { body }, reason: "one of its shards is being moved" });
        } else {
          parts[place] = outcome;
          if (--left === 0 && end()) this.#node.output({ type: "reply", id, outcome: merged(parts, body) });
        }
      };
      const part = readOf(body, body.contract!, shard);
      // Each group has to serve all that the map says: so nothing is missing, and nothing is there twice.
      const query = part.query.type === "list" ? { ...part.query, ranges } : part.query;
      replica.request({ kind: "self", reply }, deadline, { ...part, query });
    });
  }

  #park(parked: Parked): void {
    this.#sent.delete(parked.id);
    this.#parked.push(parked);
    this.#retryAt = this.#node.now.mono + retryMs;
    // What was heard since it was asked may already be the answer.
    this.#triedVersion = this.#home().store.shards.version;
  }

  #fail(id: RequestId, problem: Failure): void {
    this.#node.output({ type: "reply", id, outcome: { ok: false, failure: problem } });
  }

  #home(): Replica {
    return this.#node.replica(0)!;
  }
}

/** What the group is asked: from what its caller has seen of it, and from what the map says of it, on. */
function readOf(body: ReadBody, contract: ReadContract, shard: Shard): ReadBody {
  const seen = body.shards?.find(({ group }) => group === shard.group)?.position;
  const position = Math.max(seen ?? 0, shard.position);
  // Whose memory of the group is gone, or never was, is answered by the latest state.
  const asked = contract.session && seen === undefined ? { ...contract, linearizable: true } : contract;
  return { type: "read", query: body.query, contract: asked, position, ...(body.shards && { shards: body.shards }) };
}

/** The pages of several groups as one; `revision` 0 says that it has none. */
function merged(parts: readonly (Extract<Outcome, { ok: true }> | undefined)[], body: ReadBody): Outcome {
  const rows: ListedRow[] = [];
  const shards: ShardPosition[] = [];
  let end: Uint8Array | undefined;
  let kept: Kept | undefined;
  for (const part of parts) {
    const page = decodeResult(part!.result);
    if (page.kind !== "rows") return { ok: true, result: part!.result, kept: part!.kept };
    rows.push(...page.rows);
    shards.push(...(part!.kept.shards ?? []));
    const last = page.rows.at(-1)?.key;
    // Beyond the last row of a page that goes on, rows of this group may be missing.
    if (page.more && last !== undefined && (end === undefined || compareBytes(last, end) < 0)) end = last;
    kept = kept === undefined ? part!.kept : weaker(kept, part!.kept);
  }
  rows.sort((one, other) => compareBytes(one.key, other.key));
  const whole = end === undefined ? rows : rows.filter(({ key }) => compareBytes(key, end) <= 0);
  const limit = body.query.type === "list" ? body.query.limit : whole.length;
  const page = whole.slice(0, limit);
  const result = encodeResult({
    kind: "rows",
    rows: page,
    more: end !== undefined || page.length < whole.length,
    revision: 0,
    timestamp: (body.query.type === "list" ? body.query.snapshot : undefined) ?? 0,
  });
  return { ok: true, result, kept: { ...kept!, shards } };
}

function weaker(one: Kept, other: Kept): Kept {
  const known = one.stalenessMs !== undefined && other.stalenessMs !== undefined;
  return {
    guarantee: one.guarantee === "Linearizable" ? other.guarantee : one.guarantee,
    position: Math.max(one.position, other.position),
    stalenessMs: known ? Math.max(one.stalenessMs, other.stalenessMs) : undefined,
    degraded: one.degraded || other.degraded,
  };
}
