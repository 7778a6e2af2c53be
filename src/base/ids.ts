/** A node of the cluster: a small positive integer, chosen by the operator and never reused. */
export type NodeId = number;

/** A Raft group. Group 0 holds the directory and the default keyspace. */
export type GroupId = number;

/** Position in a Raft log, from 1. 0 means "before the first entry". */
export type LogIndex = number;

/** A Raft term, from 1. 0 means "before the first election". */
export type Term = number;

/** Names one durable write of one life of a core; grows by one. */
export type WriteId = number;
