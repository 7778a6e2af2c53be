import {
  CohortError,
  keyspaceOf,
  parseContract,
  parseReadContract,
  readContractOf,
  type ReadContract,
} from "../contract/index.ts";
import type { Query } from "../contract/index.ts";
import type { Store } from "../store/index.ts";

const linearizable = parseReadContract("linearizable");
const maxTexts = 1000;

/**
 * What a read has to keep: what it asks for, and beyond that what the contract of its keyspace says, in the version
 * that this replica has applied.
 */
export class Contracts {
  readonly #byText = new Map<string, ReadContract>();

  of(store: Store, query: Query, asked: ReadContract | undefined): ReadContract {
    const keyspace = keyspaceOf(query);
    if (keyspace === undefined) return asked ?? linearizable;
    if (asked?.partition !== undefined) return asked;
    const own = this.#parsed(store.contractOf(keyspace));
    return asked === undefined ? own : { ...asked, partition: own.partition };
  }

  #parsed(text: string): ReadContract {
    let contract = this.#byText.get(text);
    if (contract === undefined) {
      contract = parsed(text);
      if (this.#byText.size >= maxTexts) this.#byText.clear();
      this.#byText.set(text, contract);
    }
    return contract;
  }
}

function parsed(text: string): ReadContract {
  try {
    return readContractOf(parseContract(text));
  } catch (error) {
    // Written by a newer version, perhaps: the strongest promise keeps every other.
    if (error instanceof CohortError) return linearizable;
    throw error;
  }
}
