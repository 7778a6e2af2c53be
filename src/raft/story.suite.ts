/**
 * Runs protocol stories: text files under `testdata/raft/` in which each line that begins with `>` is a
 * command, and the indented lines below it are what the group did. Time stands still unless a story moves it,
 * messages travel only when told to, and writes are durable at once unless a story holds a disk.
 *
 *     > nodes N                    a new group of voters 1..N (learners are added by `change`)
 *     > campaign N                 node N seeks votes at once, without a pre-vote
 *     > propose N TEXT…            each word is one command
 *     > read N                     asks for a linearizable read index
 *     > deliver [A>B]              delivers what is under way, and what follows from it, until all is quiet
 *     > drop [A>B]                 loses what is under way
 *     > cut A>B, > heal            a link that loses everything, one way
 *     > tick MS                    moves time
 *     > hold N, > sync N           the disk of N does not complete writes; then it does
 *     > crash N, > restart N       what was durable remains
 *     > lose N                     what was durable is lost: from its next start on it has to rejoin
 *     > change N voters=1,2 learners=3
 *     > transfer N to M
 *     > compact N INDEX
 *     > status
 */
import {
  fromUtf8,
  must,
  seededRandom,
  utf8,
  type NodeId,
  type Random,
  type Reading,
  type WriteId,
} from "../base/index.ts";
import type { Effect, Event } from "../core/index.ts";
import { GroupInvariants } from "./invariants.ts";
import { Raft } from "./raft.ts";
import {
  defaultRaftTimings,
  type Entry,
  type Membership,
  type Message,
  type Output,
  type RaftConfig,
  type RaftProtocol,
  type Record,
  type SnapshotHead,
} from "./types.ts";

interface Player {
  raft: Raft | undefined;
  records: Record[];
  held: boolean;
  writes: { write: WriteId; records: readonly Record[] }[];
  applied: string[];
  head: SnapshotHead | undefined;
  rejoining: boolean;
}

const never: Random = { u32: () => 0, float: () => 0.5, below: () => 0, fork: () => seededRandom(1) };

export class Story {
  readonly #players = new Map<NodeId, Player>();
  #network: { from: NodeId; to: NodeId; message: Message }[] = [];
  readonly #cut = new Set<string>();
  #size = 0;
  #now = 0;
  #nextRequest = 1;
  #lines: string[] = [];
  readonly #invariants = new GroupInvariants();

