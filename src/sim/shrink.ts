import type { NodeId } from "../base/index.ts";
import type { Fault, Plan } from "./plan.ts";
import { runPlan, type SimFailure } from "./run.ts";
import type { Scenario } from "./scenario.ts";

export interface Shrunk {
  readonly plan: Plan;
  readonly failure: SimFailure;
  readonly runs: number;
}

export interface ShrinkOptions {
  /** How many events of cores it may take in all: most of the cost is there. */
  readonly maxSteps?: number;
  /** Few enough: so many faults and operations need not be fewer. */
  readonly enough?: number;
  /** Told after each success, with the number of faults and operations that are left. */
  readonly onProgress?: (events: number) => void;
}

/** With a schedule of few events a failure depends on luck with delays: candidates are tried with several seeds, for so many events of cores. */
const candidateSteps = 60_000;
const windowSteps = 400_000;
const mostTries = 40;
/** How much of the time before a failure is tried alone, milliseconds, and how long a cluster takes to begin. */
const windowsMs = [300, 700, 1500, 3000, 6000];
const leadInMs = 800;

/**
 * Looks for the smallest schedule that still breaks the same clause: less time, fewer faults, operations, clients and
 * nodes (delta debugging: Zeller and Hildebrandt, 2002). Every candidate is run; nothing is guessed.
 */
export async function shrink(
  scenario: Scenario,
  plan: Plan,
  failure: SimFailure,
  options: ShrinkOptions = {},
): Promise<Shrunk> {
  const search = new Search(scenario, plan, failure, options);
  await search.cutEnd();
  await search.cutBeginning();
  let before = Number.POSITIVE_INFINITY;
  while (search.size < before && !search.exhausted) {
    before = search.size;
    await search.withoutKinds();
    await search.reduce("operations");
    await search.reduce("faults");
    await search.fewerNodes();
    await search.cutBeginning();
  }
  await search.nobodyLeftDown();
  return { plan: search.plan, failure: search.failure, runs: search.runs };
}

class Search {
  plan: Plan;
  failure: SimFailure;
  runs = 0;
  #steps = 0;
  readonly #scenario: Scenario;
  readonly #options: ShrinkOptions;

  constructor(scenario: Scenario, plan: Plan, failure: SimFailure, options: ShrinkOptions) {
    this.#scenario = scenario;
    this.plan = plan;
    this.failure = failure;
    this.#options = options;
  }

  get size(): number {
    return this.plan.faults.length + this.plan.operations.length;
  }

  get exhausted(): boolean {
    return this.#steps >= (this.#options.maxSteps ?? 10_000_000) || this.size <= (this.#options.enough ?? 0);
  }

  /** Takes the candidate if it breaks the same clause. */
  async #accepts(candidate: Plan, maxSteps = candidateSteps): Promise<boolean> {
    const before = this.#steps;
    for (let i = 0; i < mostTries && this.#steps - before < maxSteps && !this.exhausted; i++) {
      this.runs++;
      const lucky = i === 0 ? candidate : { ...candidate, seed: (candidate.seed + i * 7919) % 2 ** 32 };
      const { failure, steps } = await runPlan(this.#scenario, lucky);
      this.#steps += steps;
      if (failure?.clause !== this.failure.clause) continue;
      this.plan = lucky;
      this.failure = failure;
      this.#options.onProgress?.(this.size);
      return true;
    }
    return false;
  }

  /** Nothing after the failure matters; and the healing may as well begin earlier. */
  async cutEnd(): Promise<void> {
    const { durationMs } = this.plan;
    const { atMs } = this.failure;
    if (atMs < durationMs && (await this.#accepts(between(this.plan, 0, Math.ceil(atMs) + 1), 1))) return;
    for (const share of [0.1, 0.25, 0.5, 0.75]) {
      if (await this.#accepts(between(this.plan, 0, Math.ceil(durationMs * share)), 1)) return;
    }
  }

  /** Perhaps the last moments are enough. */
  async cutBeginning(): Promise<void> {
    const end = Math.min(this.plan.durationMs, Math.ceil(this.failure.atMs) + 1);
    for (const windowMs of windowsMs) {
      const from = end - windowMs - leadInMs;
      if (from <= 0) return;
      if (await this.#accepts(between(this.plan, from + leadInMs, end), windowSteps)) return;
    }
  }

  /** Leaves out whole kinds of operations and faults, and whole clients. */
  async withoutKinds(): Promise<void> {
    for (const kind of new Set(this.plan.operations.map(({ operation }) => operation.kind))) {
      await this.#accepts({
        ...this.plan,
        operations: this.plan.operations.filter(({ operation }) => operation.kind !== kind),
      });
    }
    for (const kind of new Set(this.plan.faults.map((fault) => fault.kind))) {
      await this.#accepts({ ...this.plan, faults: this.plan.faults.filter((fault) => fault.kind !== kind) });
    }
    for (const client of new Set(this.plan.operations.map((planned) => planned.client))) {
      await this.#accepts({
        ...this.plan,
        operations: this.plan.operations.filter((planned) => planned.client !== client),
      });
    }
  }

  /** Leaves out ever smaller chunks of a list while the failure stays. */
  async reduce(part: "faults" | "operations"): Promise<void> {
    let chunk = Math.ceil(this.plan[part].length / 2);
    while (chunk >= 1 && !this.exhausted) {
      let from = 0;
      while (from < this.plan[part].length && !this.exhausted) {
        const items: readonly unknown[] = this.plan[part];
        const rest = [...items.slice(0, from), ...items.slice(from + chunk)];
        if (!(await this.#accepts({ ...this.plan, [part]: rest }))) from += chunk;
      }
      if (chunk === 1) return;
      chunk = Math.ceil(chunk / 2);
    }
  }

  async fewerNodes(): Promise<void> {
    while (this.plan.members > 1 && this.plan.nodes === this.plan.members && !this.exhausted) {
      const nodes = this.plan.nodes - 1;
      const faults = this.plan.faults.filter((fault) => highest(fault) <= nodes);
      if (!(await this.#accepts({ ...this.plan, nodes, members: nodes, faults }))) return;
    }
  }

  async nobodyLeftDown(): Promise<void> {
    if (this.plan.leftDown.length > 0) await this.#accepts({ ...this.plan, leftDown: [] });
  }
}

/** What happens from one moment to another, moved to the beginning; faults that have begun by then are in force there. */
function between(plan: Plan, from: number, to: number): Plan {
  const shift = from === 0 ? 0 : from - leadInMs;
  const faults = plan.faults.flatMap((fault): Fault[] => {
    if (fault.at >= from) return fault.at < to ? [{ ...fault, at: fault.at - shift }] : [];
    if (!("forMs" in fault) || fault.kind === "crashAt") return [];
    const end = fault.at + fault.forMs;
    return end > from ? [{ ...fault, at: leadInMs, forMs: end - from }] : [];
  });
  const operations = plan.operations
    .filter(({ at }) => at >= from && at < to)
    .map((planned) => ({ ...planned, at: planned.at - shift }));
  return { ...plan, durationMs: to - shift, faults, operations };
}

/** The highest node that a fault names. */
function highest(fault: Fault): NodeId {
  if ("target" in fault) return typeof fault.target === "number" ? fault.target : 0;
  if (fault.kind === "partition") return Math.max(0, ...fault.cut.flat());
  if (fault.kind === "membership") return Math.max(0, ...fault.voters, ...fault.learners);
  if ("node" in fault) return fault.node;
  return fault.kind === "transfer" ? fault.to : 0;
}
