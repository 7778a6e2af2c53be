/** What came of one failure for one engine: consistency, availability over time, recovery. */
import { check, verdictText, type PropertyName, type ModelName } from "../../check/index.ts";
import type { NodeId } from "../../base/index.ts";
import type { Course } from "./failures.ts";
import type { Load, Engine, Sample, Subject } from "./load.ts";
import { nodes } from "./own-cluster.ts";

export interface Judgement {
  readonly subject: Subject;
  readonly promise: string;
  readonly model: ModelName;
  readonly property: PropertyName;
  readonly verdict: "holds" | "broken" | "undecided";
  readonly operations: number;
  readonly unknown: number;
  /** Why it does not hold. */
  readonly detail: string | undefined;
}

export interface Availability {
  readonly subject: Subject;
  readonly node: NodeId;
  /** Operations that were answered, for each `bucketMs` from the beginning on. */
  readonly answered: readonly number[];
  /** Of the operations that began and ended at this node while the fault lasted: the share that succeeded; undefined: none did. */
  readonly shareDuringFault: number | undefined;
}

export interface Recovery {
  /** From the fault to the first answer to a write of a key that was sent after it, at whichever node. */
  readonly firstWriteMs: number | undefined;
  /** While the fault lasted: the longest time in which no such write was answered anywhere. */
  readonly longestSilenceMs: number;
  /** From the end of the fault to the first answer at the hurt node. */
  readonly answersAgainMs: number | undefined;
  /** From the end of the fault until the hurt node had everything that it had missed. */
  readonly caughtUpMs: number | undefined;
  /** Keys that were written while it was away, and are all found at it. */
  readonly missedKeys: number;
}

export interface EngineReport {
  readonly engine: Engine;
  readonly consistency: readonly Judgement[];
  readonly availability: readonly Availability[];
  readonly recovery: Recovery;
}

export const bucketMs = 100;

export function reportOf(engine: Engine, load: Load, course: Course): EngineReport {
  return {
    engine,
    consistency: [
      judge(load, "keys", "linearizable", "register", "linearizable"),
      judge(load, "counter", "nothing lost, nothing twice", "counter", "convergent"),
    ],
    availability: (["keys", "counter"] as const).flatMap((subject) =>
      nodes.map((node) => availabilityOf(load.samples, subject, node, course)),
    ),
    recovery: recoveryOf(load, engine, course),
  };
}

function judge(load: Load, subject: Subject, promise: string, model: ModelName, property: PropertyName): Judgement {
  const operations = load.history(subject);
  const verdict = check(operations, { model, property });
  return {
    subject,
    promise,
    model,
    property,
    verdict: verdict.verdict,
    operations: operations.length,
    unknown: operations.filter(({ outcome }) => outcome === "unknown").length,
    detail: verdict.verdict === "holds" ? undefined : verdictText(verdict, subject),
  };
}

function availabilityOf(
  samples: readonly Sample[],
  subject: Subject,
  node: NodeId,
  { beganMs, hurtMs, healedMs, endedMs }: Course,
): Availability {
  const own = samples.filter((sample) => sample.subject === subject && sample.node === node);
  const answered = Array.from({ length: Math.ceil((endedMs - beganMs) / bucketMs) }, () => 0);
  for (const { ok, endedMs: at } of own) {
    const bucket = Math.floor((at - beganMs) / bucketMs);
    if (ok && bucket < answered.length) answered[bucket]!++;
  }
  const during = own.filter((sample) => sample.beganMs >= hurtMs && sample.endedMs <= healedMs);
  const share = during.length === 0 ? undefined : during.filter(({ ok }) => ok).length / during.length;
  return { subject, node, answered, shareDuringFault: share };
}

function recoveryOf(load: Load, engine: Engine, { node, hurtMs, healedMs, caughtUpMs }: Course): Recovery {
  const answered = load.samples.filter(({ ok }) => ok).sort((a, b) => a.endedMs - b.endedMs);
  const writes = answered.filter(({ subject, write, beganMs }) => subject === "keys" && write && beganMs >= hurtMs);
  const during = writes.filter(({ endedMs }) => endedMs <= healedMs).map(({ endedMs }) => endedMs);
  const moments = [hurtMs, ...during, healedMs];
  const again = answered.find((sample) => sample.node === node && sample.beganMs >= healedMs);
  const caughtUp = caughtUpMs[engine];
  const first = writes[0];
  return {
    firstWriteMs: first && first.endedMs - hurtMs,
    longestSilenceMs: Math.max(...moments.slice(1).map((at, i) => at - moments[i]!)),
    answersAgainMs: again && again.endedMs - healedMs,
    caughtUpMs: caughtUp === undefined ? undefined : caughtUp - healedMs,
    missedKeys: load.missed.length,
  };
}
