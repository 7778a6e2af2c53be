import { defaultNodeSettings, type NodeConfig } from "../node/index.ts";
import type { WorldOptions } from "./world.ts";

export type NodeSettings = Omit<NodeConfig, "id" | "store" | "rings">;

/** What the nodes of a world are configured with. */
export function nodeSettings({
  voters,
  raft,
  checkpointIntervalMs,
  checkpointBytes,
  bugs,
}: Pick<WorldOptions, "voters" | "raft" | "checkpointIntervalMs" | "checkpointBytes" | "bugs">): NodeSettings {
  return {
    bootstrap: { voters, outgoing: [], learners: [] },
    raft: { ...defaultNodeSettings.raft, ...raft },
    shardQuiesceMs: 1000,
    dynamo: { ...defaultNodeSettings.dynamo, patienceMs: 80, antiEntropyMs: 300, maximumOpen: 64 },
    checkpointIntervalMs,
    checkpointBytes,
    ...(bugs.size > 0 ? { bugs } : {}),
  };
}
