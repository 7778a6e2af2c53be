import { encodeCommand } from "../store/index.ts";
import { failure, keptAlone, keyspaceOf, type Kept } from "../contract/index.ts";
import { Contracts } from "./contracts.ts";
import type { Replica } from "./replica.ts";
import type { Origin, PendingRead } from "./requests.ts";
import { obstacleTo, runQuery } from "./queries.ts";
import type { RequestBody } from "./types.ts";

/** How long a read waits for this replica to reach a position before it asks the leader, and then to be forwarded. */
const patienceMs = 40;
/** After this long the clock of the group is told again. */
const observeTimeoutMs = 200;

/**
 * Reads by what they demand. A replica that already satisfies a contract answers at once. Otherwise it asks
 * for an index at which a read is linearizable (one question for all reads of a turn), which satisfies every
 * contract once this replica has applied it. One that is far behind hands the whole read to the leader.
 */
export class ReadPath {
  readonly #replica: Replica;
  readonly #contracts = new Contracts();
  #asking: PendingRead[] = [];
  #waiting: PendingRead[] = [];
  readonly #asked = new Map<number, PendingRead[]>();
  #nextQuestion: number;
  /** The highest snapshot that waits for the clock of the group to be told of it. */
  #observe = 0;
  #observing = false;
  /** In this turn. */
  #servedLocally = 0;

  /** `firstQuestion` differs from life to life, so that the leader's answer to an earlier life answers nothing in this one. */
  constructor(replica: Replica, firstQuestion: number) {
    this.#replica = replica;
    this.#nextQuestion = firstQuestion;
  }

  admit(origin: Origin, deadline: number, body: Extract<RequestBody, { type: "read" }>): PendingRead | undefined {
    const replica = this.#replica;
    const { query, position } = body;
    const contract = this.#contracts.of(replica.store, query, body.contract);
    const read: PendingRead = {
      kind: "read",
      origin,
      deadline,
      query,
      contract,
      position: contract.session ? position : 0,
      askedAt: replica.now.mono,
      state: "asking",
      index: 0,
      forwarded: false,
      forwardId: 0,
      done: false,
    };
    if (contract.replicas !== undefined) {
      replica.refuse(read, failure("unsupported", quorumOfLeader(contract.replicas)));
      return undefined;
    }
    if (!contract.linearizable && this.#answerLocally(read)) return undefined;
    const isolation = replica.isolation();
    if (isolation !== undefined) {
      this.#giveUp(read, isolation);
      return undefined;
    }
    // What is only a little behind arrives by itself, sooner than an answer of the leader would.
    const onlyBehind = !contract.linearizable && contract.stalenessMs === undefined;
    if (onlyBehind) this.#await(read, read.position);
    else this.#ask(read);
    return read;
  }

  /** Answers from the present state where it satisfies the contract. */
  #answerLocally(read: PendingRead): boolean {
    const replica = this.#replica;
    if (read.position > replica.store.applied.index && !replica.planted("session-token-ignored")) return false;
    if (this.#isObstructed(read)) return false;
    const bound = read.contract.stalenessMs;
    const stalenessMs = replica.stalenessMs();
    if (bound !== undefined && (stalenessMs === undefined || stalenessMs > bound)) return false;
    if (this.#servedLocally++ === 0) replica.openTurn();
    this.#serve(read, replica.kept(read.contract.text, replica.store.applied.index, stalenessMs, false));
    return true;
  }

  #ask(read: PendingRead): void {
    read.state = "asking";
    this.#asking.push(read);
    this.#replica.openTurn();
  }

  #await(read: PendingRead, index: number): void {
    read.state = "waiting";
    read.index = index;
    this.#waiting.push(read);
  }

  /** End of the turn: one question for all reads that need one. */
  flush(): void {
    if (this.#servedLocally > 0) {
      this.#replica.sink.fact({ type: "readServed", path: "local", count: this.#servedLocally });
      this.#servedLocally = 0;
    }
    this.#flushObserve();
    if (this.#asking.length === 0) return;
    const reads = this.#asking.filter((read) => !read.done);
    this.#asking = [];
    if (reads.length === 0) return;
    const id = this.#nextQuestion++;
    this.#asked.set(id, reads);
    this.#replica.drive({ kind: "command", command: { type: "read", id } });
  }

  /** The state after `index` is linearizable for all reads that asked. */
  onReady(id: number, index: number): void {
    const reads = this.#asked.get(id) ?? [];
    this.#asked.delete(id);
    const { applied } = this.#replica.store;
    let served = 0;
    for (const read of reads) {
      if (read.done) continue;
      if (read.position > index) {
        this.#replica.refuse(
          read,
          failure("bad-token", `it names position ${read.position}, and the log ends at ${index}`),
        );
      } else if (applied.index >= index || this.#replica.planted("reads-before-applied")) {
        read.index = index;
        this.#serveLinearizable(read);
        served++;
      } else {
        this.#await(read, index);
      }
    }
    if (served > 0) this.#replica.sink.fact({ type: "readServed", path: "readIndex", count: served });
  }

  onFailed(id: number): void {
    const reads = this.#asked.get(id) ?? [];
    this.#asked.delete(id);
    for (const read of reads) read.state = "retry";
  }

