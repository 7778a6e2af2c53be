/** Which engine keeps which contract. */
import type { Contract } from "./guarantees.ts";
import { readText, writeText } from "./print.ts";

/** `raft`: one log that a majority agrees on. `dynamo`: replicas without a leader. */
export type Engine = "raft" | "dynamo";

/** Why the engine cannot keep the contract, and what to do; undefined where it can. */
export function engineProblem({ reads, write }: Pick<Contract, "reads" | "write">, engine: Engine): string | undefined {
  if (engine === "dynamo") return undefined;
  const quorum = reads.find(({ guarantee }) => guarantee === "Quorum");
  if (quorum !== undefined)
    return `ReadConsistency: ${readText(quorum)}; a keyspace of the raft engine has a leader, who knows what is newest: ask for Linearizable`;
  if (write.guarantee !== "Linearizable")
    return `WriteConsistency: ${writeText(write)}; a keyspace of the raft engine has linearizable writes`;
  return undefined;
}
