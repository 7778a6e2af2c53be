/**
 * Predictions: what a contract costs before anything runs.
 *
 *     topology (a small file) ─┐
 *     contract ────────────────┴─▶ priceOf ─▶ latency, staleness, availability, risk of the objectives
 *
 * and the models beneath, each a pure function with its source: closed forms where there are any, else Monte Carlo with
 * random numbers that are passed in. Nothing here measures, draws pictures or knows where a topology's file is.
 */
export * from "./availability.ts";
export * from "./balance.ts";
export * from "./delay.ts";
export * from "./distributions.ts";
export * from "./domains.ts";
export * from "./gossip.ts";
export * from "./pbs.ts";
export * from "./price.ts";
export * from "./raft-path.ts";
export * from "./reliability.ts";
export * from "./sla.ts";
export * from "./statistics.ts";
export * from "./topology.ts";
