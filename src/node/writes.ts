import { emptyBytes, type LogIndex, type NodeId } from "../base/index.ts";
import { failure, type Failure, type Kept } from "../contract/index.ts";
import type { Command, Entry, Refusal } from "../raft/index.ts";
import { errorCodeOf, isBareCommand } from "../store/index.ts";
import type { Replica } from "./replica.ts";
import type { Origin, PendingChange, PendingWrite } from "./requests.ts";
import type { ForwardedReply, ForwardedRequest } from "./types.ts";

/** How many requests may wait in one replica. */
const maxPending = 50_000;
/** When a write whose key a transaction holds is tried again, unless one has ended before. */
const blockedRetryMs = 100;

/**
 * Writes on their way to the log and back. On the leader everything that arrived in a turn becomes one batch;
 * elsewhere it is forwarded in one message. A write whose fate is unknown (its leader fell, its message was
 * lost) is simply sent again: its session or idempotency key makes that safe.
 */
export class WritePath {
  readonly #replica: Replica;
  #queue: PendingWrite[] = [];
  readonly #logged = new Map<LogIndex, PendingWrite>();
  /** Whether writes wait for locks that nobody has given back since. */
  #blocked = false;
  readonly #batches = new Map<number, PendingWrite[]>();
  #nextBatch = 1;
  /** Why the last batch was refused. */
  #refusal: Refusal | undefined;
  readonly #replies = new Map<NodeId, ForwardedReply[]>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** Takes a write in; undefined where it was refused at once. */
  admit(origin: Origin, deadline: number, command: Uint8Array): PendingWrite | undefined {
    const replica = this.#replica;
    const bare = origin.kind === "client" && isBareCommand(command);
    const pending: PendingWrite = {
      kind: "write",
      origin,
      deadline,
      given: command,
      bare,
      command,
      sequence: 0,
      state: "waiting",
      tries: 0,
      forwardedAt: 0,
      forwardedTerm: 0,
      forwardId: 0,
      retryAt: 0,
      done: false,
    };
    const problem = this.#refusalAtOnce();
    if (problem) {
      replica.refuse(pending, problem);
      return undefined;
    }
    if (bare) replica.session.give(pending, this);
    else this.enqueue(pending);
    return pending;
  }

  /** A write that another group refused, with the name under which it may have left already. */
  takeOver(write: PendingWrite): PendingWrite | undefined {
    const pending: PendingWrite = { ...write, state: "waiting", forwardedAt: 0, forwardId: 0, done: false };
    const problem = this.#refusalAtOnce();
    if (problem) {
      this.#replica.refuse(pending, { ...problem, definite: problem.definite && write.tries === 0 });
      return undefined;
    }
    this.enqueue(pending);
    return pending;
  }

