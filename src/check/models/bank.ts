import { isList, isScalar, valueText } from "../../history/index.ts";
import type { Operation, Value } from "../../history/index.ts";
import type { Model } from "../model.ts";
import { isRead } from "./register.ts";
import { unknownOperation, wholeNumberOf, wrongShape } from "./shape.ts";

type Balances = Readonly<Record<string, number>>;

interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

const name = (value: Value | undefined): string | undefined =>
  typeof value === "number" || typeof value === "string" ? String(value) : undefined;

function transferOf(operation: Operation): Transfer | undefined {
  const { input } = operation;
  if (isScalar(input) || isList(input)) return undefined;
  const from = name(input["from"]);
  const to = name(input["to"]);
  const amount = wholeNumberOf(input["amount"] ?? null);
  return from === undefined || to === undefined || amount === undefined || amount < 0
    ? undefined
    : { from, to, amount };
}

export function balancesOf(value: Value): Balances | undefined {
  if (isScalar(value) || isList(value)) return undefined;
  const balances: Record<string, number> = {};
  for (const [account, balance] of Object.entries(value)) {
    const amount = wholeNumberOf(balance);
    if (amount === undefined) return undefined;
    balances[account] = amount;
  }
  return balances;
}

export function totalOf(balances: Balances): number {
  return Object.values(balances).reduce((sum, balance) => sum + balance, 0);
}

/** Accounts between which money is moved, if there is enough, and which are read all at once (as in Jepsen's bank). */
export function bankModel(initial: Balances): Model<Balances> {
  return {
    name: "bank",
    initial,
    validate(operation) {
      if (operation.f === "transfer") {
        if (transferOf(operation) === undefined)
          throw wrongShape(operation, operation.input, '{"from":…,"to":…,"amount":n}');
        return;
      }
      if (!isRead(operation)) throw unknownOperation(operation, "bank", "transfer or read");
      if (operation.outcome === "ok" && balancesOf(operation.output) === undefined)
        throw wrongShape(operation, operation.output, "a map from accounts to whole numbers", true);
    },
    step(state, operation) {
      if (isRead(operation))
        return valueText(state) === valueText(balancesOf(operation.output) ?? null) ? state : undefined;
      const transfer = transferOf(operation);
      if (transfer === undefined) return undefined;
      const { from, to, amount } = transfer;
      const left = (state[from] ?? 0) - amount;
      if (left < 0) return undefined;
      const paid = { ...state, [from]: left };
      return { ...paid, [to]: (paid[to] ?? 0) + amount };
    },
    identity: (state) => valueText(state),
    size: (state) => Object.keys(state).length * 40,
    isPure: isRead,
    observes: isRead,
    show: (state) => valueText(state),
    subjects: (operation) => (isRead(operation) ? [] : undefined),
    reveals: (operation) => (isRead(operation) ? balancesOf(operation.output) : undefined),
  };
}
