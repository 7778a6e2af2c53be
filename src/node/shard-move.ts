import type { GroupId, LogIndex } from "../base/index.ts";
import { parseReadContract, type Query } from "../contract/index.ts";
import type { KeyRange } from "../placement/index.ts";
import {
  decodeResult,
  encodeCommand,
  restFrom,
  type Answer,
  type KeyspaceName,
  type Operation,
  type PlacedShard,
  type Result,
} from "../store/index.ts";
import type { ControllerNode } from "./shard-controller.ts";
import type { Outcome } from "./types.ts";

/** How long one step may take, milliseconds. */
const stepMs = 2000;
/** So few changes in a chunk are few enough to stop writes for the last ones; and so many chunks are enough to wait for that. */
const fewChanges = 64;
const mostRounds = 50;

const linearizable = parseReadContract("linearizable");

type ExportQuery = Extract<Query, { readonly type: "export" }>;
type Exported = Extract<Answer, { readonly kind: "exported" }>;

/**
 * The keys of one shard on their way from the group that serves it to the one that will:
 *
 *     begin → keys → answers by idempotency key → changes, until there are few → seal → the rest → flip
 *
 * Each arrow is an entry in the log of one of the two groups, or of group 0. Whoever begins again begins a new pass, and
 * nothing of an older pass is taken any more; so it does not matter where one ended, or whether it has.
 */
export class ShardMove {
  readonly #node: ControllerNode;
  readonly #keyspace: KeyspaceName;
  readonly #shard: PlacedShard;
  readonly #move: LogIndex;
  readonly #to: GroupId;
  /** It is over, or somebody has to begin again: the map says which. */
  readonly #onEnd: () => void;
  #pass: LogIndex = 0;
  #chunk = 0;
  /** Behind which revision changes are missing there; and from where on answers by idempotency key. */
  #since = "";
  #names = "";
  #rounds = 0;

  constructor(
    node: ControllerNode,
    keyspace: KeyspaceName,
    shard: PlacedShard,
    task: { readonly move: LogIndex; readonly to: GroupId },
    onEnd: () => void,
  ) {
    this.#node = node;
    this.#keyspace = keyspace;
    this.#shard = shard;
    this.#move = task.move;
    this.#to = task.to;
    this.#onEnd = onEnd;
  }

  begin(): void {
    this.#write(this.#to, { kind: "beginRange", ...this.#keys() }, (_, position) => {
      this.#pass = position;
      this.#copyKeys("");
    });
  }

  #copyKeys(from: string): void {
    this.#carry("keys", from, (exported) => {
      // What changes while keys are copied is among the changes behind the revision of the first chunk.
      if (from === "") this.#since = String(exported.revision);
      if (exported.more) this.#copyKeys(exported.next);
      else this.#copyNames(() => this.#copyChanges());
    });
  }

  #copyNames(then: () => void): void {
    this.#carry("names", this.#names, (exported) => {
      this.#names = exported.next;
      if (exported.more) this.#copyNames(then);
      else then();
    });
  }

  #copyChanges(): void {
    this.#carry("changes", this.#since, (exported) => {
      this.#since = exported.next;
      const enough = !exported.more && (exported.count <= fewChanges || this.#rounds++ >= mostRounds);
      if (enough) this.#seal();
      else this.#copyChanges();
    });
  }

  #seal(): void {
    this.#write(this.#shard.group, { kind: "sealRange", ...this.#keys() }, () =>
      this.#copyRest(restFrom(this.#since, this.#names)),
    );
  }

  /** Writes wait: everything that is left, at once. */
  #copyRest(from: string): void {
    this.#carry("rest", from, (exported, position) => {
      if (exported.more) this.#copyRest(exported.next);
      else this.#flip(position);
    });
  }

  #flip(position: LogIndex): void {
    const { range } = this.#shard;
    const flip = {
      kind: "flipShard",
      keyspace: this.#keyspace.name,
      at: range.from,
      move: this.#move,
      position,
    } as const;
    this.#write(0, flip, () => this.#onEnd());
  }

  #keys(): { readonly keyspace: KeyspaceName; readonly range: KeyRange; readonly move: LogIndex } {
    return { keyspace: this.#keyspace, range: this.#shard.range, move: this.#move };
  }

  /** Takes a chunk from one group to the other; `position`: where it is in the other's log. */
  #carry(chunk: ExportQuery["chunk"], from: string, then: (exported: Exported, position: LogIndex) => void): void {
    const replica = this.#node.replica(this.#shard.group);
    if (replica === undefined) return this.#onEnd();
    const { range } = this.#shard;
    const query: ExportQuery = { type: "export", keyspace: this.#keyspace.name, chunk, range, from };
    const reply = (outcome: Outcome): void => {
      const exported = outcome.ok ? decodeResult(outcome.result) : undefined;
      if (exported?.kind !== "exported") return this.#onEnd();
      const { data } = exported;
      const next = { pass: this.#pass, chunk: this.#chunk++, data };
      this.#write(this.#to, { kind: "importRange", ...this.#keys(), ...next }, (_, position) =>
        then(exported, position),
      );
    };
    const body = { type: "read", query, contract: linearizable, position: 0 } as const;
    replica.request({ kind: "self", reply }, this.#node.now.mono + stepMs, body);
  }

  #write(group: GroupId, operation: Operation, then: (result: Result | Answer, position: LogIndex) => void): void {
    const replica = this.#node.replica(group);
    if (replica === undefined) return this.#onEnd();
    const reply = (outcome: Outcome): void => {
      const result = outcome.ok ? decodeResult(outcome.result) : undefined;
      if (!outcome.ok || result === undefined || result.kind === "error") return this.#onEnd();
      then(result, outcome.kept.shards?.[0]?.position ?? outcome.kept.position);
    };
    replica.requestSelf(reply, this.#node.now.mono + stepMs, encodeCommand({ envelope: { kind: "none" }, operation }));
  }
}
