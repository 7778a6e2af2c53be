import type { Operation, Value } from "../history/index.ts";
import type { Budget } from "./budget.ts";
import { checkLinearizable } from "./linearizable.ts";
import { balancesOf, bankModel, totalOf } from "./models/bank.ts";
import { isRead } from "./models/register.ts";
import { broken, operationText, show, undecided } from "./verdict.ts";
import type { Broken, Verdict } from "./verdict.ts";

/**
 * Transfers between accounts. Every level from snapshot isolation up keeps the total, and no balance below zero:
 * a read that shows otherwise breaks them all. Beyond that an order of all operations is searched: in real time
 * for `strict-serializable`, any for the others. Where there is none, snapshot isolation may still hold, and is
 * left undecided.
 */
export function checkBank(
  operations: readonly Operation[],
  level: "snapshot-isolation" | "serializable" | "repeatable-read" | "strict-serializable",
  initial: Value | undefined,
  budget: Budget,
): Verdict {
  const begin = initial === undefined ? undefined : balancesOf(initial);
  const model = bankModel(begin ?? {});
  for (const operation of operations) model.validate(operation);
  const reads = operations.filter((operation) => isRead(operation) && operation.outcome === "ok");
  const skew = wrongTotal(reads, begin === undefined ? undefined : totalOf(begin));
  if (skew !== undefined) return skew;
  if (begin === undefined)
    return undecided("all reads show the same total; for more the balances in the beginning are needed");
  if (level === "strict-serializable") return checkLinearizable(operations, { model, property: level }, budget);
  const anyTime = operations.map((operation) => ({
    ...operation,
    call: 0,
    ret: operation.outcome === "unknown" ? Infinity : 1,
  }));
  const verdict = checkLinearizable(anyTime, { model, property: level }, budget);
  if (verdict.verdict === "broken" && level === "snapshot-isolation")
    return undecided("there is no serial order; whether snapshots explain the reads was not searched");
  return verdict;
}

function wrongTotal(reads: readonly Operation[], total: number | undefined): Broken | undefined {
  let expected = total;
  let before: Operation | undefined;
  for (const read of reads) {
    const balances = balancesOf(read.output) ?? {};
    const sum = totalOf(balances);
    expected ??= sum;
    const negative = Object.entries(balances).find(([, balance]) => balance < 0);
    if (sum === expected && negative === undefined) {
      before ??= read;
      continue;
    }
    const operations = (before === undefined ? [read] : [before, read]).map(show);
    const what =
      negative === undefined ? `adds up to ${sum}, not ${expected}` : `shows account ${negative[0]} at ${negative[1]}`;
    return broken({
      kind: "fact",
      anomaly: negative === undefined ? "read skew" : "negative balance",
      summary: `${operationText(read)} ${what}`,
      operations,
      context: operations,
    });
  }
  return undefined;
}
