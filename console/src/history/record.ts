/** Records what the live cluster answers: several clients at once, each at one node, as JSON lines. */
import { operate } from "../cluster/ask.ts";

const clients = 4;
const readShare = 0.6;
const pauseMs = 15;

/** The history of `forMs` milliseconds, with reads of a consistency, of a counter that nobody else uses. */
export async function record(consistency: string, nodes: number, forMs: number): Promise<string> {
  const lines: string[] = [];
  const counter = `recorded-${Date.now()}`;
  const begun = performance.now();
  const tell = (type: string, process: string, f: string, value: number | null): void => {
    lines.push(
      JSON.stringify({ type, process, f, value, timeMs: Math.round((performance.now() - begun) * 1000) / 1000 }),
    );
  };
  const run = async (client: number): Promise<void> => {
    // An operation of unknown outcome ends a process: it may take effect later.
    let life = 0;
    while (performance.now() - begun < forMs) {
      const process = `${client}${life === 0 ? "" : `.${life}`}`;
      const kind = Math.random() < readShare ? "read" : "increment";
      const f = kind === "read" ? "read" : "increment";
      tell("invoke", process, f, kind === "read" ? null : 1);
      const answer = await operate({
        node: (client % nodes) + 1,
        kind,
        counter,
        ...(kind === "read" ? { consistency } : {}),
      });
      if (answer.ok) tell("ok", process, f, answer.value ?? 0);
      else if (kind === "read" || answer.problem?.definite === true) tell("fail", process, f, null);
      else {
        tell("unknown", process, f, null);
        life++;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs * Math.random()));
    }
  };
  await Promise.all(Array.from({ length: clients }, async (_, client) => run(client)));
  return lines.join("\n");
}
