/** Arbitrary requests and outcomes, for the laws of every codec that carries them. */
import fc from "fast-check";
import { errorCatalogue, type ErrorCode, type Failure } from "./errors.ts";
import { partitionBehaviors, plainReads, type Contract, type ReadContract, type ReadGuarantee } from "./guarantees.ts";
import { normalReads } from "./lattice.ts";
import { contractText, readsText } from "./print.ts";
import type { Outcome, Query, RequestBody, WatchEvent } from "./request.ts";

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 30 });
const text = fc.string({ maxLength: 12, unit: "grapheme" });
const milliseconds = fc.option(fc.double({ min: 0, noNaN: true }), { nil: undefined });
const optionalWhole = fc.option(whole, { nil: undefined });
const code = fc.constantFrom(...(Object.keys(errorCatalogue) as ErrorCode[]));
export const anyFailure: fc.Arbitrary<Failure> = fc.record({ code, detail: text, definite: fc.boolean() });

const query: fc.Arbitrary<Query> = fc.oneof(
  fc.record({ type: fc.constant("get"), keyspace: text, key: bytes, revision: optionalWhole }),
  fc.record({
    type: fc.constant("list"),
    keyspace: text,
    prefix: bytes,
    after: fc.option(bytes, { nil: undefined }),
    limit: whole,
    revision: optionalWhole,
  }),
  fc.record({ type: fc.constant("counter"), name: text }),
  fc.record({ type: fc.constant("keyspaces") }),
);

const durationMs = fc.oneof(
  fc.integer({ min: 1, max: 10_000_000 }),
  fc.integer({ min: 1, max: 1_000_000 }).map((ms) => ms / 1000),
);
export const anyRead: fc.Arbitrary<ReadGuarantee> = fc.oneof(
  { arbitrary: fc.constantFrom(...plainReads).map((guarantee) => ({ guarantee })), weight: 4 },
  durationMs.map((boundMs) => ({ guarantee: "BoundedStaleness" as const, boundMs })),
  fc.integer({ min: 1, max: 9 }).map((r) => ({ guarantee: "Quorum" as const, r })),
);

const guarantees = fc.array(anyRead, { minLength: 1, maxLength: 4 }).map((reads) => readsText(normalReads(reads)));

const contract: fc.Arbitrary<ReadContract> = fc.record({
  linearizable: fc.boolean(),
  session: fc.boolean(),
  stalenessMs: milliseconds,
  partition: fc.constantFrom(...partitionBehaviors, undefined),
  text: guarantees,
});

const shards = fc.array(fc.record({ group: whole, position: whole }), { maxLength: 4 });

export const anyBody: fc.Arbitrary<RequestBody> = fc.oneof(
  fc.record({ type: fc.constant("write"), command: bytes }),
  fc.record(
    { type: fc.constant("read"), query, contract: fc.option(contract, { nil: undefined }), position: whole, shards },
    { requiredKeys: ["type", "query", "contract", "position"] },
  ),
);

const kept = fc.record(
  { guarantee: guarantees, position: whole, stalenessMs: milliseconds, degraded: fc.boolean(), shards },
  { requiredKeys: ["guarantee", "position", "stalenessMs", "degraded"] },
);
export const anyOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ ok: fc.constant(true), result: bytes, kept }),
  fc.record({ ok: fc.constant(false), failure: anyFailure }),
);

export const anyEvent: fc.Arbitrary<WatchEvent> = fc.record({
  kind: fc.constantFrom("put", "delete"),
  key: bytes,
  value: bytes,
  revision: whole,
});

/** Contracts in normal form, also impossible ones. */
export const anyContract: fc.Arbitrary<Contract> = fc
  .record({
    reads: fc.array(anyRead, { minLength: 1, maxLength: 5 }).map(normalReads),
    write: fc.oneof(
      fc
        .constantFrom("Linearizable" as const, "Causal" as const, "Eventual" as const)
        .map((guarantee) => ({ guarantee })),
      fc.integer({ min: 1, max: 9 }).map((w) => ({ guarantee: "Quorum" as const, w })),
    ),
    partition: fc.constantFrom(...partitionBehaviors),
    latency: fc.array(
      fc.record({
        operation: fc.constantFrom("reads" as const, "writes" as const, "all" as const),
        percentile: fc.constantFrom(50, 95, 99, 99.9, 99.99),
        belowMs: durationMs,
      }),
      { maxLength: 3 },
    ),
    availability: fc.option(fc.record({ percent: fc.constantFrom(90, 99, 99.95, 99.999, 100), overMs: durationMs }), {
      nil: undefined,
    }),
  })
  .map((content) => ({ ...content, text: contractText(content) }));
