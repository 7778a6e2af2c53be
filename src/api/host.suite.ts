/** A host of one node without log, network or peers: the real store behind it, so that answers are real. */
import {
  failure,
  keyspaceOf,
  parseContract,
  readContractOf,
  type Kept,
  type Outcome,
  type Query,
  type RequestBody,
  type WatchEvent,
} from "../contract/index.ts";
import type { Host, HostConfig, NodeStatus, WatchSink } from "../host/index.ts";
import type { NodeFact } from "../node/index.ts";
import {
  encodeResult,
  memoryEngine,
  openStore,
  StoreError,
  type Answer,
  type Moment,
  type Store,
} from "../store/index.ts";

export const testConfig: HostConfig = {
  clusterId: "test-cluster",
  nodeId: 1,
  dataDirectory: "/nowhere",
  members: [{ id: 1, http: "127.0.0.1:0", peer: "127.0.0.1:0", native: "127.0.0.1:0" }],
  learners: [],
  allowFaults: true,
  logLevel: "info",
  electionTimeoutMs: 300,
  heartbeatMs: 50,
  leases: true,
  clockErrorMs: 10,
  segmentSizeBytes: 1024,
  maxValueBytes: 65_536,
  maxKeyBytes: 1024,
};

export interface TestHost extends Host {
  /** Answers the next requests with this instead; undefined: as usual. */
  fails: Outcome | undefined;
  leader: number | undefined;
  readonly bodies: RequestBody[];
  readonly watchers: Set<WatchSink>;
  /** Batches that open watchers may still be sent. */
  readonly credits: Map<WatchSink, number>;
  emit(fact: NodeFact): void;
}

export function testHost(overrides: Partial<HostConfig> = {}): TestHost {
  const store = openStore(memoryEngine({ schedule: queueMicrotask }), { crc32c: () => 0 });
  const facts = new Set<(fact: NodeFact) => void>();
  let index = 0;
  const kept = (guarantee: string): Kept => ({ guarantee, position: index, stalenessMs: 0.5, degraded: false });
  const host: TestHost = {
    config: { ...testConfig, ...overrides },
    fails: undefined,
    leader: 1,
    bodies: [],
    watchers: new Set(),
    credits: new Map(),
    emit: (fact) => facts.forEach((watcher) => watcher(fact)),
    submit: async (body) => {
      host.bodies.push(body);
      if (host.fails !== undefined) return host.fails;
      if (body.type === "read")
        return { ok: true, result: answer(store, body.query), kept: kept(promised(store, body)) };
      index++;
      const before = store.revision;
      const result = store.apply({ index, term: 1, timestamp: index, data: body.command });
      if (store.revision > before) notify(store, host, before + 1);
      return { ok: true, result, kept: kept("Linearizable") };
    },
    watch: (_options, sink) => {
      host.watchers.add(sink);
      return {
        credit: (count) => host.credits.set(sink, (host.credits.get(sink) ?? 0) + count),
        close: () => host.watchers.delete(sink),
      };
    },
    transferLeadership: async () => ({ ok: true, result: new Uint8Array(0), kept: kept("Linearizable") }),
    changeMembership: async () => ({ ok: false, failure: failure("unavailable", "not here", true) }),
    status: () => statusOf(host, store, index),
    onFact: (watcher) => {
      facts.add(watcher);
      return () => facts.delete(watcher);
    },
    setLinkFault: () => undefined,
    clearLinkFaults: () => undefined,
    close: async () => undefined,
  };
  return host;
}

/** As a replica resolves it: what is asked, else the contract of the keyspace. */
function promised(store: Store, { contract, query }: Extract<RequestBody, { type: "read" }>): string {
  const keyspace = keyspaceOf(query);
  if (contract !== undefined || keyspace === undefined) return contract?.text ?? "Linearizable";
  return readContractOf(parseContract(store.contractOf(keyspace))).text;
}

function answer(store: Store, query: Query): Uint8Array {
  try {
    return encodeResult(queried(store, query));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return encodeResult({ kind: "error", code: error.code, detail: error.message, revision: error.revision });
  }
}

function momentOf({ revision, snapshot = 0 }: Extract<Query, { readonly type: "get" | "list" }>): Moment {
  return snapshot > 0 ? { snapshot } : { revision, snapshot: undefined };
}

function queried(store: Store, query: Query): Answer {
  switch (query.type) {
    case "get":
      return {
        kind: "row",
        row: store.get(query.keyspace, query.key, momentOf(query)),
        revision: store.revision,
        timestamp: momentOf(query).snapshot ?? store.clock,
      };
    case "list":
      return {
        kind: "rows",
        ...store.list(query.keyspace, { ...query, ...momentOf(query) }),
        timestamp: momentOf(query).snapshot ?? store.clock,
      };
    case "counter":
      return { kind: "counterValue", ...store.counter(query.name) };
    case "shards":
    case "export":
      throw new Error("there are no shards here");
    case "keyspaces":
      return { kind: "keyspaces", keyspaces: store.keyspaces() };
    case "lock":
      return { kind: "lockState", ...store.lock(query.name, query.claim) };
    case "barrier":
      return { kind: "barrierState", ...store.barrier(query.name, query.claim) };
  }
}

function notify(store: Store, host: TestHost, from: number): void {
  const { events } = store.events({ keyspace: "default", prefix: new Uint8Array(0), from, limit: 100 });
  const told: WatchEvent[] = events.map(({ key, value, kind, revision }) => ({ kind, key, value, revision }));
  for (const sink of host.watchers) sink.onEvents(told, store.revision);
}

function statusOf(host: TestHost, store: Store, index: number): NodeStatus {
  return {
    nodeId: host.config.nodeId,
    clusterId: host.config.clusterId,
    version: "0.0.0-test",
    pid: 1,
    uptimeMs: 1,
    groups: [
      {
        group: 0,
        role: host.leader === host.config.nodeId ? "leader" : "follower",
        term: 3,
        leader: host.leader,
        membership: { voters: [1], outgoing: [], learners: [] },
        firstIndex: 1,
        lastIndex: index,
        durableIndex: index,
        commitIndex: index,
        appliedIndex: index,
        checkpointIndex: 0,
        revision: store.revision,
        rejoining: false,
        stalenessMs: undefined,
        followers: [],
      },
    ],
    quorums: [],
    links: [],
    storage: { full: false, detail: undefined },
  };
}
