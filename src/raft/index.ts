/**
 * Consensus for one group (Ongaro, "Consensus: Bridging Theory and Practice", 2014; section numbers in
 * comments refer to it). A leader orders entries, a majority makes them durable, everyone applies them in
 * the same order. This room does not know what the entries mean, does no I/O, and has no clock.
 */
export { decodeMessage, decodeRecord, encodeMessage, encodeRecord, readMessage, writeMessage } from "./codec.ts";
export * from "./types.ts";
export { GroupInvariants } from "./invariants.ts";
export { decodeMembership, encodeMembership, everyone } from "./membership.ts";
export { Raft } from "./raft.ts";
export { LostStorageError } from "./recovery.ts";
