/** What a client asks of any node, and what it is answered: the same on every wire and inside the node. */
import type { Failure } from "./errors.ts";
import type { Kept, ReadContract, ShardPosition } from "./guarantees.ts";

/** What can be read; encoded results are those of `store/`. */
export type Query =
  | {
      readonly type: "get";
      readonly keyspace: string;
      readonly key: Uint8Array;
      readonly revision: number | undefined;
      /** As of this hybrid logical timestamp, and not of a revision; 0: of one that is chosen now, and told. */
      readonly snapshot?: number | undefined;
      /** One that is chosen now is at least this. */
      readonly since?: number | undefined;
    }
  | {
      readonly type: "list";
      readonly keyspace: string;
      readonly prefix: Uint8Array;
      readonly after: Uint8Array | undefined;
      readonly limit: number;
      readonly revision: number | undefined;
      readonly snapshot?: number | undefined;
      readonly since?: number | undefined;
      /** Of a group of shards, asked by nodes: which of them, all of which it has to serve. */
      readonly ranges?: readonly { readonly from: string; readonly to: string | undefined }[] | undefined;
    }
  | { readonly type: "counter"; readonly name: string }
  | { readonly type: "keyspaces" }
  /** A chunk of a range of keys, on its way to another group; asked by nodes. See `migration.ts` of the store. */
  | {
      readonly type: "export";
      readonly keyspace: string;
      readonly chunk: "keys" | "changes" | "names" | "rest";
      readonly range: { readonly from: string; readonly to: string | undefined };
      readonly from: string;
    }
  /** Which groups have which keys of a keyspace of several shards. */
  | { readonly type: "shards"; readonly keyspace: string }
  /** `claim`: whose place in the queue to tell; may be empty. */
  | { readonly type: "lock"; readonly name: string; readonly claim: string }
  | { readonly type: "barrier"; readonly name: string; readonly claim: string };

/** Whose contract a query follows; undefined: it belongs to no keyspace, and is linearizable. */
export function keyspaceOf(query: Query): string | undefined {
  switch (query.type) {
    case "get":
    case "list":
      return query.keyspace;
    case "counter":
      // A counter has the contract of the keyspace of its name, else of `default`.
      return query.name;
    case "keyspaces":
    case "export":
    case "shards":
    case "lock":
    case "barrier":
      return undefined;
  }
}

export type RequestBody =
  /**
   * `command` is an encoded command of `store/` (its envelope may carry a session or an idempotency key).
   * A command without either is wrapped in this node's own session, so that it survives a change of leader.
   */
  | { readonly type: "write"; readonly command: Uint8Array; readonly quorum?: QuorumWrite | undefined }
  | {
      readonly type: "read";
      readonly query: Query;
      /** Undefined: the contract of the keyspace or counter. */
      readonly contract: ReadContract | undefined;
      /** What the caller's session has seen of group 0; 0: nothing. */
      readonly position: number;
      /** What it has seen of other groups, as far as it remembers. */
      readonly shards?: readonly ShardPosition[] | undefined;
    };

/** What a write in a keyspace without a leader may say beside its command. */
export interface QuorumWrite {
  /** How many replicas have to have it; undefined: as the keyspace says. */
  readonly w: number | undefined;
  /** What the writer has seen, as an answer gave it. */
  readonly context: Uint8Array | undefined;
}

export type Outcome =
  | { readonly ok: true; readonly result: Uint8Array; readonly kept: Kept }
  | { readonly ok: false; readonly failure: Failure };

/** One change of a key, as watches tell it. */
export interface WatchEvent {
  readonly kind: "put" | "delete";
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
}
