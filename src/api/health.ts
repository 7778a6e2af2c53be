/** Whether a node is alive, and whether it can serve. */
import { parseReadContract } from "../contract/index.ts";
import type { Host } from "../host/index.ts";

const probeTimeoutMs = 1000;
const maxUnapplied = 100_000;
const eventual = parseReadContract("eventual");

/** Why the node is not alive: its driver does not turn. Undefined: it is. */
export async function lifeSign(host: Host): Promise<string | undefined> {
  // An eventual read asks nobody, so its answer comes from this node's loop, core and store alone.
  const query = { type: "counter", name: "default" } as const;
  const outcome = await host.submit(
    { type: "read", query, contract: eventual, position: 0 },
    { timeoutMs: probeTimeoutMs },
  );
  if (outcome.ok || outcome.failure.code !== "deadline") return undefined;
  return `the driver did not answer within ${probeTimeoutMs} ms`;
}

/** Why requests would fail here at the moment; empty: they would not. */
export async function unreadiness(host: Host): Promise<string[]> {
  const reasons: string[] = [];
  const { groups, storage } = host.status();
  if (groups.length === 0) reasons.push("no group is open yet");
  for (const { group, leader, commitIndex, appliedIndex, rejoining } of groups) {
    if (rejoining) reasons.push(`group ${group} lost its log here and has not rejoined yet`);
    if (leader === undefined) reasons.push(`group ${group} knows no leader`);
    if (commitIndex - appliedIndex > maxUnapplied)
      reasons.push(`group ${group} has ${commitIndex - appliedIndex} entries yet to apply`);
  }
  if (storage.full) reasons.push(`the disk is full${storage.detail === undefined ? "" : `: ${storage.detail}`}`);
  const dead = await lifeSign(host);
  if (dead !== undefined) reasons.push(dead);
  return reasons;
}
