/** `cohort up`: a whole cluster on this machine, until Ctrl-C. */
import { limits } from "../../store/index.ts";
import { CommandError, UsageError } from "../output.ts";
import { consolePort, maxNodes, portBase, portsOf } from "../ports.ts";
import { version } from "../version.ts";
import { consoleFiles } from "./console-files.ts";
import type { Control } from "./control.ts";
import { checkPorts } from "./free-ports.ts";
import { claimDirectory, emptyDirectory, openHome, type Home } from "./home.ts";
import { lockDirectory, type Lock } from "./lock.ts";
import { humanReporter, jsonReporter, type Reporter } from "./reporter.ts";
import { createSharded } from "./sharded.ts";
import { Supervisor } from "./supervisor.ts";

export interface UpOptions {
  /** Undefined: as many as there are, or 3. */
  readonly nodes: number | undefined;
  /** Of the keyspace that a new cluster begins with; below 2: without it. */
  readonly shards: number;
  readonly data: string;
  readonly fresh: boolean;
  readonly json: boolean;
}

const slowAfterMs = 5000;

/** Resolves to the exit code once everything has stopped. */
export async function runUp(options: UpOptions): Promise<number> {
  const base = portBase();
  const report = options.json ? jsonReporter(base) : humanReporter(base);
  if (
    options.nodes !== undefined &&
    (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > maxNodes)
  ) {
    throw new UsageError(`--nodes is ${options.nodes}; it has to be from 1 to ${maxNodes}`);
  }
  if (!Number.isInteger(options.shards) || options.shards < 0 || options.shards > limits.shards)
    throw new UsageError(`--shards is ${options.shards}; it has to be from 0 to ${limits.shards}`);
  const directory = claimDirectory(options.data);
  const lock = await lockDirectory(directory, (pids) => report({ event: "waiting", pids }));
  try {
    if (options.fresh) emptyDirectory(directory);
    const home = openHome(directory, options.nodes);
    await checkPorts(portsIn(home, base));
    report({ event: "starting", home, version });
    return await run(home, base, options.shards, lock, report);
  } finally {
    lock.release();
  }
}

async function run(home: Home, base: number, shards: number, lock: Lock, report: Reporter): Promise<number> {
  let control: Control | undefined = undefined;
  const files = consoleFiles();
  const prepareConsole = once(() => files.prepare((why) => report({ event: "consoleFailed", why })));
  const prepareShards = once(() => {
    if (home.created && shards > 1) void createSharded(base, shards, (why) => report({ event: "shardsFailed", why }));
  });
  const hopeless = Promise.withResolvers<"failed">();
  const supervisor = new Supervisor(
    home,
    base,
    (event) => {
      report(event);
      control?.tell(event);
      if (event.event === "ready") {
        prepareConsole();
        prepareShards();
      }
      if (
        event.event === "node" &&
        event.is.type === "exited" &&
        supervisor.processes.every(({ state }) => state === "failed")
      )
        hopeless.resolve("failed");
    },
    (pids) => lock.update(pids),
  );
  let signals = 0;
  const signalled = new Promise<"stop">((resolve) => {
    const onSignal = (): void => {
      signals++;
      if (signals === 1) resolve("stop");
      else supervisor.forceStop();
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  });
  supervisor.start();
  const slow = setInterval(() => reportSlow(supervisor, report), slowAfterMs);
  const patience = setTimeout(prepareConsole, slowAfterMs);
  try {
    // The nodes take longer to start than this takes to load, so it costs nothing here.
    const { openControl } = await import("./control.ts");
    control = await openControl(supervisor, home, base, consolePort(base), files);
    const why = await Promise.race([signalled, hopeless.promise]);
    if (why === "stop") report({ event: "stopping" });
    files.stop();
    await control.close();
    if (why === "failed") {
      throw new CommandError("no node can run", `The logs say more: node-*/node.log in ${home.directory}.`);
    }
  } finally {
    clearInterval(slow);
    clearTimeout(patience);
    await supervisor.stop();
  }
  report({ event: "stopped" });
  return 0;
}

/** The build of the console waits until the nodes are ready, or take long. */
function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}

function reportSlow(supervisor: Supervisor, report: Reporter): void {
  const waitingFor = supervisor.processes
    .filter(({ state }) => state === "starting" || state === "recovered")
    .map(({ node, state }) => {
      return state === "starting" ? `node ${node} is still recovering` : `node ${node} finds no leader yet`;
    });
  if (waitingFor.length > 0) report({ event: "slow", waitingFor });
}

function portsIn(home: Home, base: number): { port: number; use: string }[] {
  const ofNodes = Array.from({ length: home.nodes }, (_, i) => {
    const node = i + 1;
    const { http, peer, native } = portsOf(base, node);
    return [
      { port: http, use: `HTTP of node ${node}` },
      { port: peer, use: `peers of node ${node}` },
      { port: native, use: `native clients of node ${node}` },
    ];
  });
  return [{ port: consolePort(base), use: "console" }, ...ofNodes.flat()];
}
