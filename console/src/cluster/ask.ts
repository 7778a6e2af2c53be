/** What the page asks of the supervisor. Every refusal is a sentence that can be shown. */
import type { FaultRequest } from "../../../src/api/faults.ts";
import type { OperationAnswer, OperationRequest } from "../../../src/api/console-feed/operations.ts";

export type { FaultRequest, OperationAnswer, OperationRequest };

async function post(path: string, body: unknown): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The supervisor does not answer. Is `npm start` still running?");
  }
  const answer = (await response.json()) as { readonly detail?: string; readonly code?: string };
  if (!response.ok) throw new Error(answer.detail ?? `refused with status ${response.status}`);
  return answer;
}

export async function inject(fault: FaultRequest): Promise<{ readonly node?: number }> {
  return (await post("/v1/cluster/faults", fault)) as { readonly node?: number };
}

export async function setTraffic(perSecond: number): Promise<void> {
  await post("/console/traffic", { perSecond });
}

export async function operate(request: OperationRequest): Promise<OperationAnswer> {
  return (await post("/console/operations", request)) as OperationAnswer;
}
