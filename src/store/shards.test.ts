import { describe, expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import { timestampOf } from "../clock/index.ts";
import { pointOf } from "../placement/index.ts";
import { crc32c } from "../wal/crc32c.ts";
import { encodeCommand } from "./command-codec.ts";
import type { Envelope, KeyspaceDefinition, Operation } from "./command.ts";
import { memoryEngine } from "./memory-engine.ts";
import { decodeResult, type Result } from "./result.ts";
import { shardOf } from "./shard-map.ts";
import { openStore, type Store } from "./store.ts";
import { subject } from "./subject.suite.ts";

const definition: KeyspaceDefinition = {
  name: "many",
  engine: "raft",
  shards: 4,
  replicas: 3,
  contract: "",
  placement: "hash",
};
const create: Operation = { kind: "createKeyspace", keyspace: definition, nodes: [1, 2, 3] };
const name = { id: 2, name: "many", placement: "hash" } as const;
const everything = { from: "", to: undefined };
const none: Envelope = { kind: "none" };

/** A store of a group of shards. */
function ofShards(): {
  store: Store;
  run: (operation: Operation, envelope?: Envelope) => Result;
  later: (ms: number) => void;
} {
  const store = openStore(memoryEngine({ schedule: () => {} }), { crc32c, group: 7 });
  let wallMs = 1_000_000;
  return {
    store,
    later: (ms) => void (wallMs += ms),
    run: (operation, envelope = none) => {
      const data = encodeCommand({ envelope, operation });
      const index = store.applied.index + 1;
      return decodeResult(store.apply({ index, term: 1, timestamp: timestampOf(++wallMs), data })) as Result;
    },
  };
}

const put = (key: string, value = "v"): Operation => ({
  kind: "put",
  keyspace: "many",
  key: utf8(key),
  value: utf8(value),
});
const moved = { kind: "error", code: "moved" };

describe("the map of shards", () => {
  test("a keyspace of several shards has a group for each, whose first replicas go around", () => {
    const s = subject();
    expect(s.run(create)).toMatchObject({ kind: "done" });
    const map = s.store.shards;
    expect(map.groups()).toEqual([
      { group: 1, replicas: [1, 2, 3] },
      { group: 2, replicas: [2, 3, 1] },
      { group: 3, replicas: [3, 1, 2] },
      { group: 4, replicas: [1, 2, 3] },
    ]);
    const keyspace = map.find("many")!;
    expect([...keyspace.shards].map(({ range }) => range.from)).toEqual(["", "@\0\0\0", "\x80\0\0\0", "\xc0\0\0\0"]);
    const counts = new Map<number, number>();
    for (let i = 0; i < 4000; i++) {
      const { group } = shardOf(keyspace, utf8(`key-${i}`));
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test("it comes with commits and snapshots, and creating it again changes nothing", () => {
    const s = subject();
    s.run(create);
    const { version } = s.store.shards;
    expect(s.run(create)).toMatchObject({ kind: "done" });
    expect(s.store.shards.version).toBe(version);
    s.run({ kind: "settleShard", keyspace: "many", at: "", epoch: 1 });
    s.commit();
    const again = s.reopen().store.shards;
    expect(again.keyspaces()).toEqual(s.store.shards.keyspaces());
    expect(again.groups()).toEqual(s.store.shards.groups());
    expect([...again.find("many")!.shards].map(({ value }) => value.task?.kind)).toEqual([
      undefined,
      "opening",
      "opening",
      "opening",
    ]);
  });

  test("group 0 has none of its keys, and says so for all that asks for them", () => {
    const s = subject();
    s.run(create);
    expect(s.run(put("a"))).toMatchObject(moved);
    expect(s.run({ kind: "delete", keyspace: "many", key: utf8("a") })).toMatchObject(moved);
    expect(() => s.store.get("many", utf8("a"))).toThrow(expect.objectContaining({ code: "moved" }));
    expect(() => s.store.list("many")).toThrow(expect.objectContaining({ code: "moved" }));
    expect(s.run({ kind: "dropKeyspace", name: "many" })).toMatchObject({ code: "conflict" });
  });

  test("replicas live on every node: another number is refused before anything is made, none named is all", () => {
    const s = subject();
    expect(s.run({ ...create, keyspace: { ...definition, name: "all", replicas: 0 } })).toMatchObject({ kind: "done" });
    expect(s.store.keyspaces().find((keyspace) => keyspace.name === "all")).toMatchObject({ replicas: 3 });
    const refused = s.run({ ...create, nodes: [1, 2] });
    expect(refused).toMatchObject({ code: "malformed" });
    expect(s.store.keyspaces().map((keyspace) => keyspace.name)).toEqual(["all", "default"]);
  });
});

describe("a group of shards", () => {
  test("serves what it owns, and refuses the rest", () => {
    const { store, run } = ofShards();
    expect(run(put("a"))).toMatchObject(moved);
    const middle = pointOf("hash", utf8("a"));
    run({ kind: "ownRange", keyspace: name, range: { from: middle, to: undefined }, epoch: 5 });
    expect(run(put("a"))).toMatchObject({ kind: "put" });
    const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`);
    const owned = keys.filter((key) => pointOf("hash", utf8(key)) >= middle);
    expect(keys.filter((key) => run(put(key)).kind === "put")).toEqual(owned);
    expect(store.list("many").rows).toHaveLength(owned.length + 1);
    expect(store.shardEpoch).toBe(5);
    expect(run({ ...put("a"), keyspace: "default" } as Operation)).toMatchObject(moved);
  });

  test("what is late is refused", () => {
    const { run } = ofShards();
    const own = (epoch: number): Result => run({ kind: "ownRange", keyspace: name, range: everything, epoch });
    expect(own(5)).toMatchObject({ kind: "done" });
    expect(own(5)).toMatchObject({ kind: "done" });
    expect(own(4)).toMatchObject({ code: "conflict" });
  });

  test("a refusal is not the answer for ever: the same write may come back", () => {
    const { run } = ofShards();
    const session: Envelope = { kind: "session", session: 3, sequence: 1, floor: 1 };
    const idempotent: Envelope = { kind: "idempotent", key: "x" };
    expect(run(put("a"), session)).toMatchObject(moved);
    expect(run(put("b"), idempotent)).toMatchObject(moved);
    run({ kind: "ownRange", keyspace: name, range: everything, epoch: 5 });
    for (const [operation, envelope] of [
      [put("a"), session],
      [put("b"), idempotent],
    ] as const) {
      const first = run(operation, envelope);
      expect(first).toMatchObject({ kind: "put", previousRevision: 0 });
      expect(run(operation, envelope)).toEqual(first);
    }
  });

  test("a session that was opened in group 0 is taken on, unless it may have been forgotten here", () => {
    const { run, later } = ofShards();
    run({ kind: "ownRange", keyspace: name, range: everything, epoch: 5 });
    const as = (session: number): Result => run(put("a"), { kind: "session", session, sequence: 1, floor: 1 });
    expect(as(30)).toMatchObject({ kind: "put" });
    expect(as(20)).toMatchObject({ kind: "put" });
    later(3_600_001);
    expect(as(30)).toMatchObject({ code: "session-expired" });
    expect(as(25)).toMatchObject({ code: "session-expired" });
    expect(as(31)).toMatchObject({ kind: "put" });
  });
});
