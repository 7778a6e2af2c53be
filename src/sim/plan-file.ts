/** A failure as a file: its plan and what it broke. */
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { consistencies } from "../workload/index.ts";
import { clientTroubles, type Plan, shardChanges } from "./plan.ts";

const ms = Type.Number({ minimum: 0 });
const node = Type.Integer({ minimum: 1 });
const nodes = Type.Array(node);
const rate = Type.Number({ minimum: 0, maximum: 1 });
const target = Type.Union([node, Type.Literal("leader"), Type.Literal("follower")]);
const moments = ["voted", "leader", "appended", "truncated", "membership", "compacted", "snapshotInstalled"] as const;
const moment = Type.Union(moments.map((name) => Type.Literal(name)));
const lasting = { at: ms, forMs: ms };

const fault = Type.Union([
  Type.Object({ kind: Type.Literal("crash"), target, power: Type.Boolean(), ...lasting }),
  Type.Object({ kind: Type.Literal("crashAt"), moment, afterMs: ms, power: Type.Boolean(), ...lasting }),
  Type.Object({ kind: Type.Literal("powerLoss"), ...lasting }),
  Type.Object({ kind: Type.Literal("pause"), target, ...lasting }),
  Type.Object({ kind: Type.Literal("slow"), target, stepMs: ms, ...lasting }),
  Type.Object({ kind: Type.Literal("isolate"), target, inbound: Type.Boolean(), outbound: Type.Boolean(), ...lasting }),
  Type.Object({
    kind: Type.Literal("partition"),
    shape: Type.String(),
    cut: Type.Array(Type.Tuple([node, node])),
    flapMs: ms,
    ...lasting,
  }),
  Type.Object({
    kind: Type.Literal("weather"),
    drop: rate,
    duplicate: rate,
    corrupt: rate,
    reorder: rate,
    delayMs: ms,
    ...lasting,
  }),
  Type.Object({ kind: Type.Literal("slowDisk"), target, delayMs: ms, ...lasting }),
  Type.Object({ kind: Type.Literal("diskFull"), target, ...lasting }),
  Type.Object({ kind: Type.Literal("syncError"), target, at: ms }),
  Type.Object({
    kind: Type.Literal("damage"),
    target,
    what: Type.Union((["bit", "row", "misdirected", "unreadable"] as const).map((name) => Type.Literal(name))),
    place: rate,
    ...lasting,
  }),
  Type.Object({ kind: Type.Literal("clockRate"), node, rate: Type.Number({ exclusiveMinimum: 0 }), ...lasting }),
  Type.Object({ kind: Type.Literal("clockOffset"), node, offsetMs: Type.Number(), ...lasting }),
  Type.Object({ kind: Type.Literal("minority"), ...lasting }),
  Type.Object({ kind: Type.Literal("clockLie"), node, offsetMs: Type.Number(), ...lasting }),
  Type.Object({ kind: Type.Literal("upgrade"), target, to: Type.Integer({ minimum: 1 }), ...lasting }),
  Type.Object({
    kind: Type.Literal("reconfigure"),
    how: Type.Union((["removeLeader", "addLearner", "promoteLearner"] as const).map((name) => Type.Literal(name))),
    at: ms,
  }),
  Type.Object({
    kind: Type.Literal("shards"),
    change: Type.Union(shardChanges.map((change) => Type.Literal(change))),
    pick: rate,
    to: rate,
    at: ms,
  }),
  Type.Object({ kind: Type.Literal("transfer"), to: Type.Integer({ minimum: 0 }), at: ms }),
  Type.Object({
    kind: Type.Literal("client"),
    client: Type.Integer({ minimum: 0 }),
    how: Type.Union(clientTroubles.map((how) => Type.Literal(how))),
    ...lasting,
  }),
  Type.Object({ kind: Type.Literal("membership"), voters: nodes, learners: nodes, at: ms }),
]);

const consistency = Type.Union(consistencies.map((name) => Type.Literal(name)));
const counter = Type.String();
const key = Type.String();
const lock = Type.String();
const wholeMs = Type.Integer({ minimum: 0 });

