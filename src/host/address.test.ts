import { expect, test } from "vitest";
import { parseAddress } from "./address.ts";

test.each([
  ["127.0.0.1:7301", { host: "127.0.0.1", port: 7301 }],
  ["[::1]:1", { host: "::1", port: 1 }],
  ["node-1.example:65535", { host: "node-1.example", port: 65_535 }],
])("%s is an address", (text, address) => {
  expect(parseAddress(text)).toEqual(address);
});

test.each(["7301", "host:", ":7301", "host:70000", "::1:7301", "host:7301:1", "http://host:1", ""])(
  '"%s" is none',
  (text) => {
    expect(() => parseAddress(text)).toThrow(/write host:port, for example/);
  },
);
