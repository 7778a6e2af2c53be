/**
 * Leaderless replication of one keyspace (DeCandia et al., "Dynamo", 2007), one core a node.
 *
 *     client ─▶ any node = coordinator ─┬─▶ replica 1 ─▶ durable ─┐
 *                                       ├─▶ replica 2 ─▶ durable ─┼─▶ W have it (R have answered): the answer
 *                                       └─▶ replica 3 (away) ─▶ a hint, handed over when it is back
 *
 * A key is a register (the last writer wins, by hybrid logical time), or keeps every concurrently written value
 * (dotted version vectors), as its keyspace says; a counter adds up what each coordinator counted. States merge, so
 * replicas converge whatever is lost: by read repair, hints, and hash trees that peers compare.
 *
 * R + W > N alone is not linearizable: two reads, one after the other, can see a new value and then the old one
 * while a write is under way. Operations marked `linearizable` write back what they read, and learn the latest
 * timestamp before they write (ABD); they never count a stand-in for a replica.
 *
 * Deleted keys leave a row behind for ever: without a leader nobody knows when the last replica has seen it go.
 * An increment that is sent twice counts twice. Who the members are, and where rows rest, is decided above.
 */
export {
  decodeMessage,
  decodeRecord,
  encodeMessage,
  encodeRecord,
  readDynamoMessage,
  writeDynamoMessage,
} from "./codec.ts";
export { Dynamo, openDynamo } from "./dynamo.ts";
export { counterName, decodeState, encodeState, keyName, keyOfName, mergeStates } from "./state.ts";
export * from "./types.ts";
