/**
 * A whole node as one core: it routes what arrives to its groups, each a Raft replica with the store that
 * applies its log, and answers every request by its deadline. No I/O: `host/` and `sim/` drive it.
 */
export { type NodeCore, openNode } from "./node.ts";
export { ringGroup } from "./rings.ts";
export * from "./types.ts";
export {
  decodeNodeMessage,
  encodeNodeMessage,
  firstRingGroup,
  fromLogRecord,
  messageVersions,
  readNodeMessage,
  toLogRecord,
  versionOf,
  writeNodeMessage,
} from "./codec.ts";
