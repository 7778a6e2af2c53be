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
export { plantedBugs, type PlantedBug } from "./bugs.ts";
export { runSeed, Tally, type SeedResult } from "./campaign.ts";
export { joinDigests } from "./digest.ts";
export {
  explore,
  tellCounterexample,
  type Counterexample,
  type ExploreOptions,
  type ExploreProgress,
  type ExploreResult,
} from "./explore/explore.ts";
export type { Choice } from "./explore/choice.ts";
export { settingOf, type Setting, type SettingOptions } from "./explore/setting.ts";
export { describeFault } from "./faults.ts";
export { formatPlanFile, parsePlanFile, type PlanFile } from "./plan-file.ts";
export { type Fault, type FaultKind, type Plan } from "./plan.ts";
export { measure, type Measurement } from "./measure.ts";
export { drawPlanReport } from "./report.ts";
export { runPlan, timelineOf, type NodeState, type RunOptions, type RunResult, type SimFailure } from "./run.ts";
export { declaredKinds, type Scenario } from "./scenario.ts";
export { contractFaults, contractScenario, type ContractFault } from "./scenarios/contracts.ts";
export { scenarios } from "./scenarios/index.ts";
export { shrink, type Shrunk } from "./shrink.ts";
export { drawPlan } from "./swarm.ts";
export { Timeline, type MessageKind, type TimelineMoment, type Tone } from "./timeline.ts";
