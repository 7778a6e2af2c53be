/** What this node knows of the keyspaces' contracts, for requests that name no consistency of their own. */
import { CohortError, parseContract, parseReadContract, readContractOf, type ReadContract } from "../contract/index.ts";
import type { Host } from "../host/index.ts";
import { decodeResult } from "../store/index.ts";

const refreshMs = 1000;
const linearizable = parseReadContract("linearizable");
const eventual = parseReadContract("eventual");

/** A contract that was changed is noticed within a second; until a keyspace is known, its reads are linearizable. */
export class KeyspaceContracts {
  readonly #host: Host;
  #reads: ReadonlyMap<string, ReadContract> = new Map();
  #refreshAt = 0;

  constructor(host: Host) {
    this.#host = host;
  }

  readContractOf(keyspace: string): ReadContract {
    const now = performance.now();
    if (now >= this.#refreshAt) {
      this.#refreshAt = now + refreshMs;
      void this.#refresh();
    }
    return this.#reads.get(keyspace) ?? linearizable;
  }

  async #refresh(): Promise<void> {
    const body = { type: "read", query: { type: "keyspaces" }, contract: eventual, position: 0 } as const;
    const outcome = await this.#host.submit(body, { timeoutMs: refreshMs });
    if (!outcome.ok) return;
    const answer = decodeResult(outcome.result);
    if (answer.kind === "keyspaces")
      this.#reads = new Map(answer.keyspaces.map(({ name, contract }) => [name, readSide(contract)]));
  }
}

function readSide(contract: string): ReadContract {
  try {
    return readContractOf(parseContract(contract));
  } catch (error) {
    // Written by a newer version, perhaps: the strongest promise keeps every other.
    if (error instanceof CohortError) return linearizable;
    throw error;
  }
}
