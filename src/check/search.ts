import type { Operation } from "../history/index.ts";
import type { Budget } from "./budget.ts";
import { ConfigSet } from "./config-set.ts";
import type { Model } from "./model.ts";
import { createStates } from "./states.ts";
import type { States } from "./states.ts";

/**
 * The general search for a linearization: Wing and Gong's, in Lowe's just-in-time form (Lowe, "Testing for
 * linearizability", 2017), depth first over the events in order of real time.
 *
 *     call of an operation     it becomes pending
 *     return of an operation   it must have taken effect: now, perhaps after some other pending ones
 *
 * What keeps the tree small, none of which loses an order:
 * - a configuration (event, state, which pending operations took effect) is visited once;
 * - a pure operation takes effect at the first moment its result is right;
 * - of pending operations that act alike, the one that returns first goes first;
 * - an operation of unknown outcome is never forced; a configuration that used up more of them, and is equal
 *   otherwise, is not visited;
 * - where the model looks ahead, a state from which the next pure result cannot come is not entered.
 */

export interface SearchDeadEnd {
  /** The last operations that took effect, oldest first. */
  readonly tail: readonly number[];
  /** How many took effect. */
  readonly length: number;
  readonly state: number;
}

export type SearchResult<State> =
  | { readonly found: true; readonly order: readonly number[] }
  | {
      readonly found: false;
      readonly stuck: number;
      readonly deadEnds: readonly SearchDeadEnd[];
      readonly states: States<State>;
    };

const tailLength = 200;
const mostDeadEnds = 4;

/** Whether the operation may, but need not, take effect. */
const isOptional = (operation: Operation): boolean => operation.ret === Infinity;

/** Operations that can matter: those that failed did not happen, and a pure one without a result says nothing. */
export function relevant<State>(model: Model<State>, operations: readonly Operation[]): Operation[] {
  return operations.filter(
    (operation) => operation.outcome !== "fail" && !(isOptional(operation) && model.isPure(operation)),
  );
}

/** Calls (even) and returns (odd) of operations, as `2 * operation + isReturn`, in order of time; calls first where times are equal. */
export function eventOrder(operations: readonly Operation[]): Int32Array {
  const calls = operations.map((_, at) => at);
  const returns = calls.filter((at) => !isOptional(operations[at]!));
  calls.sort((a, b) => operations[a]!.call - operations[b]!.call);
  returns.sort((a, b) => operations[a]!.ret - operations[b]!.ret);
  const events = new Int32Array(calls.length + returns.length);
  let c = 0;
  let r = 0;
  for (let i = 0; i < events.length; i++) {
    const takeCall =
      c < calls.length && (r >= returns.length || operations[calls[c]!]!.call <= operations[returns[r]!]!.ret);
    events[i] = takeCall ? 2 * calls[c++]! : 2 * returns[r++]! + 1;
  }
  return events;
}

/** Gives each operation that returns a slot that no other operation holds while it is pending. */
function assignSlots(
  events: Int32Array,
  operations: readonly Operation[],
): { readonly slotOf: Int32Array; readonly slots: number } {
  const slotOf = new Int32Array(operations.length).fill(-1);
  const free: number[] = [];
  let slots = 0;
  for (const event of events) {
    const operation = event >> 1;
    if (isOptional(operations[operation]!)) continue;
    if (event & 1) free.push(slotOf[operation]!);
    else slotOf[operation] = free.pop() ?? slots++;
  }
  return { slotOf, slots };
}

/**
 * Searches an order of `operations` (see `relevant`) that the model allows and that respects real time.
 * Throws OutOfBudget where the budget ends first.
 */
export function searchOrder<State>(
  model: Model<State>,
  operations: readonly Operation[],
  budget: Budget,
): SearchResult<State> {
  return new Search(model, operations, budget).run();
}

class Search<State> {
  readonly #budget: Budget;
  readonly #states: States<State>;
  readonly #operations: readonly Operation[];
  readonly #model: Model<State>;
  readonly #events: Int32Array;
  readonly #slotOf: Int32Array;
  readonly #pure: Uint8Array;
  readonly #optionalOf: Int32Array;
  readonly #optionalQueues: number[][] = [];
  readonly #slots: number;
  readonly #words: number;

  // The present configuration: event, state, who of the pending ones took effect, how many optional ones were used.
  #at = 0;
  #state: number;
  readonly #slotOperation: Int32Array;
  readonly #done: Int32Array;
  readonly #called: Int32Array;
  readonly #used: Int32Array;
  #resetsDone = 0;
  readonly #order: number[] = [];

