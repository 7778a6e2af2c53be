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
  /** How many runs it may take. */
  readonly maxRuns?: number;
  /** Told after each success, with the number of faults and operations that are left. */
  readonly onProgress?: (events: number) => void;
}

/** With a schedule of few events a failure depends on luck with delays: each candidate is tried with so many of them. */
const luckyTries = 3;

/**
 * Looks for the smallest schedule that still breaks the same clause: less time, fewer faults, operations, clients and
 * nodes (delta debugging: Zeller and Hildebrandt, 2002). Every candidate is run; nothing is guessed.
 */
export function shrink(scenario: Scenario, plan: Plan, failure: SimFailure, options: ShrinkOptions = {}): Shrunk {
  const search = new Search(scenario, plan, failure, options);
  let before = Number.POSITIVE_INFINITY;
  search.cutTime();
  while (search.size < before && !search.exhausted) {
    before = search.size;
    search.reduce("faults");
    search.reduce("operations");
    search.fewerNodes();
    search.cutTime();
  }
  search.nobodyLeftDown();
  return { plan: search.plan, failure: search.failure, runs: search.runs };
}

class Search {
  plan: Plan;
  failure: SimFailure;
  runs = 0;
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
    return this.runs >= (this.#options.maxRuns ?? 1500);
  }

  /** Takes the candidate if it breaks the same clause. */
  #accepts(candidate: Plan, tries = luckyTries): boolean {
    for (let i = 0; i < tries && !this.exhausted; i++) {
      this.runs++;
      const lucky = i === 0 ? candidate : { ...candidate, seed: (candidate.seed + i * 7919) % 2 ** 32 };
      const { failure } = runPlan(this.#scenario, lucky);
      if (failure?.clause !== this.failure.clause) continue;
      this.plan = lucky;
      this.failure = failure;
      this.#options.onProgress?.(this.size);
      return true;
    }
    return false;
  }

  /** Nothing after the failure matters; and the healing may as well begin earlier. */
  cutTime(): void {
    const { plan, failure } = this;
    if (failure.atMs < plan.durationMs) {
      const durationMs = Math.ceil(failure.atMs);
      this.#accepts(within(plan, durationMs), 1);
    }
    for (const share of [0.25, 0.5, 0.75, 0.9])
      if (this.#accepts(within(this.plan, Math.ceil(this.plan.durationMs * share)), 1)) return;
  }

  /** Leaves out ever smaller chunks of a list while the failure stays. */
  reduce(part: "faults" | "operations"): void {
    let chunk = Math.ceil(this.plan[part].length / 2);
    while (chunk >= 1 && !this.exhausted) {
      let from = 0;
      while (from < this.plan[part].length && !this.exhausted) {
        const items: readonly unknown[] = this.plan[part];
        const rest = [...items.slice(0, from), ...items.slice(from + chunk)];
        // Small chunks are worth some luck; large ones fail for good reasons.
        if (!this.#accepts({ ...this.plan, [part]: rest }, chunk <= 4 ? luckyTries : 1)) from += chunk;
      }
      if (chunk === 1) return;
      chunk = Math.ceil(chunk / 2);
    }
  }

  fewerNodes(): void {
    while (this.plan.members > 1 && this.plan.nodes === this.plan.members && !this.exhausted) {
      const nodes = this.plan.nodes - 1;
      if (
        !this.#accepts({
          ...this.plan,
          nodes,
          members: nodes,
          faults: this.plan.faults.filter((fault) => highest(fault) <= nodes),
        })
      )
        return;
    }
  }

  nobodyLeftDown(): void {
    if (this.plan.leftDown.length > 0) this.#accepts({ ...this.plan, leftDown: [] });
  }
}

function within(plan: Plan, durationMs: number): Plan {
  const early = ({ at }: { readonly at: number }): boolean => at < durationMs;
  return { ...plan, durationMs, faults: plan.faults.filter(early), operations: plan.operations.filter(early) };
}

/** The highest node that a fault names. */
function highest(fault: Fault): NodeId {
  if ("target" in fault) return typeof fault.target === "number" ? fault.target : 0;
  if (fault.kind === "partition") return Math.max(0, ...fault.cut.flat());
  if (fault.kind === "membership") return Math.max(0, ...fault.voters, ...fault.learners);
  if ("node" in fault) return fault.node;
  return fault.kind === "transfer" ? fault.to : 0;
}
