/** Campaigns over threads: seeds are handed out in small shares, results come back one by one. */
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { runSeed, type Scenario, type SeedResult } from "../../sim/index.ts";

interface Share {
  /** Whole, since it may be one that has no name here. */
  readonly scenario: Scenario;
  readonly seeds: readonly number[];
  readonly bugs: readonly string[];
}

/** How many seeds a command runs, and where what it finds goes. */
export interface CampaignSettings {
  readonly seeds: number;
  readonly firstSeed: number;
  readonly jobs: number;
  readonly bugs: readonly string[];
  /** Directory for the files of failures. */
  readonly out: string;
  readonly json: boolean;
}

interface CampaignOptions extends Omit<CampaignSettings, "out" | "json"> {
  readonly scenarios: readonly Scenario[];
  readonly onResult: (result: SeedResult) => void;
  /** Asked before each share: whether the scenario need not go on. */
  readonly isSettled: (scenario: Scenario) => boolean;
}

/** Seeds in one share: few enough that threads end together, enough that messages cost nothing. */
const shareSize = 5;

/** Runs every seed of every scenario; all results have been told when it resolves. */
export async function runCampaign(options: CampaignOptions): Promise<void> {
  const shares = sharesOf(options);
  if (options.jobs <= 1) return runHere(shares, options);
  await Promise.all(Array.from({ length: options.jobs }, () => runThread(shares, options.onResult)));
}

function* sharesOf({ scenarios: chosen, firstSeed, seeds, bugs, isSettled }: CampaignOptions): Generator<Share> {
  for (const scenario of chosen) {
    for (let from = 0; from < seeds; from += shareSize) {
      if (isSettled(scenario)) break;
      const count = Math.min(shareSize, seeds - from);
      yield { scenario, seeds: Array.from({ length: count }, (_, i) => firstSeed + from + i), bugs };
    }
  }
}

async function runHere(shares: Iterable<Share>, { onResult }: CampaignOptions): Promise<void> {
  for (const share of shares) {
    for (const result of await resultsOf(share)) onResult(result);
    // Lets signals and the progress line have their turn.
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

function runThread(shares: Generator<Share>, onResult: (result: SeedResult) => void): Promise<void> {
  const worker = new Worker(new URL(import.meta.url));
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const share = shares.next();
      if (share.done === true) void worker.terminate().then(() => resolve(), reject);
      else worker.postMessage(share.value);
    };
    worker.on("message", (message: readonly SeedResult[]) => {
      for (const result of message) onResult(result);
      next();
    });
    worker.on("error", reject);
    next();
  });
}

async function resultsOf({ scenario, seeds, bugs }: Share): Promise<SeedResult[]> {
  const results: SeedResult[] = [];
  for (const seed of seeds) results.push(await runSeed(scenario, seed, bugs));
  return results;
}

if (!isMainThread)
  parentPort?.on(
    "message",
    (share: Share) => void resultsOf(share).then((results) => parentPort?.postMessage(results)),
  );
