import { expect, test } from "vitest";
import { parseEvents, readOperations, type Operation } from "../history/index.ts";
import { linearizations } from "./order.ts";

const operationsOf = (...lines: readonly string[]): Operation[] => readOperations(parseEvents(lines, "json"));
const event = (type: string, process: number, f: string, key: string, value: number | null): string =>
  JSON.stringify({ type, process, f, key, value });

const overlapping = [
  event("invoke", 0, "write", "x", 1),
  event("invoke", 1, "read", "x", null),
  event("invoke", 2, "write", "y", 7),
  event("ok", 0, "write", "x", 1),
  event("invoke", 0, "write", "x", 2),
  event("ok", 1, "read", "x", 2),
  event("ok", 2, "write", "y", 7),
];

test("each key has an order that explains its answers and keeps real time", () => {
  const orders = linearizations(operationsOf(...overlapping), "register");
  expect(orders?.map((order) => order.map(({ f, key, input }) => [f, key, input]))).toEqual([
    [
      ["write", "x", 1],
      ["write", "x", 2],
      ["read", "x", null],
    ],
    [["write", "y", 7]],
  ]);
});

test("no order, or no budget to find one: undefined", () => {
  const wrong = operationsOf(event("invoke", 0, "read", "x", null), event("ok", 0, "read", "x", 5));
  expect(linearizations(wrong, "register")).toBeUndefined();
});