  // Frames of the depth-first search, flat: what to restore, and which candidates are left.
  readonly #frames: number[] = [];
  readonly #frameWidth: number;
  readonly #candidates: number[] = [];
  readonly #visited: ConfigSet;
  readonly #row: Int32Array;

  readonly #stamp: Int32Array;
  readonly #stampSlot: Int32Array;
  #stampNow = 0;

  #deepest = -1;
  #deadEnds: SearchDeadEnd[] = [];
  readonly #ahead: Lookahead | undefined;

  constructor(model: Model<State>, operations: readonly Operation[], budget: Budget) {
    this.#model = model;
    this.#operations = operations;
    this.#budget = budget;
    this.#states = createStates(model, operations, budget);
    this.#state = this.#states.initial;
    this.#events = eventOrder(operations);
    const { slotOf, slots } = assignSlots(this.#events, operations);
    this.#slotOf = slotOf;
    this.#slots = slots;
    this.#words = Math.ceil(slots / 32);
    this.#slotOperation = new Int32Array(slots).fill(-1);
    this.#done = new Int32Array(this.#words);
    this.#pure = Uint8Array.from(operations, (operation) => (model.isPure(operation) ? 1 : 0));
    this.#optionalOf = this.#gatherOptional();
    const optionalKinds = this.#optionalQueues.length;
    this.#called = new Int32Array(optionalKinds);
    this.#used = new Int32Array(optionalKinds);
    this.#frameWidth = 7 + this.#words + optionalKinds;
    this.#visited = new ConfigSet(2 + this.#words, optionalKinds, budget);
    this.#row = new Int32Array(2 + this.#words + optionalKinds);
    this.#stamp = new Int32Array(this.#states.kindCount);
    this.#stampSlot = new Int32Array(this.#states.kindCount);
    this.#ahead =
      model.lookahead === undefined
        ? undefined
        : lookaheadOf(operations, this.#events, this.#pure, (operation) => model.lookahead?.resets(operation) ?? false);
    budget.hold(operations.length * 60);
  }

  /** Groups optional operations by kind, each group in order of calls. */
  #gatherOptional(): Int32Array {
    const groups = new Map<number, number>();
    const groupOf = new Int32Array(this.#operations.length).fill(-1);
    for (const event of this.#events) {
      const operation = event >> 1;
      if (!isOptional(this.#operations[operation]!)) continue;
      const kind = this.#states.kinds[operation]!;
      let group = groups.get(kind);
      if (group === undefined) {
        group = this.#optionalQueues.length;
        groups.set(kind, group);
        this.#optionalQueues.push([]);
      }
      this.#optionalQueues[group]!.push(operation);
      groupOf[operation] = group;
    }
    return groupOf;
  }

  run(): SearchResult<State> {
    let owing = this.#advance();
    while (owing >= 0) {
      if (this.#arrive()) this.#open(owing);
      owing = this.#proceed();
      if (owing === -2)
        return {
          found: false,
          stuck: this.#events[this.#deepest]! >> 1,
          deadEnds: this.#deadEnds,
          states: this.#states,
        };
    }
    return { found: true, order: this.#order };
  }

  #isDone(slot: number): boolean {
    return ((this.#done[slot >> 5]! >>> (slot & 31)) & 1) === 1;
  }

  #setDone(operation: number): void {
    const slot = this.#slotOf[operation]!;
    this.#done[slot >> 5]! |= 1 << (slot & 31);
    this.#order.push(operation);
  }

  /** Goes on to the next return of an operation that has not taken effect; returns it, or -1 at the end. */
  #advance(): number {
    const events = this.#events;
    while (this.#at < events.length) {
      const event = events[this.#at]!;
      const operation = event >> 1;
      const optional = this.#optionalOf[operation]!;
      if (optional >= 0) {
        this.#called[optional]!++;
      } else if (event & 1) {
        const slot = this.#slotOf[operation]!;
        if (!this.#isDone(slot)) return operation;
        this.#done[slot >> 5]! &= ~(1 << (slot & 31));
        this.#slotOperation[slot] = -1;
      } else {
        this.#slotOperation[this.#slotOf[operation]!] = operation;
        if (this.#pure[operation] && this.#states.after(this.#state, operation) >= 0) this.#setDone(operation);
      }
      this.#at++;
    }
    return -1;
  }

  /** Goes back to an earlier event. What took effect is restored by the caller. */
  #retreat(to: number): void {
    while (this.#at > to) {
      const event = this.#events[--this.#at]!;
      const operation = event >> 1;
      const optional = this.#optionalOf[operation]!;
      if (optional >= 0) this.#called[optional]!--;
      else this.#slotOperation[this.#slotOf[operation]!] = event & 1 ? operation : -1;
    }
  }

  /** Whether this configuration is new. */
  #arrive(): boolean {
    const row = this.#row;
    row[0] = this.#at;
    row[1] = this.#state;
    row.set(this.#done, 2);
    row.set(this.#used, 2 + this.#words);
    this.#budget.spend(1);
    return this.#visited.add(row);
  }

  /** Opens a frame at the return of `owing`: first the operation itself, the others only when that has failed. */
  #open(owing: number): void {
    const frames = this.#frames;
    frames.push(this.#at, this.#state, this.#order.length, this.#resetsDone, owing, 0, this.#candidates.length);
    for (const word of this.#done) frames.push(word);
    for (const count of this.#used) frames.push(count);
    if (!this.#pure[owing] && this.#states.after(this.#state, owing) >= 0) this.#candidates.push(owing);
    if ((frames.length / this.#frameWidth) % 4096 === 0) this.#budget.hold(4096 * this.#frameWidth * 8);
  }

  /** Tries the next candidate of the innermost frame that has one. Returns the next owing operation, -1 at the end, -2 when all failed. */
  #proceed(): number {
    const frames = this.#frames;
    for (;;) {
      const base = frames.length - this.#frameWidth;
      if (base < 0) return -2;
      const firstCandidate = frames[base + 6]!;
      if (this.#candidates.length === firstCandidate) {
        if (frames[base + 5] === 0) {
          this.#restore(base);
          frames[base + 5] = 1;
          this.#gather(frames[base + 4]!);
          continue;
        }
        this.#restore(base);
        this.#noteDeadEnd();
        frames.length = base;
        continue;
      }
      this.#restore(base);
      const candidate = this.#candidates.pop()!;
      const owing = frames[base + 4]!;
      if (!this.#take(candidate)) continue;
      const slot = this.#slotOf[owing]!;
      return this.#isDone(slot) ? this.#advance() : owing;
    }
  }

  #restore(base: number): void {
    const frames = this.#frames;
    this.#retreat(frames[base]!);
    this.#state = frames[base + 1]!;
    this.#order.length = frames[base + 2]!;
    this.#resetsDone = frames[base + 3]!;
    for (let i = 0; i < this.#words; i++) this.#done[i] = frames[base + 7 + i]!;
    for (let i = 0; i < this.#used.length; i++) this.#used[i] = frames[base + 7 + this.#words + i]!;
  }

  /** Lets a candidate take effect: a pending operation, or -1 - kind for an optional one. False where that leads nowhere. */
  #take(candidate: number): boolean {
    this.#budget.spend(1);
    let operation = candidate;
    if (candidate < 0) {
      const group = -1 - candidate;
      operation = this.#optionalQueues[group]![this.#used[group]!]!;
      this.#used[group]!++;
      this.#state = this.#states.after(this.#state, operation);
      this.#order.push(operation);
    } else {
      this.#state = this.#states.after(this.#state, operation);
      this.#setDone(operation);
    }
    if (this.#ahead?.isReset[operation]) this.#resetsDone++;
    for (let slot = 0; slot < this.#slots; slot++) {
      const pending = this.#slotOperation[slot]!;
      if (pending >= 0 && this.#pure[pending] && !this.#isDone(slot) && this.#states.after(this.#state, pending) >= 0)
        this.#setDone(pending);
    }
    return this.#mayGoOn();
  }

  /** Whether the next pure result to come can still come. */
  #mayGoOn(): boolean {
    const ahead = this.#ahead;
    const { lookahead } = this.#model;
    if (ahead === undefined || lookahead === undefined) return true;
    for (let i = ahead.firstAt[this.#at]!; i < ahead.pureByReturn.length; i++) {
      const operation: number = ahead.pureByReturn[i]!;
      const slot = this.#slotOf[operation]!;
      if (this.#slotOperation[slot] === operation && this.#isDone(slot)) continue;
      if (ahead.resetsBefore[i]! > this.#resetsDone) return true;
      return lookahead.mayReach(this.#states.state(this.#state), this.#operations[operation]!);
    }
    return true;
  }

  /** Candidates besides the owing operation: last in the list is tried first. */
  #gather(owing: number): void {
    const { kinds } = this.#states;
    const start = this.#candidates.length;
    const stamp = ++this.#stampNow;
    const mark = (operation: number, slot: number): void => {
      const kind = kinds[operation]!;
      this.#stamp[kind] = stamp;
      this.#stampSlot[kind] = slot;
    };
    mark(owing, -1);
    for (let slot = 0; slot < this.#slots; slot++) {
      const operation = this.#slotOperation[slot]!;
      if (operation < 0 || operation === owing || this.#pure[operation] || this.#isDone(slot)) continue;
      const kind = kinds[operation]!;
      if (this.#stamp[kind] !== stamp) mark(operation, slot);
      else if (this.#stampSlot[kind]! >= 0) {
        const rival = this.#slotOperation[this.#stampSlot[kind]!]!;
        if (this.#operations[operation]!.ret < this.#operations[rival]!.ret) this.#stampSlot[kind] = slot;
      }
    }
    for (const [group, queue] of this.#optionalQueues.entries()) {
      const operation = queue[0]!;
      if (this.#used[group]! >= this.#called[group]! || this.#stamp[kinds[operation]!] === stamp) continue;
      const next = this.#states.after(this.#state, operation);
      if (next >= 0 && next !== this.#state) this.#candidates.push(-1 - group);
    }
    for (let slot = 0; slot < this.#slots; slot++) {
      const operation = this.#slotOperation[slot]!;
      if (operation < 0 || operation === owing || this.#pure[operation] || this.#isDone(slot)) continue;
      if (this.#stampSlot[kinds[operation]!] !== slot || this.#stamp[kinds[operation]!] !== stamp) continue;
      if (this.#states.after(this.#state, operation) >= 0) this.#candidates.push(operation);
    }
    this.#rank(start, owing);
  }

  /** Those after which the owing operation fits come last, and so are tried first; else those that return first. */
  #rank(start: number, owing: number): void {
    const fits = (candidate: number): number => {
      const operation = candidate < 0 ? this.#optionalQueues[-1 - candidate]![0]! : candidate;
      return this.#states.after(this.#states.after(this.#state, operation), owing) >= 0 ? 1 : 0;
    };
    const due = (candidate: number): number => (candidate < 0 ? Infinity : this.#operations[candidate]!.ret);
    const ranked = this.#candidates
      .splice(start)
      .map((candidate) => ({ candidate, fits: fits(candidate), due: due(candidate) }));
    ranked.sort((a, b) => a.fits - b.fits || (a.due === b.due ? b.candidate - a.candidate : b.due - a.due));
    for (const { candidate } of ranked) this.#candidates.push(candidate);
  }

  #noteDeadEnd(): void {
    if (this.#at < this.#deepest) return;
    if (this.#at > this.#deepest) this.#deadEnds = [];
    this.#deepest = this.#at;
    if (this.#deadEnds.length >= mostDeadEnds || this.#deadEnds.some(({ state }) => state === this.#state)) return;
    this.#deadEnds.push({ tail: this.#order.slice(-tailLength), length: this.#order.length, state: this.#state });
  }
}

/** For each event, which pure results are still to come, and how many resets were called by then. */
interface Lookahead {
  readonly pureByReturn: readonly number[];
  /** Place in `pureByReturn` of the first that returns at or after an event. */
  readonly firstAt: Int32Array;
  readonly resetsBefore: Int32Array;
  readonly isReset: Uint8Array;
}

function lookaheadOf(
  operations: readonly Operation[],
  events: Int32Array,
  pure: Uint8Array,
  resets: (operation: Operation) => boolean,
): Lookahead {
  const isReset = Uint8Array.from(operations, (operation) => (resets(operation) ? 1 : 0));
  const pureByReturn: number[] = [];
  const resetsBefore: number[] = [];
  const firstAt = new Int32Array(events.length + 1);
  let resetCalls = 0;
  for (let at = 0; at < events.length; at++) {
    firstAt[at] = pureByReturn.length;
    const operation = events[at]! >> 1;
    if ((events[at]! & 1) === 0) resetCalls += isReset[operation]!;
    else if (pure[operation]) {
      pureByReturn.push(operation);
      resetsBefore.push(resetCalls);
    }
  }
  firstAt[events.length] = pureByReturn.length;
  return { pureByReturn, firstAt, resetsBefore: Int32Array.from(resetsBefore), isReset };
}
