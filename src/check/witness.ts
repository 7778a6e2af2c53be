import type { Operation } from "../history/index.ts";
import { valueText } from "../history/index.ts";
import { OutOfBudget } from "./budget.ts";
import type { Budget } from "./budget.ts";
import type { Model } from "./model.ts";
import { relevant, searchOrder } from "./search.ts";
import type { SearchResult } from "./search.ts";
import { broken, operationText, show } from "./verdict.ts";
import type { Broken, DeadEnd, Shown } from "./verdict.ts";

/** Steps for making a witness small. What is left when they end is still a witness. */
const shrinkSteps = 60_000;
/** A witness shows at most so many of the operations before the stuck one. */
const mostShown = 40;
const mostContext = 120;

type Stuck<State> = Extract<SearchResult<State>, { found: false }>;

/** The history up to the moment the search got stuck: what was open then is of unknown outcome, its result still known. */
function truncate(operations: readonly Operation[], stuck: Operation): Operation[] {
  return operations
    .filter(({ call }) => call < stuck.ret)
    .map((operation) => (operation.ret > stuck.ret ? { ...operation, ret: Infinity } : operation));
}

/** Sets of operations each of which may be left out without making a legal order illegal. */
function removable<State>(model: Model<State>, operations: readonly Operation[]): Set<Operation>[] {
  const registers = operations.every((operation) => model.access?.(operation) !== undefined);
  const subjects = operations.map((operation) => {
    const touched = registers ? model.access?.(operation) : undefined;
    if (touched === undefined) return model.subjects(operation);
    return touched.kind === "cas" ? [touched.from, touched.to] : [touched.value];
  });
  const pure = operations.filter((operation) => model.isPure(operation));
  const groups: Set<Operation>[] = [];
  if (subjects.every((list) => list !== undefined)) {
    const leader = new Map<unknown, unknown>();
    const find = (subject: unknown): unknown => {
      let root = subject;
      while (leader.has(root) && leader.get(root) !== root) root = leader.get(root);
      return root;
    };
    for (const list of subjects) {
      for (const subject of list ?? []) leader.set(find(subject), find(list?.[0]));
    }
    const byLeader = new Map<unknown, Set<Operation>>();
    for (const [at, list] of subjects.entries()) {
      if (list === undefined || list.length === 0) continue;
      const root = find(list[0]);
      const group = byLeader.get(root) ?? new Set<Operation>();
      group.add(operations[at]!);
      byLeader.set(root, group);
    }
    groups.push(...byLeader.values());
  }
  return [...groups, ...pure.map((operation) => new Set([operation]))];
}

interface Shrunk<State> {
  /** The model, which may begin in a later state. */
  readonly model: Model<State>;
  readonly operations: readonly Operation[];
  readonly result: Stuck<State>;
}

/** At most so many places to begin a witness at are tried. */
const mostBeginnings = 12;

/**
 * Beginnings later than the first: a pure operation that tells the whole state, while nothing that changes it
 * was under way. What returned before it is done with; what is of unknown outcome may still come.
 */
function* laterBeginnings<State>(
  model: Model<State>,
  operations: readonly Operation[],
): Generator<{ readonly model: Model<State>; readonly operations: Operation[] }> {
  if (model.reveals === undefined) return;
  const inOrder = [...operations].sort((a, b) => b.call - a.call);
  let tried = 0;
  for (const read of inOrder) {
    const initial = model.reveals(read);
    if (initial === undefined || read.ret === Infinity) continue;
    const underWay = operations.some(
      (other) => other.ret !== Infinity && !model.isPure(other) && other.call < read.ret && other.ret > read.call,
    );
    if (underWay) continue;
    const left = operations.filter((other) => other.call > read.ret || other.ret === Infinity);
    yield { model: { ...model, initial }, operations: [read, ...left.filter((other) => other !== read)] };
    if (++tried >= mostBeginnings) return;
  }
}