  /** What a command makes the group do, a line each. */
  run(command: string): string[] {
    this.#lines = [];
    const [verb = "", ...words] = command.split(/\s+/);
    this.#command(verb, words);
    for (const { raft } of this.#players.values()) raft?.check();
    return this.#lines;
  }

  #command(verb: string, words: string[]): void {
    const node = Number(words[0]);
    switch (verb) {
      case "nodes":
        this.#size = node;
        for (let id = 1; id <= node; id++) {
          this.#players.set(id, {
            raft: undefined,
            records: [],
            held: false,
            writes: [],
            applied: [],
            head: undefined,
            rejoining: false,
          });
          this.#start(id);
        }
        return;
      case "campaign":
        return this.#direct(node, (raft, effects) => Raft.campaignNow(raft, this.#reading(), effects));
      case "propose":
        return this.#step(node, {
          kind: "command",
          command: { type: "propose", batch: this.#nextRequest++, commands: words.slice(1).map(utf8) },
        });
      case "read":
        return this.#step(node, { kind: "command", command: { type: "read", id: this.#nextRequest++ } });
      case "deliver":
        return this.#deliver(words[0]);
      case "drop":
        return this.#drop(words[0]);
      case "cut":
        return void this.#cut.add(must(words[0], "link"));
      case "heal":
        return this.#cut.clear();
      case "tick":
        return this.#tick(node);
      case "hold":
        this.#player(node).held = true;
        return;
      case "sync":
        this.#player(node).held = false;
        return this.#sync(node);
      case "crash":
        this.#player(node).raft = undefined;
        this.#player(node).writes = [];
        return;
      case "lose":
        Object.assign(this.#player(node), { records: [], applied: [], head: undefined, rejoining: true });
        return;
      case "restart":
        return this.#start(node);
      case "change":
        return this.#step(node, {
          kind: "command",
          command: {
            type: "changeMembership",
            batch: this.#nextRequest++,
            voters: list(words, "voters"),
            learners: list(words, "learners"),
          },
        });
      case "transfer":
        return this.#step(node, { kind: "command", command: { type: "transfer", to: Number(words[2]) } });
      case "compact":
        return this.#step(node, { kind: "command", command: { type: "compact", index: Number(words[1]) } });
      case "status":
        for (const [id, player] of this.#players)
          this.#lines.push(player.raft ? status(id, player.raft, player.applied) : `${id} is down`);
        return;
      default:
        throw new Error(`no such command: ${verb}`);
    }
  }

  #player(id: NodeId): Player {
    return must(this.#players.get(id), `node ${id}`);
  }

  #reading(): Reading {
    return { mono: this.#now, wall: this.#now, error: 0 };
  }

  #start(id: NodeId): void {
    const player = this.#player(id);
    const bootstrap: Membership = {
      voters: Array.from({ length: this.#size }, (_, i) => i + 1),
      outgoing: [],
      learners: [],
    };
    const config: RaftConfig = {
      id,
      group: 0,
      bootstrap,
      applied: player.head,
      ...defaultRaftTimings,
      retainedLogBytes: 0,
      rejoining: player.rejoining,
    };
    player.raft = new Raft(config, player.records, never);
    this.#step(id, { kind: "wake" });
  }

  #tick(ms: number): void {
    const end = this.#now + ms;
    while (true) {
      const due = [...this.#players.entries()]
        .filter(([, { raft }]) => (raft?.wakeAt ?? Infinity) <= end)
        .sort(([a, x], [b, y]) => x.raft!.wakeAt! - y.raft!.wakeAt! || a - b)[0];
      if (!due) break;
      this.#now = Math.max(this.#now, due[1].raft!.wakeAt!);
      this.#step(due[0], { kind: "wake" });
    }
    this.#now = end;
  }

  #deliver(link: string | undefined): void {
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const place = this.#network.findIndex((each) => link === undefined || `${each.from}>${each.to}` === link);
      if (place < 0) return;
      const [next] = this.#network.splice(place, 1);
      const { from, to, message } = next!;
      if (this.#cut.has(`${from}>${to}`) || !this.#player(to).raft) {
        this.#lines.push(`${from}>${to} ${describe(message)} is lost`);
        continue;
      }
      this.#lines.push(`${from}>${to} ${describe(message)}`);
      this.#step(to, { kind: "message", from, message });
    }
    throw new Error("the group does not come to rest");
  }

  #drop(link: string | undefined): void {
    this.#network = this.#network.filter(({ from, to, message }) => {
      const hit = link === undefined || `${from}>${to}` === link;
      if (hit) this.#lines.push(`${from}>${to} ${describe(message)} is lost`);
      return !hit;
    });
  }

  #direct(id: NodeId, act: (raft: Raft, effects: Effect<RaftProtocol>[]) => void): void {
    const effects: Effect<RaftProtocol>[] = [];
    act(must(this.#player(id).raft, `node ${id}`), effects);
    this.#perform(id, effects);
    this.#settle(id);
  }

  #step(id: NodeId, event: Event<RaftProtocol>): void {
    const { raft } = this.#player(id);
    if (!raft) return;
    const effects: Effect<RaftProtocol>[] = [];
    raft.step(this.#reading(), event, effects);
    this.#perform(id, effects);
    this.#settle(id);
  }

  /** Ends the turn, and completes its writes unless the disk is held. */
  #settle(id: NodeId): void {
    const player = this.#player(id);
    while (player.raft?.wakeAt === 0) {
      const effects: Effect<RaftProtocol>[] = [];
      player.raft.step(this.#reading(), { kind: "wake" }, effects);
      this.#perform(id, effects);
    }
    this.#sync(id);
  }

  #sync(id: NodeId): void {
    const player = this.#player(id);
    while (!player.held && player.writes.length > 0) {
      const { write, records } = player.writes.shift()!;
      player.records.push(...records);
      this.#step(id, { kind: "persisted", write });
    }
  }

  #perform(id: NodeId, effects: Effect<RaftProtocol>[]): void {
    for (const effect of effects) {
      if (effect.kind === "send") this.#network.push({ from: id, to: effect.to, message: effect.message });
      else if (effect.kind === "persist") this.#player(id).writes.push(effect);
      else if (effect.kind === "output") this.#output(id, effect.output);
      else {
        this.#invariants.onFact(id, effect.fact);
        const { fact } = effect;
        if (fact.type === "roleChanged")
          this.#lines.push(
            `${id} is ${fact.role} of term ${fact.term}${fact.leader === undefined ? "" : `, leader ${fact.leader}`} (${fact.reason})`,
          );
        if (fact.type === "membership") this.#lines.push(`${id} adopts ${members(fact.membership)} at ${fact.index}`);
        if (fact.type === "truncated") this.#lines.push(`${id} truncates its log from ${fact.from}`);
        if (fact.type === "compacted") this.#lines.push(`${id} compacts its log through ${fact.index}`);
      }
    }
  }

  #output(id: NodeId, output: Output): void {
    const player = this.#player(id);
    switch (output.type) {
      case "committed":
        this.#invariants.onCommitted(id, player.raft!.term, output.entries);
        this.#lines.push(`${id} applies ${output.entries.map(show).join(" ")}`);
        for (const entry of output.entries) {
          if (entry.kind === "command") player.applied.push(fromUtf8(entry.data));
          player.head = {
            index: entry.index,
            term: entry.term,
            timestamp: entry.timestamp,
            membership: player.raft!.membershipAt(entry.index),
          };
        }
        return;
      case "readReady":
        return void this.#lines.push(`${id} may read at ${output.index}`);
      case "readFailed":
        return void this.#lines.push(`${id} cannot read`);
      case "refused":
        return void this.#lines.push(`${id} refuses: ${output.reason}`);
      case "readSnapshot": {
        const head = must(player.head, "applied state");
        const data = utf8(player.applied.join(" "));
        return this.#step(id, {
          kind: "command",
          command: {
            type: "snapshotData",
            to: output.to,
            head,
            cursor: output.cursor,
            next: new Uint8Array(0),
            data,
            done: true,
          },
        });
      }
      case "installChunk":
        player.applied = fromUtf8(output.data).split(" ");
        player.head = output.head;
        this.#lines.push(`${id} takes over the state at ${output.head.index}`);
        return this.#step(id, { kind: "command", command: { type: "snapshotInstalled", head: output.head } });
      case "proposed":
      case "leadership":
      case "closeSnapshot":
      case "truncate":
        break;
      case "rejoined":
        player.rejoining = false;
        this.#lines.push(`${id} has rejoined`);
    }
  }
}

