import type { NodeId } from "../base/index.ts";
import type { Event } from "../core/index.ts";
import { encodeMessage } from "../dynamo/index.ts";
import type { NodeFact, NodeMessage, NodeProtocol } from "../node/index.ts";
import type { TraceDigest } from "./digest.ts";

/** Adds an event of a core to the digest: when, where, what, and the numbers in it that protocols decide by. */
export function mixEvent(digest: TraceDigest, now: number, node: NodeId, event: Event<NodeProtocol>): void {
  digest.number(now).word(node).text(event.kind);
  if (event.kind === "persisted") digest.word(event.write);
  else if (event.kind === "message") mixMessage(digest.word(event.from), event.message);
  else if (event.kind === "command") digest.text(event.command.type).word("id" in event.command ? event.command.id : 0);
}

function mixMessage(digest: TraceDigest, message: NodeMessage): void {
  digest.text(message.type);
  if (message.type === "forward") {
    for (const request of message.requests) digest.word(request.id);
    return;
  }
  if (message.type === "forwarded") {
    for (const reply of message.replies)
      digest.word(reply.id).text(reply.outcome.ok ? "ok" : reply.outcome.failure.code);
    return;
  }
  if (message.type === "ring") {
    digest.word(message.ring).bytes(encodeMessage(message.message));
    return;
  }
  const raft = message.message;
  digest.text(raft.type).word(raft.term);
  switch (raft.type) {
    case "append":
      digest.word(raft.round).word(raft.previous.index).word(raft.previous.term).word(raft.commit);
      for (const entry of raft.entries) digest.word(entry.term).number(entry.timestamp).bytes(entry.data);
      break;
    case "heartbeat":
      digest.word(raft.round).word(raft.commit);
      break;
    case "appendAccepted":
      digest.word(raft.round).word(raft.match);
      break;
    case "voteRequest":
      digest.word(raft.last.index).word(raft.last.term);
      break;
    case "voteResponse":
      digest.word(raft.granted ? 1 : 0);
      break;
    case "snapshotChunk":
      digest.word(raft.head.index).bytes(raft.data);
      break;
    default:
      break;
  }
}

/** An event as people read it. */
export function describeEvent(node: NodeId, event: Event<NodeProtocol>): string {
  switch (event.kind) {
    case "message":
      return `node ${node} ◀ ${event.from}: ${describeMessage(event.message)}`;
    case "command":
      return `node ${node} ${event.command.type}${"id" in event.command ? ` ${event.command.id}` : ""}`;
    case "persisted":
      return `node ${node} has write ${event.write} on disk`;
    case "wake":
      return `node ${node} wakes`;
  }
}

function describeMessage(message: NodeMessage): string {
  if (message.type === "forward") return `forward ${message.requests.map((request) => request.id).join(",")}`;
  if (message.type === "forwarded") {
    return `forwarded ${message.replies.map(({ id, outcome }) => `${id}:${outcome.ok ? "ok" : outcome.failure.code}`).join(",")}`;
  }
  const raft = message.message;
  const rest = Object.entries(raft)
    .filter(([name]) => name !== "type" && name !== "closed" && name !== "data")
    .map(([name, value]) => `${name}=${describeValue(name, value)}`);
  return `${raft.type} ${rest.join(" ")}`;
}

function describeValue(name: string, value: unknown): string {
  if (name === "entries" && Array.isArray(value)) return `[${value.length}]`;
  if (value instanceof Uint8Array) return `${value.length}B`;
  return JSON.stringify(value) ?? "none";
}

/** A fact as people read it; undefined: of no interest beside the events. */
export function describeFact(fact: NodeFact): string | undefined {
  switch (fact.type) {
    case "raft": {
      const { type, ...rest } = fact.fact;
      return type === "appended" ? undefined : `· ${type} ${JSON.stringify(rest)}`;
    }
    case "applied":
      return `· applied ${fact.index}`;
    case "checkpointFailed":
    case "restoreFailed":
      return `· ${fact.type} ${fact.index}`;
    default:
      return undefined;
  }
}
