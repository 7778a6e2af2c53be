import { fromUtf8, utf8 } from "../base/index.ts";
import type { Query } from "../contract/index.ts";
import type { Answer, Operation, Result } from "../store/index.ts";
import { pageRange, Transaction } from "../txn/index.ts";
import type { SeenStep, TransactionWork } from "../workload/index.ts";

/** What all keys of transactions begin with. */
const prefix = utf8("x");
const pageLimit = 1000;

export type Ask = { readonly read: Query } | { readonly write: Operation } | undefined;

/** A transaction of a workload on its way: what to ask next, and what it has seen. */
export class RunningTransaction {
  readonly seen: SeenStep[] = [];
  readonly #work: TransactionWork;
  readonly #transaction: Transaction;
  readonly #keyspace: string;
  #at = 0;

  /** `since`: what its client has seen. */
  constructor(work: TransactionWork, keyspace: string, planted: ReadonlySet<string>, since: number) {
    this.#work = work;
    this.#keyspace = keyspace;
    this.#transaction = new Transaction(work.isolation, { planted, since });
  }

  /** A read, or the commit; undefined: it is done without one. Steps that need nobody are done meanwhile. */
  next(): Ask {
    for (; this.#at < this.#work.steps.length; this.#at++) {
      const step = this.#work.steps[this.#at]!;
      const { readAt: snapshot, since } = this.#transaction;
      if (step.f === "all")
        return {
          read: {
            type: "list",
            keyspace: this.#keyspace,
            prefix,
            after: undefined,
            limit: pageLimit,
            revision: undefined,
            snapshot: this.#transaction.listAt,
            since,
          },
        };
      const key = utf8(step.key);
      const own = this.#transaction.own(key);
      if (own !== undefined && step.f === "r")
        this.seen.push({ f: "r", key: step.key, value: this.#valueOf(own.value) });
      else if (own !== undefined) this.#write(step.key, step.value, own.value);
      else if (step.f === "w" && this.#work.isolation === "read-committed")
        this.#write(step.key, step.value, undefined);
      else return { read: { type: "get", keyspace: this.#keyspace, key, revision: undefined, snapshot, since } };
    }
    const plan = this.#transaction.plan();
    return plan === undefined ? undefined : { write: { kind: "commit", keyspace: this.#keyspace, ...plan } };
  }

  /** What it has seen, as a point in time. */
  get since(): number {
    return this.#transaction.since;
  }

  /** The answer to the read. */
  onRead(answer: Answer | Result): void {
    const step = this.#work.steps[this.#at++]!;
    if (answer.kind === "rows") {
      const { rows, more } = answer;
      const range = pageRange(prefix, undefined, rows.at(-1)?.key, more);
      const merged = this.#transaction.listed(
        range,
        rows.map(({ key, value }) => ({ key, value })),
        answer.timestamp,
        (key, value) => ({ key, value }),
      );
      const values = new Map(merged.map(({ key, value }) => [fromUtf8(key), value]));
      for (let i = 0; i < step.value; i++)
        this.seen.push({ f: "r", key: `x${i}`, value: this.#valueOf(values.get(`x${i}`)) });
    } else if (answer.kind === "row") {
      this.#transaction.read(utf8(step.key), answer.timestamp);
      if (step.f === "r") this.seen.push({ f: "r", key: step.key, value: this.#valueOf(answer.row?.value) });
      else this.#write(step.key, step.value, answer.row?.value);
    } else throw new TypeError(`a read answered ${answer.kind}`);
  }

  #write(key: string, value: number, before: Uint8Array | undefined): void {
    const appends = this.#work.isolation !== "read-committed";
    const list = appends && before !== undefined ? `${fromUtf8(before)} ${value}` : String(value);
    this.#transaction.put(utf8(key), utf8(list));
    this.seen.push({ f: appends ? "append" : "w", key, value });
  }

  #valueOf(value: Uint8Array | undefined): SeenStep["value"] {
    const isList = this.#work.isolation !== "read-committed";
    if (value === undefined) return isList ? [] : null;
    return isList ? fromUtf8(value).split(" ").map(Number) : Number(fromUtf8(value));
  }
}
