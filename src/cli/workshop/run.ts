/** `cohort workshop`: the three failures, one after the other, on one cluster; what came of each. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeId } from "../../base/index.ts";
import { CohortError, type Client } from "../../client/index.ts";
import { writeHistory } from "../../history/index.ts";
import { CommandError, makeDirectory, print, printJson, writeOutput } from "../output.ts";
import { failures, runFailure, type Course, type EngineLoad, type Failure } from "./failures.ts";
import { bucketMs, reportOf, type EngineReport } from "./judge.ts";
import { clientsOf, Load, type Engine, type Place } from "./load.ts";
import { nodes, OwnCluster } from "./own-cluster.ts";
import { workshopPage } from "./page.ts";
import { failureText, summaryText } from "./text.ts";

export interface WorkshopOptions {
  readonly engines: readonly Engine[];
  /** How long a failure lasts; `downtimeMs`: that of the replica that is away for long. */
  readonly faultMs: number;
  readonly downtimeMs: number;
  readonly json: boolean;
  readonly html: string | undefined;
  /** A directory for the histories. */
  readonly history: string | undefined;
}

/** Times are milliseconds from the beginning of the failure's load. */
export interface FailureReport {
  readonly name: Failure["name"];
  readonly title: string;
  readonly node: NodeId;
  readonly evidence: string;
  readonly hurtMs: number;
  readonly healedMs: number;
  readonly endedMs: number;
  readonly bucketMs: number;
  readonly engines: readonly EngineReport[];
}

export interface WorkshopReport {
  readonly verdict: "holds" | "broken" | "undecided";
  readonly failures: readonly FailureReport[];
}

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const steadyTimeoutMs = 30_000;
const merges = "ReadConsistency: Eventual\nWriteConsistency: Eventual\nPartitionBehavior: AvailabilityPreferred";

/** Resolves to the exit code: 1 where something that was promised is not kept, or not known to be. */
export async function runWorkshop(options: WorkshopOptions): Promise<number> {
  const say = (text: string): void => void (options.json || process.stderr.write(`${text}\n`));
  prepareFiles(options);
  say("starting three nodes");
  const cluster = await OwnCluster.start();
  const interruption = new AbortController();
  const onSignal = (): void => interruption.abort();
  for (const signal of stopSignals) process.on(signal, onSignal);
  try {
    const report = await runAll(options, cluster, say, interruption.signal);
    if (options.html !== undefined) writeOutput(options.html, workshopPage(report));
    if (options.json) printJson(report);
    else print(summaryText(report, options));
    return report.verdict === "holds" ? 0 : 1;
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    throw new CommandError("interrupted before it was done", undefined, { cause: error });
  } finally {
    for (const signal of stopSignals) process.off(signal, onSignal);
    await cluster.stop();
  }
}

/** What cannot be written is said before everything else, not after it. */
function prepareFiles({ html, history }: WorkshopOptions): void {
  if (html !== undefined) writeOutput(html, "");
  if (history !== undefined) makeDirectory(history);
}

async function runAll(
  options: WorkshopOptions,
  cluster: OwnCluster,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<WorkshopReport> {
  const clients = clientsOf(cluster);
  try {
    const reports: FailureReport[] = [];
    await makeKeyspaces(clients.get(1)!, options.engines);
    for (const failure of failures) {
      await steady(clients, cluster, options.engines);
      const lastsMs = failure.missesMuch ? options.downtimeMs : options.faultMs;
      say(`${failure.name}: for ${lastsMs / 1000} s`);
      const loads = options.engines.map((engine) => loadOn(engine, failure, clients, cluster));
      const course = await runFailure(failure, lastsMs, cluster, loads, signal);
      if (options.history !== undefined) writeHistories(options.history, failure, loads);
      const report = reportFailure(failure, course, loads);
      if (!options.json) print(failureText(report));
      reports.push(report);
    }
    return { verdict: verdictOf(reports), failures: reports };
  } finally {
    await Promise.all(Array.from(clients.values(), async (client) => client.close()));
  }
}

const counterOf = (failure: Failure): string => `votes-${failure.name}`;

function loadOn(
  engine: Engine,
  failure: Failure,
  clients: ReadonlyMap<NodeId, Client>,
  cluster: OwnCluster,
): EngineLoad {
  const counter = engine === "raft" ? `log-${counterOf(failure)}` : counterOf(failure);
  const place: Place = { engine, keyspace: engine, counter, prefix: `${failure.name}/` };
  return { engine, load: new Load(place, clients, cluster), rings: engine === "raft" ? [] : [engine, counter] };
}

/** For the keys of each engine one keyspace; for counters that merge one each. */
async function makeKeyspaces(client: Client, engines: readonly Engine[]): Promise<void> {
  for (const engine of engines) {
    await client.createKeyspace({ name: engine, engine, contract: "linearizable", replicas: nodes.length });
    if (engine === "raft") continue;
    for (const failure of failures)
      await client.createKeyspace({ name: counterOf(failure), engine, contract: merges, replicas: nodes.length });
  }
}

/** Every node takes writes of every engine again. */
async function steady(
  clients: ReadonlyMap<NodeId, Client>,
  cluster: OwnCluster,
  engines: readonly Engine[],
): Promise<void> {
  const deadline = performance.now() + steadyTimeoutMs;
  for (const [node, client] of clients) {
    for (const keyspace of engines) {
      for (;;) {
        try {
          await client.put("steady", String(node), { keyspace, prefer: cluster.native(node), timeoutMs: 2000 });
          break;
        } catch (error) {
          if (!(error instanceof CohortError) || performance.now() > deadline) throw error;
          await sleep(50);
        }
      }
    }
  }
}

function reportFailure(failure: Failure, course: Course, loads: readonly EngineLoad[]): FailureReport {
  const { beganMs, node, evidence } = course;
  return {
    name: failure.name,
    title: failure.title,
    node,
    evidence,
    hurtMs: Math.round(course.hurtMs - beganMs),
    healedMs: Math.round(course.healedMs - beganMs),
    endedMs: Math.round(course.endedMs - beganMs),
    bucketMs,
    engines: loads.map(({ engine, load }) => reportOf(engine, load, course)),
  };
}

function verdictOf(reports: readonly FailureReport[]): WorkshopReport["verdict"] {
  const all = reports.flatMap(({ engines }) => engines);
  const verdicts = all.flatMap(({ consistency }) => consistency.map(({ verdict }) => verdict));
  if (verdicts.includes("broken")) return "broken";
  const unknown = verdicts.includes("undecided") || all.some(({ recovery }) => recovery.caughtUpMs === undefined);
  return unknown ? "undecided" : "holds";
}

function writeHistories(directory: string, failure: Failure, loads: readonly EngineLoad[]): void {
  for (const { engine, load } of loads) {
    for (const subject of ["keys", "counter"] as const) {
      const lines = [...writeHistory(load.history(subject), "json")];
      writeFileSync(join(directory, `${failure.name}-${engine}-${subject}.jsonl`), `${lines.join("\n")}\n`);
    }
  }
}
