import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hmacSha256, sessionTokens } from "./session.ts";

const sessions = sessionTokens("cluster-a");
const codeOf = (token: string): string => {
  try {
    sessions.decode(token);
    return "accepted";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test("a token comes back as it went out", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.nat(100), fc.maxSafeNat()), { selector: ([group]) => group, maxLength: 20 }),
      (pairs) => {
        const token = sessions.encode(new Map(pairs));
        expect([...sessions.decode(token)]).toEqual(pairs);
      },
    ),
  );
});

test("a token is at most 2048 characters, whatever it has to remember, and keeps group 0 and the latest", () => {
  const long = sessionTokens("c".repeat(64));
  fc.assert(
    fc.property(fc.nat(400), fc.constantFrom(1, 2 ** 20, Number.MAX_SAFE_INTEGER), (count, position) => {
      const pairs = Array.from({ length: count + 1 }, (_, group): [number, number] => [
        group === 0 ? 0 : 2 ** 31 - group,
        position,
      ]);
      const token = long.encode(new Map(pairs));
      expect(token.length).toBeLessThanOrEqual(2048);
      const kept = [...long.decode(token)];
      expect(kept[0]).toEqual(pairs[0]);
      expect(kept.at(-1)).toEqual(pairs.at(-1));
      if (count <= 100) expect(kept).toEqual(pairs);
    }),
  );
});

test("no changed token is accepted", () => {
  const token = sessions.encode(new Map([[0, 123_456]]));
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom(..."ABCxyz019-_".split("")), (at, letter) => {
      fc.pre(token[at] !== letter);
      const changed = token.slice(0, at) + letter + token.slice(at + 1);
      expect(codeOf(changed)).toMatch(/^(bad|foreign)-token$/);
    }),
  );
});

test.each([
  ["of another cluster", sessionTokens("cluster-b").encode(new Map([[0, 5]])), "foreign-token"],
  ["signed with another secret", sessionTokens("cluster-a", "s").encode(new Map([[0, 5]])), "bad-token"],
  ["of a later version", Buffer.from([9, ...Buffer.alloc(40)]).toString("base64url"), "bad-token"],
  ["cut short", sessions.encode(new Map([[0, 5]])).slice(0, -4), "bad-token"],
  ["with a letter more", `${sessions.encode(new Map([[0, 5]]))}x`, "bad-token"],
  ["tiny", "AAAA", "bad-token"],
  ["empty", "", "bad-token"],
  ["huge", "A".repeat(5000), "bad-token"],
  ["not base64url", "a b+c/", "bad-token"],
])("a token %s is refused", (_, token, code) => {
  expect(codeOf(token)).toBe(code);
});

test("the signature is an HMAC", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 200 }), (key, message) => {
      const expected = createHmac("sha256", key).update(message).digest("hex");
      expect(Buffer.from(hmacSha256(key)(message)).toString("hex")).toBe(expected);
    }),
  );
});
