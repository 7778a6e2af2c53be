import { valueKey, valueText } from "../../history/index.ts";
import type { Operation, Scalar } from "../../history/index.ts";
import { isTake } from "../models/sequence.ts";
import { operationText } from "../verdict.ts";
import type { Fast } from "./fast.ts";
import { stackOrder } from "./stack.ts";
import { suspect } from "./tell.ts";

/** One value of a queue or stack: when it was put in and taken out. */
export interface Item {
  readonly value: Scalar;
  readonly put: Operation;
  /** Undefined where it was never taken. */
  readonly take: Operation | undefined;
}

export type Wrong = Exclude<ReturnType<Fast>, "holds" | undefined>;

const takeCall = ({ take }: Item): number => take?.call ?? Infinity;
const takeReturn = ({ take }: Item): number => take?.ret ?? Infinity;

/**
 * Queues and stacks whose values are all different. A queue has an order exactly when no value comes from
 * nowhere, comes twice, comes out before it goes in, or overtakes another; and "empty" is answered only at
 * moments that no value certainly spans (Henzinger, Sezgin and Vafeiadis, "Aspect-oriented linearizability
 * proofs", 2013). For stacks see `stack.ts`. An operation of unknown outcome that took something may have taken
 * anything: then a history that holds without it holds, and any other is left to the general search.
 */
export function distinctSequence(kind: "queue" | "stack"): Fast {
  return (operations, budget) => {
    const unknownTakes = operations.some((operation) => isTake(operation) && operation.outcome !== "ok");
    const answer = judge(
      kind,
      operations.filter((operation) => !isTake(operation) || operation.outcome === "ok"),
      (steps) => budget.spend(steps),
    );
    return unknownTakes && answer !== "holds" ? undefined : answer;
  };
}

function judge(
  kind: "queue" | "stack",
  operations: readonly Operation[],
  spend: (steps: number) => void,
): ReturnType<Fast> {
  const gathered = gather(operations);
  if (gathered === undefined || "suspects" in gathered) return gathered;
  const { items, empties } = gathered;
  for (const { put, take } of items) {
    if (take !== undefined && take.ret < put.call)
      return suspect([put, take], `${operationText(take)} had returned before ${operationText(put)} was called`);
  }
  const full = answeredEmpty(items, empties);
  if (full !== undefined) return full;
  return (kind === "queue" ? overtaking(items) : stackOrder(items, spend)) ?? "holds";
}

function gather(
  operations: readonly Operation[],
): { readonly items: Item[]; readonly empties: Operation[] } | Wrong | undefined {
  const puts = new Map<Scalar, Operation>();
  const takes = new Map<Scalar, Operation>();
  const empties: Operation[] = [];
  for (const operation of operations) {
    if (!isTake(operation)) {
      const value = valueKey(operation.input);
      if (value === null || puts.has(value)) return undefined;
      puts.set(value, operation);
    }
  }
  for (const operation of operations) {
    if (!isTake(operation)) continue;
    if (operation.output === null) {
      empties.push(operation);
      continue;
    }
    // A take that need not have happened may be left out or not: that is for the general search.
    if (operation.ret === Infinity) return undefined;
    const value = valueKey(operation.output);
    const put = puts.get(value);
    if (put === undefined)
      return suspect(
        [operation],
        `nothing put ${valueText(operation.output)} in, which ${operationText(operation)} took`,
      );
    const twice = takes.get(value);
    if (twice !== undefined)
      return suspect([put, twice, operation], `${valueText(operation.output)} was put in once and taken twice`);
    takes.set(value, operation);
  }
  const items: Item[] = [];
  for (const [value, put] of puts) {
    const take = takes.get(value);
    // One that may not have happened, and that nobody took, did not happen.
    if (take !== undefined || put.ret !== Infinity) items.push({ value, put, take });
  }
  return { items, empties };
}

/** An "empty" whose whole time is covered by values that were certainly inside. */
function answeredEmpty(items: readonly Item[], empties: readonly Operation[]): Wrong | undefined {
  if (empties.length === 0) return undefined;
  const inside = items.filter((item) => item.put.ret < takeCall(item)).sort((a, b) => a.put.ret - b.put.ret);
  const covers: { readonly from: number; to: number; readonly first: number; last: number }[] = [];
  for (const [at, item] of inside.entries()) {
    const open = covers.at(-1);
    if (open !== undefined && item.put.ret <= open.to) {
      open.to = Math.max(open.to, takeCall(item));
      open.last = at;
    } else covers.push({ from: item.put.ret, to: takeCall(item), first: at, last: at });
  }
  for (const empty of empties) {
    let low = 0;
    let high = covers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (covers[middle]!.from < empty.call) low = middle + 1;
      else high = middle;
    }
    const cover = covers[low - 1];
    if (cover === undefined || cover.to <= empty.ret) continue;
    const chain: Operation[] = [];
    let reached = empty.call;
    let best: Item | undefined;
    for (const item of inside.slice(cover.first, cover.last + 1)) {
      if (item.put.ret > reached && best !== undefined) {
        chain.push(best.put, ...(best.take === undefined ? [] : [best.take]));
        reached = takeCall(best);
        if (reached >= empty.ret) break;
      }
      if (best === undefined || takeCall(item) > takeCall(best)) best = item;
    }
    if (reached < empty.ret && best !== undefined)
      chain.push(best.put, ...(best.take === undefined ? [] : [best.take]));
    return suspect([...chain, empty], `${operationText(empty)} found nothing, yet all the while something was inside`);
  }
  return undefined;
}

/** A value that went in before another, and came out after it or never. */
function overtaking(items: readonly Item[]): Wrong | undefined {
  const byReturn = items.filter(({ put }) => put.ret !== Infinity).sort((a, b) => a.put.ret - b.put.ret);
  const byCall = [...items].sort((a, b) => a.put.call - b.put.call);
  let slowest: Item | undefined;
  let next = 0;
  for (const item of byCall) {
    for (; next < byReturn.length && byReturn[next]!.put.ret < item.put.call; next++) {
      const earlier = byReturn[next]!;
      if (slowest === undefined || takeCall(earlier) > takeCall(slowest)) slowest = earlier;
    }
    if (slowest === undefined || takeReturn(item) >= takeCall(slowest)) continue;
    const operations = [slowest.put, slowest.take, item.put, item.take].filter((operation) => operation !== undefined);
    return suspect(
      operations,
      `${valueText(slowest.value)} went in before ${valueText(item.value)}, and ${slowest.take === undefined ? "never came out" : "came out after it"}`,
    );
  }
  return undefined;
}