function list(words: readonly string[], name: string): number[] {
  const found = words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  return found ? found.split(",").map(Number) : [];
}

function show(entry: Entry): string {
  const what = entry.kind === "command" ? fromUtf8(entry.data) : entry.kind;
  return `${entry.index}/${entry.term}:${what}`;
}

function members({ voters, outgoing, learners }: Membership): string {
  const joint = outgoing.length > 0 ? ` and voters {${outgoing.join(",")}}` : "";
  const rest = learners.length > 0 ? `, learners {${learners.join(",")}}` : "";
  return `voters {${voters.join(",")}}${joint}${rest}`;
}

function status(id: NodeId, raft: Raft, applied: readonly string[]): string {
  const log = raft.entries().map(show).join(" ");
  return `${id} ${raft.role} term ${raft.term} commit ${raft.commitIndex} durable ${raft.durableIndex} log [${log}] applied [${applied.join(" ")}]`;
}

function mark(answer: { readonly rejoining?: number }): string {
  return answer.rejoining === undefined ? "" : " (rejoining)";
}

function describe(message: Message): string {
  const { term } = message;
  switch (message.type) {
    case "voteRequest":
      return `${message.pre ? "pre-vote" : "vote"}Request term ${term} last ${message.last.index}/${message.last.term}${message.transfer ? " (transfer)" : ""}`;
    case "voteResponse":
      return `${message.pre ? "pre-vote" : "vote"}Response term ${term} ${message.granted ? "granted" : "refused"}`;
    case "append":
      return `append term ${term} after ${message.previous.index}/${message.previous.term} [${message.entries.map(show).join(" ")}] commit ${message.commit}`;
    case "appendAccepted":
      return `appendAccepted term ${term} match ${message.match}${mark(message)}`;
    case "appendRejected":
      return `appendRejected term ${term} at ${message.rejected}, try ${message.hint.index}/${message.hint.term}${mark(message)}`;
    case "heartbeat":
      return `heartbeat term ${term} round ${message.round} commit ${message.commit}${message.quiesce ? " (quiesce)" : ""}`;
    case "heartbeatAck":
      return `heartbeatAck term ${term} round ${message.round} last ${message.last}${mark(message)}`;
    case "snapshotChunk":
      return `snapshotChunk term ${term} of ${message.head.index}/${message.head.term}${message.done ? ", the last" : ""}`;
    case "snapshotAck":
      return `snapshotAck term ${term} of ${message.index}${message.done ? ", installed" : ""}${mark(message)}`;
    case "readRequest":
      return `readRequest term ${term}`;
    case "readResponse":
      return `readResponse term ${term} ${message.index === undefined ? "unknown" : `index ${message.index}`}`;
    case "timeoutNow":
      return `timeoutNow term ${term}`;
    case "rejoinAt":
      return `rejoinAt term ${term} index ${message.index}`;
  }
}
