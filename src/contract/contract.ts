import { fail } from "./errors.ts";
import type { PartitionBehavior, ReadContract } from "./guarantees.ts";
import { parsePartition, parseReadContract } from "./parse.ts";

/** The contract of a keyspace: what its requests are promised where they do not ask for something else. */
export interface Contract {
  readonly read: ReadContract;
  readonly write: "Linearizable";
  /** Canonical form, one clause a line; parses to the same contract. */
  readonly text: string;
}

/**
 * Parses the text of a contract: clauses `ReadConsistency`, `WriteConsistency` and `PartitionBehavior`, one a line
 * or separated by `;`, each at most once and each optional. Throws a CohortError: `bad-consistency`,
 * `contradiction`, or `unsupported` for writes that are not linearizable.
 */
export function parseContract(text: string): Contract {
  const clauses = new Map<string, string>();
  for (const clause of text
    .split(/[;\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== "")) {
    const [, name, value] = /^(\w+)\s*:\s*(.+)$/.exec(clause) ?? [];
    const known = clauseNames.find((candidate) => candidate.toLowerCase() === name?.toLowerCase());
    if (known === undefined || value === undefined) {
      throw fail(
        "bad-consistency",
        `"${clause}" is not a clause of a contract; there are ${clauseNames.join(", ")}, each followed by a colon`,
      );
    }
    if (clauses.has(known)) throw fail("contradiction", `${known} is said twice`);
    clauses.set(known, value);
  }
  const partition = clauses.get("PartitionBehavior");
  const behavior: PartitionBehavior | undefined =
    partition === undefined ? undefined : parsePartition(`PartitionBehavior: ${partition}`);
  const read = parseReadContract(clauses.get("ReadConsistency") ?? "Linearizable", behavior);
  const write = clauses.get("WriteConsistency") ?? "Linearizable";
  if (write.toLowerCase() !== "linearizable") {
    throw fail("unsupported", `WriteConsistency: ${write}; a keyspace of the raft engine has linearizable writes`);
  }
  return {
    read,
    write: "Linearizable",
    text: `ReadConsistency: ${read.text}\nWriteConsistency: Linearizable\nPartitionBehavior: ${read.partition}`,
  };
}

const clauseNames = ["ReadConsistency", "WriteConsistency", "PartitionBehavior"] as const;
