/** HTTP calls of commands to the supervisor or to any node of the local cluster. */
import { CohortError, errorCatalogue, fail, type ErrorCode } from "../contract/index.ts";
import { CommandError } from "./output.ts";
import { consolePort, maxNodes, portBase, portsOf } from "./ports.ts";

const timeoutMs = 5000;

/** The answer of the first that listens: `endpoint` where one is named, else the supervisor, else a node. */
export async function callCluster(
  method: "GET" | "POST",
  path: string,
  endpoint: string | undefined,
  body?: unknown,
  /** `nodes`: the supervisor does not know of it. */
  whom: "all" | "nodes" = "all",
): Promise<unknown> {
  const base = portBase();
  const nodes = Array.from({ length: maxNodes }, (_, i) => `127.0.0.1:${portsOf(base, i + 1).http}`);
  const local = whom === "all" ? [`127.0.0.1:${consolePort(base)}`, ...nodes] : nodes;
  const candidates = endpoint === undefined ? local : [endpoint];
  for (const candidate of candidates) {
    const response = await tryFetch(`http://${candidate}${path}`, method, body);
    if (response === undefined) continue;
    const answer: unknown = await response.json();
    if (response.ok) return answer;
    throw problemError(answer, candidate);
  }
  throw new CommandError(
    endpoint === undefined
      ? `no cluster listens on this machine (tried ports ${consolePort(base)} and ${portsOf(base, 1).http} up)`
      : `nothing listens on ${endpoint}`,
    "Start one with `npm start` or `cohort up`; COHORT_PORT_BASE has to be the same, or name a node with --endpoint host:port.",
  );
}

/** Undefined: nothing listens there. */
async function tryFetch(url: string, method: string, body: unknown): Promise<Response | undefined> {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  try {
    return await fetch(url, { method, signal: AbortSignal.timeout(timeoutMs), ...json });
  } catch (error) {
    const cause: unknown = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED") return undefined;
    if (error instanceof Error && error.name === "TimeoutError")
      throw fail("deadline", `${url} did not answer within ${timeoutMs} ms`, false);
    throw fail("disconnected", `${url}: ${cause instanceof Error ? cause.message : String(error)}`, false);
  }
}

function problemError(answer: unknown, candidate: string): Error {
  if (typeof answer === "object" && answer !== null && "code" in answer && "detail" in answer && "definite" in answer) {
    const code = answer.code as ErrorCode;
    if (code in errorCatalogue)
      return new CohortError({ code, detail: String(answer.detail), definite: answer.definite === true });
  }
  return new CommandError(`${candidate} does not speak Cohort's HTTP`, "Check the port.");
}
