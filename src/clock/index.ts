/**
 * Clocks that order events: Lamport's (1978), version vectors (Parker et al., 1983), dotted version vectors
 * (Preguiça et al., 2012), and the hybrid logical clock (Kulkarni, Demirbas et al., 2014). And time as an interval that
 * truth lies in (TrueTime: Corbett et al., 2012), with the wait that makes timestamps follow real time.
 * None of them reads a clock itself; time comes in as a `Reading`.
 */
export {
  coveringContext,
  emptySiblings,
  mergeSiblings,
  readSiblings,
  writeSiblings,
  writeVersion,
  type Dot,
  type Siblings,
  type Version,
} from "./dotted.ts";
export { HybridClock, timestampOf, wallOf, type Timestamp } from "./hybrid.ts";
export { commitWaitMs, intervalOf, isAfter, isBefore, type Interval } from "./interval.ts";
export { LamportClock } from "./lamport.ts";
export {
  compareVectors,
  covers,
  emptyVector,
  joinVectors,
  readVector,
  tick,
  writeVector,
  type Actor,
  type Causality,
  type Vector,
} from "./vector.ts";
