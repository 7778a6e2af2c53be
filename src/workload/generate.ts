import type { Random } from "../base/index.ts";
import {
  consistencies,
  type Consistency,
  type PlannedOperation,
  type TransactionWork,
  type WorkOperation,
} from "./operation.ts";

export interface WorkloadOptions {
  readonly clients: number;
  readonly durationMs: number;
  readonly operationsPerSecond: number;
  readonly counters: number;
  readonly keys: number;
  /** The longest value; each put draws its length. */
  readonly valueBytes: number;
  /** Shares of the operations; they need not add up to 1. */
  readonly mix: {
    readonly increment: number;
    readonly readCounter: number;
    readonly put: number;
    readonly get: number;
    readonly delete: number;
    readonly lock?: number;
    readonly transaction?: number;
    readonly add?: number;
    readonly members?: number;
    readonly watch?: number;
  };
  /** Each client puts its own keys only. */
  readonly ownKeys?: boolean;
  readonly locks?: number;
  /** Clients keep leases alive themselves. */
  readonly keptAlive?: boolean;
  readonly isolation?: TransactionWork["isolation"];
  /** Transactions go over several groups. */
  readonly spread?: boolean;
  readonly reads: readonly Consistency[];
  /** Of counters, where it differs. */
  readonly counterReads?: Consistency;
  readonly boundMs: number;
}

/** Operations spread over the duration, in order of time. The same random numbers give the same operations. */
export function generate(options: WorkloadOptions, random: Random): PlannedOperation[] {
  const count = Math.max(1, Math.round((options.durationMs / 1000) * options.operationsPerSecond));
  const gap = options.durationMs / count;
  const planned: PlannedOperation[] = [];
  for (let i = 0; i < count; i++) {
    const at = Math.round((i + random.float()) * gap);
    const client = random.below(options.clients);
    const operation = draw(options, random, i + 1);
    const own = options.ownKeys === true && "key" in operation ? { ...operation, key: `k${client}` } : operation;
    planned.push({ at, client, operation: own });
  }
  return planned;
}

function draw(options: WorkloadOptions, random: Random, unique: number): WorkOperation {
  const { mix, reads, boundMs } = options;
  const counter = `c${random.below(Math.max(1, options.counters))}`;
  const key = `k${random.below(Math.max(1, options.keys))}`;
  const consistency = reads[random.below(reads.length)] ?? consistencies[0];
  let place =
    random.float() *
    (mix.increment +
      mix.readCounter +
      mix.put +
      mix.get +
      mix.delete +
      (mix.lock ?? 0) +
      (mix.transaction ?? 0) +
      (mix.add ?? 0) +
      (mix.members ?? 0) +
      (mix.watch ?? 0));
  if ((place -= mix.watch ?? 0) < 0) return { kind: "watch", prefix: random.below(3) === 0 ? "" : key };
  if ((place -= mix.add ?? 0) < 0) return { kind: "add", key, value: unique };
  if ((place -= mix.members ?? 0) < 0) return { kind: "members", key };
  if ((place -= mix.transaction ?? 0) < 0) return drawTransaction(options, random, unique);
  if ((place -= mix.lock ?? 0) < 0) return drawLock(options, random);
  if ((place -= mix.increment) < 0) return { kind: "increment", counter, by: 1 };
  if ((place -= mix.readCounter) < 0) {
    return { kind: "readCounter", counter, consistency: options.counterReads ?? consistency, boundMs };
  }
  // Every value is written once, so that a read tells which write it saw.
  if ((place -= mix.put) < 0) return { kind: "put", key, value: unique, bytes: random.below(options.valueBytes + 1) };
  if (place - mix.get < 0) return { kind: "get", key, consistency, boundMs };
  return { kind: "delete", key };
}

function drawLock(options: WorkloadOptions, random: Random): WorkOperation {
  const lock = `l${random.below(Math.max(1, options.locks ?? 1))}`;
  const ttlMs = 300 + random.below(900);
  switch (random.below(6)) {
    case 0:
      return options.keptAlive === true ? { kind: "holds", lock } : { kind: "renew", lock, ttlMs };
    case 1:
      return { kind: "release", lock };
    case 2:
    case 3:
      return { kind: "guarded", lock };
    default:
      return { kind: "acquire", lock, ttlMs, waitMs: random.below(2) * 300 };
  }
}

const maxSteps = 4;

function drawTransaction(options: WorkloadOptions, random: Random, unique: number): WorkOperation {
  const { isolation = "serializable", spread } = options;
  const steps = Array.from({ length: 1 + random.below(maxSteps) }, (_, i) => {
    const kinds = ["r", "r", "w", "w", "w", "all"] as const;
    const f = kinds[random.below(kinds.length)]!;
    const keys = Math.max(1, options.keys);
    return { f, key: `x${random.below(keys)}`, value: f === "all" ? keys : unique * maxSteps + i };
  });
  // A key has one value of each transaction at the end: a register is written once.
  const once = new Set<string>();
  return {
    kind: "transaction",
    isolation,
    ...(spread === true && { spread }),
    steps: steps.filter(({ f, key }) => f !== "w" || (!once.has(key) && once.add(key) !== undefined)),
  };
}
