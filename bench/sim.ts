/**
 * How fast the simulator is, on one thread: events of protocol cores a second over scenarios with faults, and
 * simulated seconds a second of a group of three with ten operations a second. `npm run bench -- sim`.
 */
import { performance } from "node:perf_hooks";
import { drawPlan, runPlan, scenarios, type Scenario } from "../src/sim/index.ts";

interface Speed {
  readonly what: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly wallMs: number;
}

/** The same work once before, so that the compiler has seen it. */
const warmUpMs = 3000;
const measuredMs = 6000;

async function measure(what: string, chosen: readonly Scenario[]): Promise<Speed> {
  const run = async (forMs: number, firstSeed: number): Promise<Omit<Speed, "what">> => {
    let events = 0;
    let simulatedMs = 0;
    const begun = performance.now();
    for (let seed = firstSeed; performance.now() - begun < forMs; seed++) {
      for (const scenario of chosen) {
        const result = await runPlan(scenario, drawPlan(scenario, seed));
        if (result.failure) throw new Error(`${scenario.name}, seed ${seed}: ${result.failure.detail}`);
        events += result.steps;
        simulatedMs += result.simulatedMs;
      }
    }
    return { events, simulatedMs, wallMs: performance.now() - begun };
  };
  await run(warmUpMs, 1_000_000);
  return { what, ...(await run(measuredMs, 1)) };
}

export async function benchSim(json: boolean): Promise<void> {
  const quiet: Scenario = {
    name: "quiet",
    title: "Three nodes, ten operations a second",
    nodes: [3],
    durationMs: 120_000,
    workload: { operationsPerSecond: 10 },
    faults: [],
  };
  const busy = scenarios.filter(({ name }) => ["concurrent-starts", "linearizable-reads", "leases"].includes(name));
  const speeds = [
    await measure("three nodes, 10 operations/s, no faults", [quiet]),
    await measure("many clients: concurrent-starts, linearizable-reads, leases", busy),
    await measure(
      "all scenarios",
      scenarios.filter(({ breaks }) => breaks === undefined),
    ),
  ];
  if (json) {
    console.log(JSON.stringify(speeds));
    return;
  }
  console.log("| world, one thread, every invariant checked | events/s | simulated seconds a second |");
  console.log("|---|---|---|");
  for (const { what, events, simulatedMs, wallMs } of speeds) {
    const eventsPerSecond = Math.round(events / wallMs) * 1000;
    console.log(
      `| ${what} | ${eventsPerSecond.toLocaleString("en")} | ${Math.round(simulatedMs / wallMs).toLocaleString("en")} |`,
    );
  }
}
