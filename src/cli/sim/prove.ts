import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import {
  drawPlan,
  formatPlanFile,
  plantedBugs,
  runPlan,
  scenarios,
  shrink,
  type Plan,
  type PlantedBug,
  type SimFailure,
} from "../../sim/index.ts";
import { print, printJson } from "../output.ts";

export interface Prove {
  /** Seeds that each mistake may take. */
  readonly seeds: number;
  readonly jobs: number;
  /** Their names; undefined: all. */
  readonly only: readonly string[] | undefined;
  /** Directory for the shrunk schedules; undefined: they are not kept. */
  readonly out: string | undefined;
  readonly json: boolean;
}

/** Schedules are to have at most so many events; fewer than `enough` are not worth the wait. */
const asked = 30;
const enough = 24;
/** Some failures need much luck to stay while they shrink: the next seed that fails may need less. */
const mostFailures = 6;
const maxSteps = 4_000_000;

interface Proof {
  readonly bug: PlantedBug;
  /** Seeds tried until it was found; undefined: it was not. */
  readonly seed: number | undefined;
  readonly failure: SimFailure | undefined;
  readonly plan: Plan | undefined;
}

/** Plants each known mistake, looks for it and shrinks what is found; prints the table that the docs keep. The exit code: 1 where one hides, or stays large. */
export async function prove({ seeds, jobs, only, out, json }: Prove): Promise<number> {
  const waiting = plantedBugs.filter(({ name }) => only === undefined || only.includes(name));
  const proofs: Proof[] = [];
  await Promise.all(Array.from({ length: jobs }, () => work(waiting, { seeds, out }, proofs)));
  proofs.sort((a, b) => plantedBugs.indexOf(a.bug) - plantedBugs.indexOf(b.bug));
  if (json)
    printJson(
      proofs.map(({ bug, seed, failure, plan }) => ({
        ...bug,
        seed,
        clause: failure?.clause,
        events: plan && sizeOf(plan),
        nodes: plan?.nodes,
      })),
    );
  else for (const line of tableOf(proofs)) print(line);
  return proofs.every(({ plan }) => plan !== undefined && sizeOf(plan) <= asked) ? 0 : 1;
}

function work(waiting: PlantedBug[], { seeds, out }: Pick<Prove, "seeds" | "out">, proofs: Proof[]): Promise<void> {
  const worker = new Worker(new URL(import.meta.url));
  return new Promise((resolve, reject) => {
    let bug: PlantedBug | undefined;
    const next = (): void => {
      bug = waiting.shift();
      if (bug === undefined) void worker.terminate().then(() => resolve(), reject);
      else worker.postMessage({ bug: bug.name, seeds });
    };
    worker.on("message", (proof: Omit<Proof, "bug">) => {
      if (bug) proofs.push({ bug, ...proof });
      if (bug && out !== undefined) void keep({ bug, ...proof }, out).catch(reject);
      process.stderr.write(
        `${bug?.name}: ${proof.seed === undefined ? "not found" : `seed ${proof.seed}, ${sizeOf(proof.plan)} events`}\n`,
      );
      next();
    });
    worker.on("error", reject);
    next();
  });
}

async function find(name: string, seeds: number): Promise<Omit<Proof, "bug">> {
  const bug = plantedBugs.find((candidate) => candidate.name === name);
  const scenario = scenarios.find((candidate) => candidate.name === bug?.scenario);
  if (bug === undefined || scenario === undefined) throw new Error(`there is no mistake ${name}`);
  const bugs = bug.without === undefined ? [name] : [name, bug.without];
  let best: Omit<Proof, "bug"> = { seed: undefined, failure: undefined, plan: undefined };
  let found = 0;
  for (let seed = 1; seed <= seeds && found < mostFailures; seed++) {
    const plan = drawPlan(scenario, seed, bugs);
    const { failure } = await runPlan(scenario, plan);
    if (!failure) continue;
    found++;
    const small = await shrink(scenario, plan, failure, { enough, maxSteps });
    if (best.plan === undefined || sizeOf(small.plan) < sizeOf(best.plan))
      best = { seed: best.seed ?? seed, failure: small.failure, plan: small.plan };
    if (sizeOf(best.plan) <= asked) break;
  }
  return best;
}

function sizeOf(plan: Plan | undefined): number {
  return plan === undefined ? 0 : plan.faults.length + plan.operations.length;
}

async function keep({ bug, plan, failure }: Proof, out: string): Promise<void> {
  if (!plan || !failure) return;
  await mkdir(out, { recursive: true });
  await writeFile(join(out, `${bug.name}.json`), formatPlanFile({ clause: failure.clause, story: bug.title, plan }));
}

function* tableOf(proofs: readonly Proof[]): Generator<string> {
  yield "| mistake | scenario | seeds needed | what breaks | faults + operations after shrinking | nodes |";
  yield "|---|---|---|---|---|---|";
  for (const { bug, seed, failure, plan } of proofs) {
    const size = plan === undefined ? "" : `${plan.faults.length} + ${plan.operations.length}`;
    yield `| ${bug.title} (\`${bug.name}\`) | ${bug.scenario} | ${seed ?? "not found"} | ${failure?.clause ?? ""} | ${size} | ${plan?.nodes ?? ""} |`;
  }
}

if (!isMainThread) {
  parentPort?.on(
    "message",
    ({ bug, seeds }: { bug: string; seeds: number }) =>
      void find(bug, seeds).then((proof) => parentPort?.postMessage(proof)),
  );
}
