/** Messages and operations in few words, for diagrams; `trace.ts` has every field. */
import { unreachable } from "../base/index.ts";
import type { NodeMessage } from "../node/index.ts";
import type { OperationRecord, WorkOperation } from "../workload/index.ts";
import type { MessageKind } from "./timeline.ts";

interface Label {
  readonly kind: MessageKind;
  readonly text: string;
}

export function labelOf(message: NodeMessage): Label {
  switch (message.type) {
    case "raft":
      return raftLabel(message.message);
    case "ring":
      return ringLabel(message.message);
    case "forward":
      return { kind: "request", text: `forwards ${message.requests.length}` };
    case "forwarded":
      return { kind: "reply", text: `answers ${message.replies.length}` };
    default:
      return { kind: "other", text: "message" };
  }
}

function ringLabel(message: Extract<NodeMessage, { type: "ring" }>["message"]): Label {
  switch (message.type) {
    case "store":
      return { kind: "append", text: message.holdFor === 0 ? "store" : `keep for ${message.holdFor}` };
    case "stored":
      return { kind: "append", text: "stored" };
    case "fetch":
      return { kind: "read", text: "fetch" };
    case "fetched":
      return { kind: "read", text: message.state === undefined ? "has nothing" : "fetched" };
    case "forward":
      return { kind: "request", text: `forwards a ${message.operation.type}` };
    case "forwarded":
      return { kind: "reply", text: "answers" };
    default:
      return { kind: "routine", text: message.type };
  }
}

function raftLabel(raft: Extract<NodeMessage, { type: "raft" }>["message"]): Label {
  const { term } = raft;
  switch (raft.type) {
    case "append": {
      const [first] = raft.entries;
      if (first === undefined) return { kind: "routine", text: `append nothing, t${term}` };
      const last = first.index + raft.entries.length - 1;
      const what = last === first.index ? `${last}` : `${first.index}–${last}`;
      return { kind: "append", text: `append ${what} after ${raft.previous.index}, t${term}, commit ${raft.commit}` };
    }
    case "appendAccepted":
      return { kind: "append", text: `has ≤${raft.match}, t${term}` };
    case "appendRejected":
      return { kind: "append", text: `refuses after ${raft.rejected}, t${term}` };
    case "voteRequest":
      return {
        kind: "vote",
        text: `${raft.pre ? "pre-vote?" : "vote?"} t${term}, log ${raft.last.index}/t${raft.last.term}`,
      };
    case "voteResponse":
      return { kind: "vote", text: `${raft.granted ? "yes" : "no"}${raft.pre ? " (pre)" : ""}, t${term}` };
    case "heartbeat":
      return { kind: "routine", text: `heartbeat t${term}, commit ${raft.commit}` };
    case "heartbeatAck":
      return { kind: "routine", text: `heard t${term}` };
    case "snapshotChunk":
      return { kind: "snapshot", text: `snapshot at ${raft.head.index}${raft.done ? ", end" : ""}, t${term}` };
    case "snapshotAck":
      return { kind: "snapshot", text: `snapshot ${raft.done ? "installed" : "more"}, t${term}` };
    case "readRequest":
      return { kind: "read", text: `read index? t${term}` };
    case "readResponse":
      return { kind: "read", text: raft.index === undefined ? `cannot tell, t${term}` : `read index ${raft.index}` };
    case "timeoutNow":
      return { kind: "vote", text: `campaign now, t${term}` };
    case "rejoinAt":
      return { kind: "other", text: `rejoins at ${raft.index}, t${term}` };
    default:
      return { kind: "other", text: "message" };
  }
}

export function operationText(operation: WorkOperation): string {
  switch (operation.kind) {
    case "increment":
      return `${operation.counter} += ${operation.by}`;
    case "readCounter":
      return `read ${operation.counter} (${operation.consistency})`;
    case "put":
      return `${operation.key} = ${operation.value}`;
    case "get":
      return `get ${operation.key} (${operation.consistency})`;
    case "delete":
      return `delete ${operation.key}`;
    case "add":
      return `${operation.key} ∪ ${operation.value}`;
    case "members":
      return `members of ${operation.key}`;
    case "transaction":
      return `${operation.steps.map(({ f, key, value }) => `${f} ${f === "all" ? value : key}`).join(", ")} (${operation.isolation})`;
    case "acquire":
    case "renew":
    case "release":
    case "guarded":
    case "holds":
      return `${operation.kind} ${operation.lock}`;
    case "watch":
      return `watch ${operation.prefix}*`;
    default:
      return unreachable(operation);
  }
}

export function outcomeText({ outcome, value, degraded }: OperationRecord): string {
  if (outcome === "fail") return "failed";
  if (outcome === "unknown") return "unknown";
  return `${value === undefined ? "ok" : `→ ${value}`}${degraded ? " (degraded)" : ""}`;
}