  #refusalAtOnce(): Failure | undefined {
    const replica = this.#replica;
    if (replica.pendingCount >= maxPending)
      return failure("overloaded", `${replica.pendingCount} requests wait at node ${replica.id}`);
    if (replica.storageFull && replica.raft.role === "leader")
      return failure("storage-full", `the disk of node ${replica.id} is full`, true);
    const isolation = replica.isolation();
    return isolation === undefined ? undefined : failure("unavailable", isolation, true);
  }

  /** It leaves at the end of the turn. */
  enqueue(pending: PendingWrite): void {
    pending.state = "queued";
    this.#queue.push(pending);
    this.#replica.openTurn();
  }

  /** End of the turn: one batch for the log, or one message for the leader. */
  flush(): void {
    if (this.#queue.length === 0) return;
    const { raft } = this.#replica;
    const writes = this.#queue;
    this.#queue = [];
    if (raft.role === "leader") this.#propose(writes);
    else this.#forward(writes, raft.leader);
  }

  #propose(writes: PendingWrite[]): void {
    const batch = this.#nextBatch++;
    const live = writes.filter((write) => !write.done);
    if (live.length === 0) return;
    this.#batches.set(batch, live);
    this.#replica.drive({
      kind: "command",
      command: { type: "propose", batch, commands: live.map((write) => write.command) },
    });
  }

  onProposed(batch: number, first: LogIndex, count: number): void {
    const writes = this.#batches.get(batch);
    if (!writes) return;
    this.#batches.delete(batch);
    for (let i = 0; i < count; i++) {
      const write = writes[i]!;
      write.state = "logged";
      write.tries++;
      this.#logged.set(first + i, write);
    }
  }

  onRefused(batch: number, reason: Refusal): void {
    const writes = this.#batches.get(batch);
    this.#batches.delete(batch);
    this.#refusal = reason;
    for (const write of writes ?? []) {
      if (reason === "overloaded")
        this.#replica.refuse(write, failure("overloaded", "too many entries wait for a majority", write.tries === 0));
      else write.state = "waiting";
    }
  }

  #forward(writes: PendingWrite[], leader: NodeId | undefined): void {
    const { now, sink } = this.#replica;
    const requests: ForwardedRequest[] = [];
    for (const write of writes) {
      if (write.done) continue;
      write.state = "waiting";
      if (write.origin.kind === "node") {
        // One hop only: whoever sent it finds the leader itself.
        this.#replica.refuse(
          write,
          failure("unavailable", `node ${this.#replica.id} does not lead`, write.tries === 0),
        );
      } else if (leader !== undefined) {
        write.state = "forwarded";
        write.tries++;
        write.forwardedAt = now.mono;
        write.forwardedTerm = this.#replica.raft.term;
        const id = this.#replica.forwardId(write);
        requests.push({ id, ttlMs: write.deadline - now.mono, body: { type: "write", command: write.command } });
      }
    }
    if (requests.length > 0 && leader !== undefined)
      sink.send(leader, { type: "forward", group: this.#replica.group, requests });
  }

  /** Applied: whoever waits for this entry is answered. */
  onApplied(entry: Entry, result: Uint8Array): void {
    const write = this.#logged.get(entry.index);
    if (!write) return;
    this.#logged.delete(entry.index);
    if (errorCodeOf(result) === "locked") {
      // It has done nothing and is not remembered: the same command waits for its turn.
      write.state = "blocked";
      write.retryAt = this.#replica.now.mono + blockedRetryMs;
      this.#blocked = true;
    } else if (!write.done) this.answered(write, result, this.#replica.kept("Linearizable", entry.index, 0, false));
  }

  /** An answer from the log, here or at the leader. */
  answered(write: PendingWrite, result: Uint8Array, kept: Kept): void {
    const expired = write.sequence > 0 && errorCodeOf(result) === "session-expired";
    if (!expired || !this.#replica.session.renew(write, this)) this.#replica.answer(write, result, kept);
  }

  /** Locks of transactions were given back: who waits for some tries again. */
  onUnlocked(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#replica.resweep();
  }

  /** A new leader, or none: what was on its way to the old one goes out again. */
  onLeadership(): void {
    if (this.#replica.planted("answers-by-index-alone")) return;
    const orphans = [...this.#logged.values()];
    this.#logged.clear();
    for (const write of orphans) {
      if (write.done) continue;
      if (write.origin.kind === "node")
        this.#replica.refuse(write, failure("unavailable", `node ${this.#replica.id} no longer leads`, false));
      else write.state = "waiting";
    }
    this.#replica.resweep();
  }

  /** Looks after one write that has no answer yet. */
  sweep(write: PendingWrite, isolation: string | undefined): void {
    const { raft, now, config } = this.#replica;
    if (write.state === "queued" || write.state === "logged") return;
    if (write.state === "blocked" && this.#blocked && now.mono < write.retryAt) return;
    if (isolation !== undefined)
      return this.#replica.refuse(write, failure("unavailable", isolation, write.tries === 0));
    if (raft.leader === undefined || (write.bare && write.sequence === 0)) return;
    // The next leader knows nothing of it; nor may one that has not answered for long.
    const deposed = write.forwardedTerm !== raft.term;
    const silent = now.mono - write.forwardedAt > 2 * config.raft.electionTimeoutMs;
    if (write.state === "forwarded" && !deposed && !silent) return;
    if (write.bare && this.#replica.planted("retries-as-new")) return this.#replica.session.give(write, this);
    this.enqueue(write);
  }

  // ---- Leadership and membership ----------------------------------------------------------------------

  transfer(origin: Origin, deadline: number, to: NodeId | undefined): void {
    const replica = this.#replica;
    const target = to === undefined ? "another node" : `node ${to}`;
    const change: PendingChange = {
      kind: "change",
      origin,
      deadline,
      isComplete: () => replica.raft.leader !== undefined && replica.raft.leader !== replica.id,
      done: false,
    };
    if (!this.#leadsFor(change, `hand leadership to ${target}`)) return;
    if (to === replica.id) return replica.answer(change, emptyBytes, this.#keptNow());
    if (to !== undefined && !replica.raft.membership.voters.includes(to)) {
      return replica.refuse(
        change,
        failure("bad-request", `node ${to} is not a voter; voters are ${replica.raft.membership.voters.join(", ")}`),
      );
    }
    replica.track(change);
    replica.drive({ kind: "command", command: { type: "transfer", to } });
  }

  changeMembership(origin: Origin, deadline: number, voters: readonly NodeId[], learners: readonly NodeId[]): void {
    const replica = this.#replica;
    const isComplete = (): boolean => {
      const { membership } = replica.raft;
      return (
        membership.outgoing.length === 0 &&
        sameNodes(membership.voters, voters) &&
        sameNodes(membership.learners, learners)
      );
    };
    const change: PendingChange = { kind: "change", origin, deadline, isComplete, done: false };
    if (!this.#leadsFor(change, "change the membership")) return;
    const refusal = this.#refusalOf({ type: "changeMembership", batch: this.#nextBatch++, voters, learners });
    if (refusal === "change-in-progress")
      return replica.refuse(change, failure("conflict", "another change of membership is under way"));
    if (refusal === "bad-membership")
      return replica.refuse(change, failure("bad-request", "name at least one voter, each node once, ids from 1"));
    if (refusal) return replica.refuse(change, failure("unavailable", `the leader refuses: ${refusal}`, true));
    replica.track(change);
  }

  /** Why the replica refuses a command; undefined: it took it. */
  #refusalOf(command: Command): Refusal | undefined {
    this.#refusal = undefined;
    this.#replica.drive({ kind: "command", command });
    return this.#refusal;
  }

  #leadsFor(change: PendingChange, what: string): boolean {
    const { raft, id } = this.#replica;
    if (raft.role === "leader") return true;
    const where = raft.leader === undefined ? "no leader is known" : `node ${raft.leader} leads`;
    this.#replica.refuse(change, failure("unavailable", `node ${id} cannot ${what}: ${where}`, true));
    return false;
  }

  #keptNow(): Kept {
    return this.#replica.kept("Linearizable", this.#replica.store.applied.index, 0, false);
  }

  complete(change: PendingChange): void {
    this.#replica.answer(change, emptyBytes, this.#keptNow());
  }

  // ---- Answers to other nodes -------------------------------------------------------------------------

  replyTo(node: NodeId, reply: ForwardedReply): void {
    const replies = this.#replies.get(node);
    if (replies) replies.push(reply);
    else this.#replies.set(node, [reply]);
    this.#replica.openTurn();
  }

  flushReplies(): void {
    if (this.#replies.size === 0) return;
    for (const [node, replies] of this.#replies)
      this.#replica.sink.send(node, { type: "forwarded", group: this.#replica.group, replies });
    this.#replies.clear();
  }
}

function sameNodes(one: readonly NodeId[], other: readonly NodeId[]): boolean {
  return one.length === other.length && one.every((node) => other.includes(node));
}
