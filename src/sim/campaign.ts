import { joinDigests } from "./digest.ts";
import type { Fired } from "./faults.ts";
import type { FaultKind, Plan } from "./plan.ts";
import { runPlan, type SimFailure } from "./run.ts";
import { declaredKinds, type Scenario } from "./scenario.ts";
import { drawPlan } from "./swarm.ts";

/** What one seed of a scenario came to. Plain data, so that it can come from another thread. */
export interface SeedResult {
  readonly scenario: string;
  readonly seed: number;
  readonly digest: string;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly planned: readonly (readonly [FaultKind, number])[];
  readonly fired: readonly (readonly [FaultKind, number])[];
  readonly counts: readonly (readonly [string, number])[];
  readonly failure: SimFailure | undefined;
  /** The scenario is there to show this failure. */
  readonly expected: boolean;
}

/** Runs one seed of a scenario. */
export async function runSeed(scenario: Scenario, seed: number, bugs: readonly string[] = []): Promise<SeedResult> {
  const plan = drawPlan(scenario, seed, bugs);
  const { digest, steps, simulatedMs, fired, counts, failure } = await runPlan(scenario, plan);
  return {
    scenario: scenario.name,
    seed,
    digest,
    steps,
    simulatedMs,
    planned: [...plannedKinds(plan)],
    fired: [...fired],
    counts: [...counts],
    failure,
    expected: failure !== undefined && failure.clause === scenario.breaks,
  };
}

function plannedKinds(plan: Plan): Fired {
  const planned: Fired = new Map();
  for (const { kind } of plan.faults) planned.set(kind, (planned.get(kind) ?? 0) + 1);
  return planned;
}

/** A scenario whose fault is planned so often, or runs so many seeds, and never fires does not test what it says. */
const plannedOften = 10;
const seedsMany = 20;

/** What a campaign knows of one scenario so far. */
export class Tally {
  readonly scenario: Scenario;
  seeds = 0;
  steps = 0;
  simulatedMs = 0;
  readonly planned = new Map<string, number>();
  readonly fired = new Map<string, number>();
  readonly counts = new Map<string, number>();
  /** Seeds that broke what the scenario is there to break. */
  demonstrated = 0;
  readonly failures: { readonly seed: number; readonly failure: SimFailure }[] = [];
  readonly #digests = new Map<number, string>();

  constructor(scenario: Scenario) {
    this.scenario = scenario;
  }

  add(result: SeedResult): void {
    this.seeds++;
    this.steps += result.steps;
    this.simulatedMs += result.simulatedMs;
    this.#digests.set(result.seed, result.digest);
    addAll(this.planned, result.planned);
    addAll(this.fired, result.fired);
    addAll(this.counts, result.counts);
    if (result.expected) this.demonstrated++;
    else if (result.failure) this.failures.push({ seed: result.seed, failure: result.failure });
    this.failures.sort((a, b) => a.seed - b.seed);
  }

  /** Of all traces, whatever order they came in; that of one seed is its own. */
  get digest(): string {
    return joinDigests([...this.#digests].sort(([a], [b]) => a - b).map(([, trace]) => trace));
  }

  /** What the scenario says that it shows, and did not. */
  get unseen(): string[] {
    if (this.seeds < seedsMany) return [];
    return (this.scenario.shows ?? []).filter((name) => (this.counts.get(name) ?? 0) === 0);
  }

  /** Declared faults that never happened, although they should have by now. */
  get silent(): FaultKind[] {
    return declaredKinds(this.scenario).filter((kind) => {
      const planned = this.planned.get(kind) ?? 0;
      return (
        (this.fired.get(kind) ?? 0) === 0 && (planned >= plannedOften || (planned === 0 && this.seeds >= seedsMany))
      );
    });
  }

  /** What should have broken did not: the demonstration shows nothing. */
  get intact(): boolean {
    return this.scenario.breaks !== undefined && this.demonstrated === 0 && this.seeds >= seedsMany;
  }

  get ok(): boolean {
    return this.failures.length === 0 && this.silent.length === 0 && this.unseen.length === 0 && !this.intact;
  }
}

function addAll(total: Map<string, number>, more: readonly (readonly [string, number])[]): void {
  for (const [name, value] of more) total.set(name, (total.get(name) ?? 0) + value);
}
