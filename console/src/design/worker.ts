/** Predictions, and a simulated run beside them, in a thread of their own. */
import { parseContract, type Contract } from "../../../src/contract/index.ts";
import { mapOf, meanOf, priceOf, readKindOf, type Topology } from "../../../src/model/index.ts";
import { drawPlan, runPlan, type Scenario } from "../../../src/sim/index.ts";
import type { Alternative, Measured, PriceOrder, PriceReport } from "./messages.ts";

const draws = 20_000;
const comparedDraws = 5000;

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

/** Settling in, milliseconds: the first leader is not there yet. */
const warmUpMs = 3000;

/** The simulator knows no geography: all links are as fast as those of the topology are between the fastest and the slowest. */
function measure(contract: Contract, topology: Topology): Measured {
  const map = mapOf(topology);
  const delays = map.nodes.flatMap(({ id: from }) =>
    map.nodes.filter(({ id }) => id !== from).map(({ id: to }) => meanOf(map.between(from, to))),
  );
  const least = Math.min(...delays);
  const most = Math.max(...delays) * 1.2;
  const { kind, boundMs } = readKindOf(contract);
  const scenario: Scenario = {
    name: "prediction",
    title: "A healthy cluster on the chosen topology",
    nodes: [map.nodes.length],
    durationMs: 12_000,
    world: {
      network: { minDelayMs: least * 0.9, maxDelayMs: most },
      raft: topology.raft,
      clockErrorMs: topology.clockErrorMs,
      operationTimeoutMs: 8000,
      attemptTimeoutMs: 3000,
    },
    workload: {
      clients: 12,
      operationsPerSecond: Math.min(100, Math.max(20, topology.load.writesPerSecond)),
      counters: 4,
      mix: { increment: 1, readCounter: 1, put: 0, get: 0, delete: 0 },
      reads: [kind],
      boundMs: Number.isFinite(boundMs) ? boundMs : 0,
    },
    faults: [],
  };
  const { records, failure } = runPlan(scenario, drawPlan(scenario, 1));
  if (failure !== undefined) throw new Error(`The simulated run broke: ${failure.clause}`);
  const settled = records.filter(({ invokedAt, outcome }) => outcome === "ok" && invokedAt > warmUpMs);
  const of = (wanted: string) =>
    settled
      .filter(({ operation }) => operation.kind === wanted)
      .map(({ invokedAt, completedAt }) => completedAt - invokedAt);
  return {
    reads: quantiles(of("readCounter")),
    writes: quantiles(of("increment")),
    operations: settled.length,
    delayMs: [least, most],
  };
}

function quantiles(samples: readonly number[]): (readonly [number, number])[] {
  const sorted = [...samples].sort((a, b) => a - b);
  if (sorted.length === 0) return [];
  return [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99].map(
    (share) => [share, sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!] as const,
  );
}
