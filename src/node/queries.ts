import { unreachable } from "../base/index.ts";
import type { Query } from "../contract/index.ts";
import { encodeResult, type Answer, type Moment, type Store, StoreError } from "../store/index.ts";

/** No page of a list is much longer, whatever its limit: it must fit into one reply, and be made in one turn. */
const pageBytes = 4 * 1024 * 1024;

type KeyQuery = Extract<Query, { readonly type: "get" | "list" }>;

/** Where the snapshot is still to be chosen, it is the present state. */
function momentOf({ revision, snapshot = 0 }: KeyQuery): Moment {
  return snapshot > 0 ? { snapshot } : { revision, snapshot: undefined };
}

/** Why the store cannot answer it yet, as `Store.obstacle` says. */
export function obstacleTo(store: Store, query: Query): "locked" | "behind" | undefined {
  if (query.type !== "get" && query.type !== "list") return undefined;
  // What a revision had then, it has for ever.
  if (query.revision !== undefined && query.revision <= store.revision) return undefined;
  const { snapshot } = momentOf(query);
  const isList = query.type === "list";
  return store.obstacle(query.keyspace, isList ? query.prefix : query.key, isList, snapshot);
}

/** Runs a query against the applied state: an encoded answer, or an encoded error that says why there is none. */
export function runQuery(store: Store, query: Query): Uint8Array {
  try {
    return encodeResult(answer(store, query));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return encodeResult({ kind: "error", code: error.code, detail: error.message, revision: error.revision });
  }
}

function answer(store: Store, query: Query): Answer {
  switch (query.type) {
    case "get":
      return {
        kind: "row",
        row: store.get(query.keyspace, query.key, momentOf(query)),
        revision: query.revision ?? store.revision,
        timestamp: momentOf(query).snapshot ?? store.clock,
      };
    case "list":
      return {
        kind: "rows",
        ...store.list(query.keyspace, { ...query, ...momentOf(query), maximumBytes: pageBytes }),
        timestamp: momentOf(query).snapshot ?? store.clock,
      };
    case "counter":
      return { kind: "counterValue", ...store.counter(query.name) };
    case "shards":
      return shardMap(store, query.keyspace);
    case "export": {
      const { chunk: kind, range, from } = query;
      return { kind: "exported", ...store.export(query.keyspace, { kind, range, from }) };
    }
    case "keyspaces":
      return { kind: "keyspaces", keyspaces: store.keyspaces() };
    case "lock":
      return { kind: "lockState", ...store.lock(query.name, query.claim) };
    case "barrier":
      return { kind: "barrierState", ...store.barrier(query.name, query.claim) };
    default:
      return unreachable(query);
  }
}

function shardMap(store: Store, keyspace: string): Answer {
  const found = store.shards.find(keyspace);
  if (found === undefined) throw new StoreError("not-found", `there is no keyspace "${keyspace}" with several shards`);
  const shards = [...found.shards].map(({ range, value: { group, epoch, task } }) => ({
    ...range,
    group,
    epoch,
    replicas: store.shards.group(group)?.replicas ?? [],
    state: task?.kind ?? ("served" as const),
    movesTo: task?.kind === "moving" ? task.to : undefined,
  }));
  return { kind: "shardMap", placement: found.placement, shards };
}
