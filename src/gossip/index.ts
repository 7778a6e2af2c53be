/**
 * Who is there, and who is not: SWIM (Das, Gupta and Motivala, 2002) with suspicion, one core a node.
 *
 *     every period: ping one member ──▶ no answer ──▶ ask others to ping it ──▶ no answer ──▶ suspect ──▶ dead
 *                                                              it hears of it, and refutes ──┘
 *
 * Each node sends a constant number of messages a period, however many members there are; news travels on them. Beside
 * it, phi (Hayashibara et al., 2004): how surprising a silence is, as a number for those who weigh replicas.
 *
 * It tells; it decides nothing: who is a member of a Raft group, and what a suspicion costs, is the business of others.
 * Nothing is kept: a node that restarts asks its seeds.
 */
export { PhiAccrual } from "./phi.ts";
export { Swim } from "./swim.ts";
export * from "./types.ts";
