/** Thrown by a checker that may not go on. Becomes the verdict `undecided`, with this reason. */
export class OutOfBudget extends Error {
  override readonly name = "OutOfBudget";
}

export interface Limits {
  /** Most elementary steps of search, about ten million a second. */
  readonly steps?: number | undefined;
  /** Most bytes that a search may hold besides the history itself; an estimate. */
  readonly bytes?: number | undefined;
  /** Most milliseconds; needs `now`. */
  readonly timeMs?: number | undefined;
  /** A clock in milliseconds: checkers read no clock of their own. */
  readonly now?: (() => number) | undefined;
}

/** What a checker may still spend. Every loop that can grow beyond the size of its input spends here. */
export interface Budget {
  spend(steps: number): void;
  hold(bytes: number): void;
  /** A part of what is left, for work that may be left out; running out of it costs the whole nothing. */
  part(steps: number): Budget;
}

export const defaultLimits = { steps: 2_000_000_000, bytes: 1_000_000_000 } as const;

/** How many steps pass between two looks at the clock. */
const stepsPerLook = 20_000;

export function createBudget(limits: Limits = {}): Budget {
  const { timeMs, now } = limits;
  const mostSteps = limits.steps ?? defaultLimits.steps;
  const mostBytes = limits.bytes ?? defaultLimits.bytes;
  const deadline = timeMs !== undefined && now !== undefined ? now() + timeMs : Infinity;
  let steps = 0;
  let bytes = 0;
  let nextLook = stepsPerLook;
  const budget: Budget = {
    spend(count) {
      steps += count;
      if (steps < nextLook) return;
      nextLook = steps + stepsPerLook;
      if (steps > mostSteps) throw new OutOfBudget(`the search needs more than ${mostSteps} steps`);
      if (now !== undefined && now() > deadline) throw new OutOfBudget(`the search needs more than ${timeMs} ms`);
    },
    hold(count) {
      bytes += count;
      if (bytes > mostBytes)
        throw new OutOfBudget(`the search needs more than ${Math.round(mostBytes / 1e6)} MB of memory`);
    },
    part(share) {
      let left = share;
      return {
        spend(count) {
          left -= count;
          if (left < 0) throw new OutOfBudget(`the search needs more than ${share} steps`);
          budget.spend(count);
        },
        hold: (count) => budget.hold(count),
        part: (smaller) => budget.part(Math.min(smaller, left)),
      };
    },
  };
  return budget;
}