const operation = Type.Union([
  Type.Object({ kind: Type.Literal("increment"), counter, by: Type.Integer() }),
  Type.Object({ kind: Type.Literal("readCounter"), counter, consistency, boundMs: ms }),
  Type.Object({ kind: Type.Literal("put"), key, value: Type.Integer(), bytes: Type.Integer({ minimum: 0 }) }),
  Type.Object({ kind: Type.Literal("get"), key, consistency, boundMs: ms }),
  Type.Object({ kind: Type.Literal("delete"), key }),
  Type.Object({ kind: Type.Literal("add"), key, value: Type.Integer() }),
  Type.Object({ kind: Type.Literal("members"), key }),
  Type.Object({
    kind: Type.Literal("transaction"),
    isolation: Type.Union(
      (["read-committed", "repeatable-read", "serializable", "strict-serializable"] as const).map((name) =>
        Type.Literal(name),
      ),
    ),
    spread: Type.Optional(Type.Boolean()),
    steps: Type.Array(
      Type.Object({
        f: Type.Union([Type.Literal("r"), Type.Literal("w"), Type.Literal("all")]),
        key,
        value: Type.Integer(),
      }),
    ),
  }),
  Type.Object({ kind: Type.Literal("acquire"), lock, ttlMs: wholeMs, waitMs: wholeMs }),
  Type.Object({ kind: Type.Literal("renew"), lock, ttlMs: wholeMs }),
  Type.Object({ kind: Type.Literal("release"), lock }),
  Type.Object({ kind: Type.Literal("guarded"), lock }),
  Type.Object({ kind: Type.Literal("holds"), lock }),
  Type.Object({ kind: Type.Literal("watch"), prefix: Type.String() }),
]);

const plan = Type.Object({
  scenario: Type.String(),
  seed: Type.Integer({ minimum: 0 }),
  nodes: node,
  members: node,
  durationMs: ms,
  clients: Type.Array(
    Type.Union([Type.Literal("session"), Type.Literal("idempotent"), Type.Literal("bare"), Type.Literal("library")]),
  ),
  faults: Type.Array(fault),
  operations: Type.Array(Type.Object({ at: ms, client: Type.Integer({ minimum: 0 }), operation })),
  leftDown: nodes,
  contract: Type.Optional(Type.String()),
  bugs: Type.Array(Type.String()),
});

const planFile = Type.Object({
  format: Type.Literal("cohort-simulation-1"),
  /** What it broke when it was found, and what it is about; for people. */
  clause: Type.String(),
  story: Type.String(),
  plan,
});

export type PlanFile = Omit<Static<typeof planFile>, "plan"> & { readonly plan: Plan };

/** Reads the text of a plan's file. Throws an Error that says which part is wrong. */
export function parsePlanFile(text: string): PlanFile {
  const value: unknown = JSON.parse(text);
  if (Value.Check(planFile, value)) return value;
  const [first] = Value.Errors(planFile, value);
  throw new Error(`not the file of a simulation: ${first?.instancePath ?? ""} ${first?.message ?? ""}`);
}

/** One line for each fault and operation, so that it can be read and compared. */
export function formatPlanFile({ clause, story, plan }: Omit<PlanFile, "format">): string {
  const { faults, operations, ...rest } = plan;
  const lines = (name: string, items: readonly unknown[]): string =>
    items.length === 0
      ? `    "${name}": []`
      : `    "${name}": [\n${items.map((item) => `      ${JSON.stringify(item)}`).join(",\n")}\n    ]`;
  const scalars = Object.entries(rest).map(([name, value]) => `    "${name}": ${JSON.stringify(value)}`);
  const body = [...scalars, lines("faults", faults), lines("operations", operations)].join(",\n");
  const head = { format: "cohort-simulation-1", clause, story };
  return `{\n${Object.entries(head)
    .map(([name, value]) => `  "${name}": ${JSON.stringify(value)}`)
    .join(",\n")},\n  "plan": {\n${body}\n  }\n}\n`;
}
