import { isList, valueKey, valueText } from "../../history/index.ts";
import type { Operation, Scalar } from "../../history/index.ts";
import { isRead } from "../models/register.ts";
import { operationText } from "../verdict.ts";
import type { Fast } from "./fast.ts";
import { suspect } from "./tell.ts";

type Wrong = Exclude<ReturnType<Fast>, "holds" | undefined>;

/**
 * Sets that only grow, whose elements are added once each, read as a whole. The reads must be ordered by
 * inclusion; that order tells between which reads each element came, and so gives the stage of every operation.
 * What remains is that nothing of an earlier stage was called after something of a later one returned.
 */
export function growingSet(initial: readonly Scalar[]): Fast {
  return (operations) => {
    const adds = new Map<Scalar, Operation>();
    const reads: Operation[] = [];
    for (const operation of operations) {
      if (isRead(operation)) reads.push(operation);
      else if (operation.f !== "add" || adds.has(valueKey(operation.input))) return undefined;
      else adds.set(valueKey(operation.input), operation);
    }
    if (initial.some((element) => adds.has(element))) return undefined;
    return judge(adds, reads, new Set(initial));
  };
}

function judge(
  adds: ReadonlyMap<Scalar, Operation>,
  reads: readonly Operation[],
  initial: ReadonlySet<Scalar>,
): ReturnType<Fast> {
  const seen = reads.map((read) => ({ read, elements: isList(read.output) ? read.output.map(valueKey) : [] }));
  seen.sort((a, b) => a.elements.length - b.elements.length || a.read.call - b.read.call);
  // Even stages are reads, odd ones the elements that came before the next read.
  const stageOf = new Map<Operation, number>();
  const present = new Set<Scalar>(initial);
  let before: { readonly read: Operation; readonly elements: readonly Scalar[] } | undefined;
  let stage = 0;
  for (const entry of seen) {
    const { read, elements } = entry;
    const fresh = elements.filter((element) => !present.has(element));
    const unknown = fresh.find((element) => !adds.has(element));
    if (unknown !== undefined)
      return suspect([read], `nothing added ${valueText(unknown)}, which ${operationText(read)} shows`);
    if (new Set(elements).size !== elements.length) return undefined;
    if (fresh.length > 0) stage += 2;
    for (const element of fresh) {
      present.add(element);
      stageOf.set(adds.get(element)!, stage - 1);
    }
    if (present.size !== elements.length) return missing(entry, before, adds, present);
    stageOf.set(read, stage);
    before = entry;
  }
  for (const add of adds.values()) if (!stageOf.has(add) && add.ret !== Infinity) stageOf.set(add, stage + 1);
  return disorder(stageOf) ?? "holds";
}

/** A read that lacks what a shorter one shows, or what was there from the beginning. */
function missing(
  entry: { readonly read: Operation; readonly elements: readonly Scalar[] },
  before: { readonly read: Operation } | undefined,
  adds: ReadonlyMap<Scalar, Operation>,
  present: ReadonlySet<Scalar>,
): Wrong {
  const has = new Set(entry.elements);
  const lost = [...present].find((element) => !has.has(element)) ?? null;
  const others = [...present].map((element) => adds.get(element)).filter((add) => add !== undefined);
  const reads = before === undefined ? [entry.read] : [before.read, entry.read];
  return suspect(
    [...others, ...reads],
    `${valueText(lost)} is in one read and not in the other, and the other way round for another element`,
  );
}

function disorder(stageOf: ReadonlyMap<Operation, number>): Wrong | undefined {
  const staged = [...stageOf].sort((a, b) => a[1] - b[1]);
  let latest: Operation | undefined;
  let latestBefore: Operation | undefined;
  let stage = -1;
  for (const [operation, at] of staged) {
    if (at !== stage) latestBefore = latest;
    stage = at;
    if (latestBefore !== undefined && operation.ret < latestBefore.call) {
      const reads = staged.filter(([other]) => isRead(other)).map(([other]) => other);
      const witness = reads.filter((read) => (stageOf.get(read) ?? 0) <= at).at(-1);
      return suspect(
        [
          latestBefore,
          operation,
          ...(witness === undefined ? [] : [witness]),
          ...staged.filter(([other]) => !isRead(other)).map(([other]) => other),
          ...reads,
        ],
        `${operationText(operation)} had returned before ${operationText(latestBefore)} was called, but the reads show it came later`,
      );
    }
    if (latest === undefined || operation.call > latest.call) latest = operation;
  }
  return undefined;
}
