/**
 * What implies what. Every guarantee stands for the histories it allows; a conjunction for their intersection.
 *
 *     Linearizable ─▶ Sequential ─▶ Causal ─▶ Session ─▶ MonotonicRead, ReadYourWrites, ─▶ Eventual
 *          │                                            MonotonicWrite, WritesFollowReads
 *          └─▶ BoundedStaleness(a) ─▶ BoundedStaleness(b), a ≤ b ─▶ Eventual ◀─ Quorum(R=…)
 *
 * `Session` is the conjunction of the four below it (Terry et al., 1994). `Eventual` is the bottom: every guarantee
 * here comes with convergence, since all engines converge once what divides them is healed.
 */
import {
  plainReads,
  type Contract,
  type PlainRead,
  type ReadGuarantee,
  type ReadName,
  type WriteGuarantee,
} from "./guarantees.ts";

/** What each guarantee implies directly. */
export const covers: Readonly<Record<PlainRead, readonly PlainRead[]>> = {
  Linearizable: ["Sequential"],
  Sequential: ["Causal"],
  Causal: ["Session"],
  Session: ["MonotonicRead", "ReadYourWrites", "MonotonicWrite", "WritesFollowReads"],
  MonotonicRead: ["Eventual"],
  ReadYourWrites: ["Eventual"],
  MonotonicWrite: ["Eventual"],
  WritesFollowReads: ["Eventual"],
  Eventual: [],
};

/** A guarantee's place in the lattice: what implies it, and what it implies, each directly. */
export function neighboursOf(name: ReadName): {
  readonly stronger: readonly ReadName[];
  readonly weaker: readonly ReadName[];
} {
  if (name === "BoundedStaleness") return { stronger: ["Linearizable"], weaker: ["Eventual"] };
  if (name === "Quorum") return { stronger: [], weaker: ["Eventual"] };
  const stronger: ReadName[] = plainReads.filter((other) => covers[other].includes(name));
  if (name === "Eventual") stronger.push("BoundedStaleness", "Quorum");
  return { stronger, weaker: name === "Linearizable" ? [...covers[name], "BoundedStaleness"] : covers[name] };
}

function below(name: PlainRead): PlainRead[] {
  return [name, ...covers[name].flatMap(below)];
}

const closure: ReadonlyMap<PlainRead, ReadonlySet<PlainRead>> = new Map(
  plainReads.map((name) => [name, new Set(below(name))]),
);

/** Whether one guarantee implies the other by itself. */
function impliesAlone(a: ReadGuarantee, b: ReadGuarantee): boolean {
  if (b.guarantee === "Eventual") return true;
  switch (b.guarantee) {
    case "BoundedStaleness":
      // Real-time order is a bound of zero.
      return a.guarantee === "Linearizable" || (a.guarantee === "BoundedStaleness" && a.boundMs <= b.boundMs);
    case "Quorum":
      return a.guarantee === "Quorum" && a.r >= b.r;
    default:
      if (a.guarantee === "BoundedStaleness" || a.guarantee === "Quorum") return false;
      return closure.get(a.guarantee)!.has(b.guarantee);
  }
}

/** Whether the conjunction of `all` implies `one`. */
export function implies(all: readonly ReadGuarantee[], one: ReadGuarantee): boolean {
  if (one.guarantee === "Eventual" || all.some((guarantee) => impliesAlone(guarantee, one))) return true;
  return one.guarantee === "Session" && covers.Session.every((part) => implies(all, { guarantee: part }));
}

/** Strongest first; which of two places in the text came first never matters. */
function rank(guarantee: ReadGuarantee): number {
  if (guarantee.guarantee === "BoundedStaleness") return plainReads.length;
  if (guarantee.guarantee === "Quorum") return plainReads.length + 1;
  return guarantee.guarantee === "Eventual" ? plainReads.length + 2 : plainReads.indexOf(guarantee.guarantee);
}

/** The smallest conjunction with the same meaning, in canonical order. */
export function normalReads(all: readonly ReadGuarantee[]): ReadGuarantee[] {
  const session: ReadGuarantee = { guarantee: "Session" };
  const whole = implies(all, session) ? [...all, session] : all;
  const kept: ReadGuarantee[] = [];
  for (const guarantee of [...whole].sort((a, b) => rank(a) - rank(b) || size(a) - size(b))) {
    if (!implies(kept, guarantee) || (kept.length === 0 && guarantee.guarantee === "Eventual")) kept.push(guarantee);
  }
  return kept.length === 0 ? [{ guarantee: "Eventual" }] : kept;
}

/** Of two with the same name, the stronger one comes first. */
function size(guarantee: ReadGuarantee): number {
  if (guarantee.guarantee === "BoundedStaleness") return guarantee.boundMs;
  return guarantee.guarantee === "Quorum" ? -guarantee.r : 0;
}

/** Everything without a number in it that a conjunction implies, strongest first. */
export function impliedReads(all: readonly ReadGuarantee[]): PlainRead[] {
  return plainReads.filter((guarantee) => implies(all, { guarantee }));
}

/** Guarantees of writes: `Linearizable` implies `Causal` implies `Eventual`; a quorum implies `Eventual` only. */
export function impliesWrite(a: WriteGuarantee, b: WriteGuarantee): boolean {
  if (b.guarantee === "Eventual") return true;
  if (b.guarantee === "Quorum") return a.guarantee === "Quorum" && a.w >= b.w;
  return a.guarantee === "Linearizable" || a.guarantee === b.guarantee;
}

/** Whether every history that the first contract allows is allowed by the second, objectives aside. */
export function refines(a: Contract, b: Contract): boolean {
  return (
    b.reads.every((guarantee) => implies(a.reads, guarantee)) &&
    impliesWrite(a.write, b.write) &&
    (a.partition === b.partition || a.partition === "ConsistencyPreferred")
  );
}
