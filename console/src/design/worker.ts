/** Predictions, and a simulated run beside them, in a thread of their own. */
import { parseContract, type Contract } from "../../../src/contract/index.ts";
import { simulate } from "../../../src/cli/model/simulated.ts";
import { priceOf, readKindOf, type Topology } from "../../../src/model/index.ts";
import type { Alternative, Measured, PriceOrder, PriceReport } from "./messages.ts";

const draws = 8000;
const comparedDraws = 1500;

const compared: readonly (readonly [label: string, text: string])[] = [
  ["linearizable", "Linearizable"],
  ["bounded 10 ms", "BoundedStaleness(10ms); PartitionBehavior: AvailabilityPreferred"],
  ["bounded 100 ms", "BoundedStaleness(100ms); PartitionBehavior: AvailabilityPreferred"],
  ["bounded 1 s", "BoundedStaleness(1s); PartitionBehavior: AvailabilityPreferred"],
  ["session", "Session; PartitionBehavior: AvailabilityPreferred"],
  ["eventual", "Eventual; PartitionBehavior: AvailabilityPreferred"],
];

function tell(report: PriceReport): void {
  postMessage(report);
}

addEventListener("message", ({ data: { number, contract: text, topology } }: MessageEvent<PriceOrder>) => {
  try {
    const contract = parseContract(text);
    const price = priceOf(contract, topology, { draws });
    const alternatives = compared.map(([label, other]): Alternative => ({
      label,
      price: priceOf(parseContract(other), topology, { draws: comparedDraws }),
    }));
    tell({ kind: "priced", number, price, alternatives });
    tell({ kind: "measured", number, measured: measure(contract, topology) });
  } catch (error) {
    tell({ kind: "failed", number, text: error instanceof Error ? error.message : String(error) });
  }
});

const simulatedMs = 12_000;

function measure(contract: Contract, topology: Topology): Measured {
  const { kind, boundMs } = readKindOf(contract);
  const records = simulate({
    topology,
    reads: kind,
    boundMs: Number.isFinite(boundMs) ? boundMs : 0,
    seed: 1,
    durationMs: simulatedMs,
  });
  const answered = records.filter(({ outcome }) => outcome === "ok");
  const of = (wanted: string) =>
    answered
      .filter(({ operation }) => operation.kind === wanted)
      .map(({ invokedAt, completedAt }) => completedAt - invokedAt);
  return { reads: quantiles(of("readCounter")), writes: quantiles(of("increment")), operations: answered.length };
}

function quantiles(samples: readonly number[]): (readonly [number, number])[] {
  const sorted = [...samples].sort((a, b) => a - b);
  if (sorted.length === 0) return [];
  return [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99].map(
    (share) => [share, sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!] as const,
  );
}
