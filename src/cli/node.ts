/** `cohort node`: one node in this process, on its own or as a child of `cohort up`. */
import { setTimeout as sleep } from "node:timers/promises";
import { pino, destination } from "pino";
import { FaultBook, openApi, parseFault, unreadiness, type FaultRequest, type InjectFault } from "../api/index.ts";
import { CohortError, fail } from "../contract/index.ts";
import { openHost, StartupError, type Host, type HostConfig } from "../host/index.ts";
import type { ToNode, ToSupervisor } from "./ipc.ts";
import { readNodeConfig } from "./node-config.ts";
import { UsageError } from "./output.ts";
import { trimMemory } from "./trim-memory.ts";
import { version } from "./version.ts";

const readyPollMs = 20;
const stopTimeoutMs = 8000;
const supervisorTimeoutMs = 5000;

/** Runs until it is told to stop. Resolves to the exit code. */
export async function runNode(configFile: string, rejoin: boolean): Promise<number> {
  const supervised = process.send !== undefined;
  const tell = (message: ToSupervisor): void => void (supervised && process.connected && process.send?.(message));
  const output = destination({ fd: 1, sync: true });
  if (supervised) ignoreBrokenPipes(output);
  let config: HostConfig;
  try {
    config = readNodeConfig(configFile);
  } catch (error) {
    tell({
      type: "failed",
      detail: error instanceof Error ? error.message : String(error),
      advice: undefined,
      permanent: true,
    });
    throw error;
  }
  const logger = pino({ level: config.logLevel, base: { node: config.nodeId } }, output);
  process.on("uncaughtException", (error) => {
    logger.fatal({ err: error }, error.message);
    process.exit(1);
  });
  const stopping = stopSignal(supervised);
  try {
    const host = await openHost(config, logger, { version, rejoin });
    const injectFault = config.allowFaults ? injector(host, supervised, tell) : undefined;
    const sessionSecret = process.env["COHORT_SESSION_SECRET"];
    const api = await openApi(host, { logger, version, injectFault, sessionSecret });
    trimMemory();
    tell({ type: "recovered" });
    reportLeadership(host, tell);
    const stop = new AbortController();
    void reportReadiness(host, tell, stop.signal);
    const reason = await stopping;
    stop.abort();
    logger.info({ reason }, "stopping");
    const deadline = setTimeout(() => {
      logger.error({}, "did not stop in time");
      process.exit(1);
    }, stopTimeoutMs);
    // Together: requests that are under way are answered by the closing host.
    await Promise.all([api.close(), host.close()]);
    clearTimeout(deadline);
    logger.info({}, "stopped");
    return 0;
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    logger.fatal({ code: error.code }, error.message);
    // What holds a port or a directory may let go of it; the rest stays wrong until someone acts.
    const permanent = error.code !== "address-in-use" && error.code !== "data-directory-in-use";
    tell({ type: "failed", detail: error.message, advice: error.advice, permanent });
    if (error.code === "bad-configuration") throw new UsageError(error.message);
    return 1;
  } finally {
    if (supervised && process.connected) process.disconnect();
  }
}

/** The supervisor reads what we say; when it dies, we stop cleanly and need no reader for that. */
function ignoreBrokenPipes(output: {
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
}): void {
  const ignore = (error: NodeJS.ErrnoException): void => {
    if (error.code !== "EPIPE") throw error;
  };
  output.on("error", ignore);
  process.stderr.on("error", ignore);
}

/** Resolves to why we should stop. A supervised node leaves Ctrl-C, which reaches it too, to its supervisor. */
async function stopSignal(supervised: boolean): Promise<string> {
  return new Promise((resolve) => {
    process.on("SIGTERM", () => resolve("SIGTERM"));
    process.on("SIGINT", () => {
      if (!supervised) resolve("SIGINT");
    });
    if (!supervised) return;
    process.on("SIGHUP", () => undefined);
    process.on("disconnect", () => resolve("the supervisor is gone"));
    process.on("message", (message: ToNode) => {
      if (message.type === "stop") resolve("the supervisor asked for it");
    });
  });
}

function reportLeadership(host: Host, tell: (message: ToSupervisor) => void): void {
  const report = (): void => {
    const group = host.status().groups[0];
    if (group !== undefined) tell({ type: "leadership", leader: group.leader, term: group.term });
  };
  host.onFact((fact) => {
    // The status follows the fact by the end of the turn.
    if (fact.type === "raft" && fact.fact.type === "roleChanged") setImmediate(report);
  });
  report();
}

async function reportReadiness(host: Host, tell: (message: ToSupervisor) => void, stop: AbortSignal): Promise<void> {
  while ((await unreadiness(host)).length > 0) {
    if (stop.aborted) return;
    await sleep(readyPollMs);
  }
  tell({ type: "ready" });
}

/** With a supervisor, faults are its business; without one, this node can only hurt its own links. */
function injector(host: Host, supervised: boolean, tell: (message: ToSupervisor) => void): InjectFault {
  return supervised ? throughSupervisor(host, tell) : onOwnLinks(host);
}

function throughSupervisor(host: Host, tell: (message: ToSupervisor) => void): InjectFault {
  const waiting = new Map<number, (answer: ToNode & { type: "faultDone" }) => void>();
  let lastId = 0;
  process.on("message", (message: ToNode) => {
    if (message.type === "links") {
      host.clearLinkFaults();
      for (const fault of message.faults) host.setLinkFault(fault);
    } else if (message.type === "faultDone") waiting.get(message.id)?.(message);
  });
  return async (request: FaultRequest) => {
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(id);
        reject(fail("deadline", `the supervisor did not answer within ${supervisorTimeoutMs} ms`, false));
      }, supervisorTimeoutMs);
      waiting.set(id, ({ outcome }) => {
        clearTimeout(timer);
        waiting.delete(id);
        if ("failure" in outcome) reject(new CohortError(outcome.failure));
        else resolve(outcome);
      });
      tell({ type: "fault", id, request });
    });
  };
}

function onOwnLinks(host: Host): InjectFault {
  const { members, nodeId } = host.config;
  const ids = members.map(({ id }) => id);
  const book = new FaultBook(ids);
  const apply = (): void => {
    host.clearLinkFaults();
    for (const fault of book.linksOf(nodeId, true)) host.setLinkFault(fault);
  };
  return async (request: FaultRequest) => {
    const fault = parseFault(request, ids);
    if (fault.kind === "heal") {
      if (fault.fault === undefined) book.clear();
      else if (!book.remove(fault.fault)) throw fail("bad-request", `there is no fault ${fault.fault} in force`);
    } else if (fault.kind === "partition" || fault.kind === "cut" || fault.kind === "delay" || fault.kind === "drop") {
      const id = book.add(fault);
      const end = (): void => {
        book.remove(id);
        apply();
      };
      if (fault.forMs !== undefined) setTimeout(end, fault.forMs).unref();
    } else
      throw fail(
        "unsupported",
        `${fault.kind} needs a supervisor; without one there are partition, cut, delay, drop and heal, on this node's links`,
      );
    apply();
    return { active: book.active.map(({ id, fault: active }) => ({ id, ...active })) };
  };
}
