/**
 * Values that merge without coordination (Shapiro et al., "A comprehensive study of convergent and commutative
 * replicated data types", 2011): replicas that have seen the same updates hold the same value, in whatever order,
 * however often. Each merge is commutative, associative and idempotent; the laws are tests.
 *
 * Values and merges only. Nothing here sends, stores or expires anything.
 */
export {
  changeCounter,
  counterValue,
  emptyCounter,
  mergeCounters,
  readCounter,
  writeCounter,
  type PnCounter,
} from "./counter.ts";
export { growCounter, growValue, mergeGrow, type GCounter } from "./grow.ts";
export {
  countKeyed,
  emptyKeyedCounter,
  hasKey,
  keyedValue,
  largestSum,
  mergeKeyed,
  readKeyedCounter,
  settle,
  writeKeyedCounter,
  type Keyed,
  type KeyedCounter,
  type Share,
} from "./keyed-counter.ts";
export { laterStamp, mergeLatest, type Stamp, type Stamped } from "./latest.ts";
export {
  addElement,
  elementsOf,
  emptySet,
  hasElement,
  mergeSets,
  removeElement,
  type ObservedSet,
} from "./observed-set.ts";
export { assignRegister, emptyRegister, mergeRegisters, registerValues, type MultiValue } from "./multi-value.ts";