  /** More of the log is applied. */
  onAdvanced(): void {
    if (this.#waiting.length === 0) return;
    const { applied } = this.#replica.store;
    const reads = this.#waiting;
    this.#waiting = [];
    for (const read of reads) {
      if (read.done || read.state !== "waiting") continue;
      if (read.index > applied.index) this.#waiting.push(read);
      else if (read.index > read.position || read.contract.linearizable) this.#serveLinearizable(read);
      else if (!this.#answerLocally(read)) this.#ask(read);
    }
  }

  sweep(read: PendingRead, isolation: string | undefined): void {
    const { raft, now, id } = this.#replica;
    if (isolation !== undefined) return this.#giveUp(read, isolation);
    if (read.state === "retry" && raft.leader !== undefined) return this.#ask(read);
    if (read.state === "waiting") this.#isObstructed(read);
    if (read.state !== "waiting" || now.mono - read.askedAt < patienceMs) return;
    const knowsIndex = read.contract.linearizable || read.index > read.position;
    if (!knowsIndex) return this.#ask(read);
    const tooLong = now.mono - read.askedAt > 4 * patienceMs;
    if (tooLong && !read.forwarded && read.origin.kind === "client" && raft.leader !== undefined && raft.leader !== id)
      this.#forward(read, raft.leader);
  }

  #forward(read: PendingRead, leader: number): void {
    read.forwarded = true;
    const { now, sink } = this.#replica;
    const body = { type: "read", query: read.query, contract: read.contract, position: read.position } as const;
    sink.send(leader, {
      type: "forward",
      group: this.#replica.group,
      requests: [{ id: this.#replica.forwardId(read), ttlMs: read.deadline - now.mono, body }],
    });
  }

  /** Answers with what there is, and says so, where the contract prefers that to no answer. */
  answerDegraded(read: PendingRead): boolean {
    const replica = this.#replica;
    const { contract } = read;
    if (contract.partition === "AvailabilityPreferred" && !contract.linearizable) {
      const stalenessMs = replica.stalenessMs();
      const reached = read.position <= replica.store.applied.index;
      const guarantee = keptAlone(contract, reached, stalenessMs);
      const degraded = !replica.planted("degraded-not-said");
      const kept = replica.kept(guarantee, replica.store.applied.index, stalenessMs, degraded);
      replica.sink.fact({ type: "readServed", path: "degraded", count: 1 });
      this.#serve(read, kept);
      return true;
    }
    return false;
  }

  /** Nobody can be asked: what the contract then prefers. */
  #giveUp(read: PendingRead, isolation: string): void {
    if (this.answerDegraded(read)) return;
    const replica = this.#replica;
    const { contract } = read;
    if (contract.stalenessMs === undefined) return replica.refuse(read, failure("unavailable", isolation, true));
    const age = replica.stalenessMs();
    const measured = age === undefined ? "of unknown age" : `up to ${Math.ceil(age)} ms old`;
    replica.refuse(
      read,
      failure("staleness", `this replica is ${measured}, the bound is ${contract.stalenessMs} ms, and ${isolation}`),
    );
  }

  /** A transaction is about to change it, or its snapshot is in the future here: the read waits for what is applied next. */
  #isObstructed(read: PendingRead): boolean {
    const { store } = this.#replica;
    const obstacle = obstacleTo(store, read.query);
    if (obstacle === "behind" && "snapshot" in read.query) {
      this.#observe = Math.max(this.#observe, read.query.snapshot ?? 0);
      this.#replica.openTurn();
    }
    return obstacle !== undefined;
  }

  /** One entry tells the clock of the group about all snapshots that are to be read. */
  #flushObserve(): void {
    if (this.#observe === 0 || this.#observing) return;
    const timestamp = this.#observe;
    this.#observe = 0;
    if (timestamp <= this.#replica.store.clock) return;
    this.#observing = true;
    const command = encodeCommand({ envelope: { kind: "none" }, operation: { kind: "observe", timestamp } });
    // Whatever becomes of it, the reads that wait ask again.
    const reply = (): void => void (this.#observing = false);
    this.#replica.requestSelf(reply, this.#replica.now.mono + observeTimeoutMs, command);
  }

  #serveLinearizable(read: PendingRead): void {
    if (this.#isObstructed(read)) return this.#await(read, read.index);
    const { now, store } = this.#replica;
    // Nothing acknowledged before the read was asked is missing, so it is no older than the read itself.
    this.#serve(read, this.#replica.kept("Linearizable", store.applied.index, now.mono - read.askedAt, false));
  }

  #serve(read: PendingRead, kept: Kept): void {
    const keyspace = keyspaceOf(read.query);
    if (keyspace !== undefined && this.#replica.store.isLeaderless(keyspace)) {
      const problem = failure("unavailable", `the keyspace "${keyspace}" is just being opened here`, true);
      return this.#replica.refuse(read, problem);
    }
    this.#replica.answer(read, runQuery(this.#replica.store, read.query), kept);
  }
}

function quorumOfLeader(replicas: number): string {
  return `Quorum(R=${replicas}); a keyspace of the raft engine has a leader, who knows what is newest: ask for Linearizable`;
}
