/** What a space-time diagram shows of the facts of a node. */
import type { NodeId } from "../base/index.ts";
import type { NodeFact } from "../node/index.ts";
import type { Timeline } from "./timeline.ts";

function factText(fact: Extract<NodeFact, { type: "raft" }>["fact"]): string | undefined {
  switch (fact.type) {
    case "voted":
      return `votes for ${fact.candidate} in t${fact.term}`;
    case "appended":
      return `appends ${fact.first === fact.last ? fact.last : `${fact.first}–${fact.last}`}`;
    case "truncated":
      return `cuts its log from ${fact.from}`;
    case "snapshotInstalled":
      return `has the snapshot at ${fact.index}`;
    case "membership": {
      const { voters, outgoing } = fact.membership;
      return `voters ${voters.join(",")}${outgoing.length > 0 ? ` from ${outgoing.join(",")}` : ""}`;
    }
    default:
      return undefined;
  }
}

/** The facts that a diagram shows. */
export function markFact(timeline: Timeline, at: number, lane: NodeId, fact: NodeFact): void {
  if (fact.type === "applied") timeline.add({ kind: "mark", at, lane, tone: "good", text: `applied ${fact.index}` });
  if (fact.type !== "raft") return;
  const raft = fact.fact;
  if (raft.type === "roleChanged") {
    const text = `${raft.role} t${raft.term}`;
    timeline.add({ kind: raft.role === "leader" ? "leads" : "follows", at, lane, text });
    return;
  }
  const text = factText(raft);
  if (text !== undefined) timeline.add({ kind: "mark", at, lane, tone: "plain", text });
}
