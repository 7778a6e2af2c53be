import { HistoryError, valueText } from "../history/index.ts";
import type { Operation } from "../history/index.ts";
import type { Budget } from "./budget.ts";
import { checkLinearizable } from "./linearizable.ts";
import type { Model } from "./model.ts";
import type { ObjectChecks } from "./objects.ts";
import type { Verdict } from "./verdict.ts";

/**
 * Bounded staleness. By time (Golab, Li and Shah, "Analyzing consistency properties for fun and profit", 2011):
 * a history in which reads may be Δ old is one that is linearizable once each read is taken to have begun Δ
 * earlier. By versions: a read finds one of the last k values; k = 1 is linearizability.
 */
export function checkStalenessByTime(
  operations: readonly Operation[],
  checks: ObjectChecks,
  boundMs: number,
  budget: Budget,
): Verdict {
  const shifted = operations.map((operation) => {
    const { callMs, retMs, outcome } = operation;
    if (callMs === undefined || (outcome === "ok" && retMs === undefined)) {
      throw new HistoryError(
        callMs === undefined ? operation.line : operation.retLine,
        "an event without a time",
        '"timeMs" in every event, since staleness is measured in time',
      );
    }
    const pure = checks.with((model) => model.isPure(operation));
    return {
      ...operation,
      call: pure ? callMs - boundMs : callMs,
      ret: outcome === "unknown" ? Infinity : (retMs ?? callMs),
    };
  });
  return checks.linearizable(shifted, budget, `stale by at most ${boundMs} ms`);
}

export function checkStalenessByVersions(
  operations: readonly Operation[],
  checks: ObjectChecks,
  versions: number,
  budget: Budget,
): Verdict {
  return checks.with((model) =>
    checkLinearizable(
      operations,
      { model: windowed(model, versions), property: `stale by at most ${versions - 1} versions` },
      budget,
    ),
  );
}

/** The model with its last states: a pure operation may answer from any of them. */
function windowed<State>(model: Model<State>, versions: number): Model<readonly State[]> {
  return {
    name: model.name,
    initial: [model.initial],
    validate: (operation) => model.validate(operation),
    step(states, operation) {
      if (model.isPure(operation))
        return states.some((state) => model.step(state, operation) !== undefined) ? states : undefined;
      const next = model.step(states[0]!, operation);
      return next === undefined ? undefined : [next, ...states].slice(0, versions);
    },
    identity: (states) => valueText(states.map((state) => model.identity(state))),
    size: (states) => states.reduce((sum, state) => sum + model.size(state), 40),
    isPure: (operation) => model.isPure(operation),
    observes: (operation) => model.observes(operation),
    show: (states) => states.map((state) => model.show(state)).join(", before that "),
    subjects: (operation) => (model.isPure(operation) ? [] : undefined),
  };
}
