/**
 * Clocks that order events. Here: the hybrid logical clock (Kulkarni, Demirbas et al., "Logical Physical
 * Clocks", 2014). It reads no clock itself; time comes in as a `Reading`.
 */
export { HybridClock, timestampOf, wallOf, type Timestamp } from "./hybrid.ts";
