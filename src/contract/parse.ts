import { fail } from "./errors.ts";
import type { PartitionBehavior, ReadContract } from "./guarantees.ts";

/** Names of read guarantees, canonical and short. Those of one group that its log makes the same share a demand. */
const guarantees: ReadonlyMap<string, { canonical: string; demand: "linearizable" | "session" | "none" }> = new Map(
  (
    [
      ["Linearizable", "linearizable"],
      ["Sequential", "session"],
      ["Causal", "session"],
      ["Session", "session"],
      ["MonotonicRead", "session"],
      ["ReadYourWrites", "session"],
      ["Eventual", "none"],
    ] as const
  ).map(([canonical, demand]) => [canonical.toLowerCase(), { canonical, demand }]),
);

const shortNames: ReadonlyMap<string, string> = new Map([
  ["monotonic", "monotonicread"],
  ["strong", "linearizable"],
]);

const known = "linearizable, session, monotonic, causal, bounded(100ms), eventual";

/** Milliseconds of a duration such as `100ms`, `2s`, `1m`. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(us|ms|s|m|h)$/.exec(text.trim());
  if (!match) return undefined;
  const scale = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] as "us" | "ms" | "s" | "m" | "h"];
  return Number(match[1]) * scale;
}

/**
 * Parses a read consistency: a short name (`monotonic`), a guarantee (`BoundedStaleness(100ms)`), or a
 * conjunction joined by `∧`, `and` or `&`, optionally followed by `; PartitionBehavior: …`.
 * Throws a CohortError with code `bad-consistency` or `contradiction`.
 */
export function parseReadContract(text: string, partition?: PartitionBehavior): ReadContract {
  const [expression = "", ...clauses] = text
    .split(/[;\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
  let behavior = partition;
  for (const clause of clauses) behavior = parsePartition(clause);
  const body = expression.replace(/^ReadConsistency\s*:/i, "");
  const terms = body.split(/\s*(?:∧|&&?|\band\b|,)\s*/i).map((term) => term.trim());
  let linearizable = false;
  let session = false;
  let stalenessMs: number | undefined;
  const names: string[] = [];
  for (const term of terms) {
    const bound = /^(?:bounded[-_]?staleness|bounded)\s*[(:=]\s*([^)]*)\)?$/i.exec(term);
    if (bound) {
      const duration = parseDurationMs(bound[1]!);
      if (duration === undefined)
        throw fail("bad-consistency", `"${bound[1]}" is not a duration; write for example bounded(100ms)`);
      stalenessMs = Math.min(duration, stalenessMs ?? duration);
      names.push(`BoundedStaleness(${duration}ms)`);
      continue;
    }
    const lower = term.toLowerCase().replace(/[-_\s]/g, "");
    const guarantee = guarantees.get(shortNames.get(lower) ?? lower);
    if (!guarantee) throw fail("bad-consistency", `"${term}" is not a read guarantee; there are: ${known}`);
    linearizable ||= guarantee.demand === "linearizable";
    session ||= guarantee.demand === "session";
    names.push(guarantee.canonical);
  }
  if (linearizable && behavior === "AvailabilityPreferred") {
    throw fail(
      "contradiction",
      "Linearizable reads cannot be AvailabilityPreferred: no system keeps both in a partition (Gilbert and Lynch, 2002)",
    );
  }
  return { linearizable, session, stalenessMs, partition: behavior ?? "ConsistencyPreferred", text: names.join(" ∧ ") };
}

export function parsePartition(clause: string): PartitionBehavior {
  const match = /^PartitionBehavior\s*:\s*(AvailabilityPreferred|ConsistencyPreferred)$/i.exec(clause);
  if (!match)
    throw fail(
      "bad-consistency",
      `"${clause}" is not a clause here; there is: PartitionBehavior: AvailabilityPreferred | ConsistencyPreferred`,
    );
  return match[1]!.toLowerCase() === "availabilitypreferred" ? "AvailabilityPreferred" : "ConsistencyPreferred";
}
