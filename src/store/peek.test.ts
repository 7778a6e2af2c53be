import { expect, test } from "vitest";
import { decodeCommand, encodeCommand } from "./command-codec.ts";
import type { Operation } from "./command.ts";
import { storeErrorCodes } from "./errors.ts";
import { errorCodeOf, isBareCommand, sessionOf, wrapInSession } from "./peek.ts";
import { encodeResult } from "./result.ts";

const operation: Operation = { kind: "increment", counter: "c", by: 1 };

test("a bare command put into a session is the one that the codec makes", () => {
  const bare = encodeCommand({ envelope: { kind: "none" }, operation });
  const wrapped = wrapInSession(bare, 300, 7, 5);
  const envelope = { kind: "session", session: 300, sequence: 7, floor: 5 } as const;
  expect(wrapped).toEqual(encodeCommand({ envelope, operation }));
  expect(decodeCommand(wrapped).envelope).toEqual(envelope);
  expect([isBareCommand(bare), isBareCommand(wrapped)]).toEqual([true, false]);
  expect([sessionOf(bare), sessionOf(wrapped)]).toEqual([undefined, 300]);
});

test("an idempotency key is an envelope too", () => {
  expect(isBareCommand(encodeCommand({ envelope: { kind: "idempotent", key: "k" }, operation }))).toBe(false);
});

test("errors are told from other results, each by its code", () => {
  for (const code of storeErrorCodes)
    expect(errorCodeOf(encodeResult({ kind: "error", code, detail: "", revision: undefined }))).toBe(code);
  expect(errorCodeOf(encodeResult({ kind: "done", revision: 6 }))).toBeUndefined();
});