/** Delta debugging (Zeller and Hildebrandt): leaves out halves, then smaller parts, as long as no order comes back. */
function shrink<State>(
  whole: Model<State>,
  operations: readonly Operation[],
  first: Stuck<State>,
  budget: Budget,
): Shrunk<State> {
  let model = whole;
  let beginning: Operation | undefined;
  let kept = relevant(model, truncate(operations, operations[first.stuck]!));
  let result = first;
  const retry = (candidate: readonly Operation[]): boolean => {
    budget.spend(candidate.length);
    const again = searchOrder(model, candidate, budget);
    if (again.found) return false;
    kept = [...candidate];
    result = again;
    return true;
  };
  // A search that looks ahead stops before the operation that shows the contradiction: find the shortest prefix.
  const retryPrefixes = (): boolean => {
    const returns = operations.filter(({ ret }) => ret !== Infinity).sort((a, b) => a.ret - b.ret);
    let low = 0;
    let high = returns.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (retry(relevant(model, truncate(operations, returns[middle]!)))) high = middle;
      else low = middle + 1;
    }
    return low < returns.length && retry(relevant(model, truncate(operations, returns[low]!)));
  };
  try {
    if (!retry(kept) && !retryPrefixes()) return plainly(model, operations, first, budget);
    for (const later of laterBeginnings(whole, kept)) {
      model = later.model;
      if (retry(later.operations)) {
        beginning = later.operations[0];
        break;
      }
      model = whole;
    }
    for (let round = 0; round < 8; round++) {
      const before = kept.length;
      const groups = removable(model, kept).filter((group) => beginning === undefined || !group.has(beginning));
      for (let size = Math.max(1, Math.ceil(groups.length / 2)); ; size = Math.ceil(size / 2)) {
        for (let at = 0; at < groups.length; at += size) {
          const out = new Set(groups.slice(at, at + size).flatMap((group) => [...group]));
          const candidate = kept.filter((operation) => !out.has(operation));
          if (candidate.length < kept.length && candidate.length > 0 && retry(candidate)) {
            const stuck = kept[result.stuck]!;
            const shorter = relevant(model, truncate(kept, stuck));
            if (shorter.length < kept.length) retry(shorter);
          }
        }
        if (size === 1) break;
      }
      if (kept.length === before) break;
    }
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error;
  }
  return plainly(model, result === first ? operations : kept, result, budget);
}

/** Searches once more without looking ahead, so that the stuck operation is the one whose result is impossible. */
function plainly<State>(
  model: Model<State>,
  operations: readonly Operation[],
  result: Stuck<State>,
  budget: Budget,
): Shrunk<State> {
  if (model.lookahead === undefined) return { model, operations, result };
  const { lookahead: _, ...plain } = model;
  try {
    const again = searchOrder<State>(plain, operations, budget);
    if (!again.found) return { model, operations, result: again };
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error;
  }
  return { model, operations, result };
}

function reasonOf<State>(model: Model<State>, state: State, stuck: Operation): string {
  const held = model.show(state);
  if (model.isPure(stuck)) return `it answered ${valueText(stuck.output)}, but the ${model.name} then holds ${held}`;
  return `${operationText(stuck)} is not possible when the ${model.name} holds ${held}`;
}

/** Operations around a moment, at most `most`, in order of calls. */
export function around(operations: readonly Operation[], centre: number, most = mostContext): Operation[] {
  if (operations.length <= most) return [...operations];
  const distance = ({ call, ret }: Operation): number => (call > centre ? call - centre : Math.max(0, centre - ret));
  const near = operations.map((operation) => ({ operation, far: distance(operation) }));
  near.sort((a, b) => a.far - b.far || b.operation.call - a.operation.call);
  return near
    .slice(0, most)
    .map(({ operation }) => operation)
    .sort((a, b) => a.call - b.call);
}

/**
 * The verdict for operations that have no order: made as small as the budget allows, and told in words.
 * `whole` is where the picture takes its neighbourhood from.
 */
export function orderVerdict<State>(
  model: Model<State>,
  operations: readonly Operation[],
  result: Stuck<State>,
  property: string,
  whole: readonly Operation[],
  budget: Budget,
): Broken {
  const small = shrink(model, operations, result, budget.part(shrinkSteps));
  const stuck = small.operations[small.result.stuck]!;
  const tails = small.result.deadEnds.map(({ tail }) => tail);
  const shownSet = new Set<Operation>([stuck]);
  for (const tail of tails) for (const at of tail.slice(-mostShown)) shownSet.add(small.operations[at]!);
  const ordered =
    small.operations.length <= mostShown
      ? [...small.operations]
      : small.operations.filter((operation) => shownSet.has(operation));
  ordered.sort((a, b) => a.call - b.call);
  const place = new Map(ordered.map((operation, at) => [operation, at]));
  const deadEnds = small.result.deadEnds.map(({ tail, state, length }): DeadEnd => {
    const order = tail.map((at) => place.get(small.operations[at]!)).filter((at) => at !== undefined);
    const left = length - order.length;
    const before = left > 0 ? `after ${left} earlier operations and the order shown, ` : "";
    return {
      order,
      state: model.show(small.result.states.state(state)),
      reason: before + reasonOf(model, small.result.states.state(state), stuck),
    };
  });
  const shown: Shown[] = ordered.map(show);
  const count = small.operations.length;
  const begin =
    small.model === model
      ? ""
      : ` (from line ${ordered[0]?.line} on, when the ${model.name} held ${model.show(small.model.initial)})`;
  return broken({
    kind: "order",
    anomaly: `not ${property}`,
    summary: `${count === 1 ? "one operation has" : `${count} operations have`} no order${begin}: ${operationText(stuck)} of process ${stuck.process} had to take effect before line ${stuck.retLine ?? stuck.line}, and could not`,
    key: stuck.key === undefined ? undefined : valueText(stuck.key),
    operations: shown,
    stuck: place.get(stuck) ?? 0,
    deadEnds,
    context: around(whole, stuck.ret).map(show),
  });
}
