/**
 * The simulated world: whole nodes with their real log and store, clients, networks, disks and clocks, in one
 * process, in virtual time, from one seed.
 *
 *     scenario + seed ──drawPlan──▶ plan (operations and faults, explicit) ──runPlan──▶ digest, verdict
 *                                     ▲                                        │ fails
 *                                     └───────────────shrink◀──────────────────┘
 *
 * A plan alone decides what happens; a run is a function of it. No sockets, files or real time here.
 */
export { drawPlan } from "./swarm.ts";
export { type Fault, type Plan } from "./plan.ts";
export { runPlan, type RunResult, type SimFailure } from "./run.ts";
export { type Scenario } from "./scenario.ts";
export { scenarios } from "./scenarios/index.ts";
