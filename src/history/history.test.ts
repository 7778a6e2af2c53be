import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  detectFormat,
  equalValues,
  formats,
  isFormat,
  parseEvents,
  readOperations,
  valueText,
  writeHistory,
} from "./index.ts";
import type { Format, HistoryEvent, Operation, Value } from "./index.ts";

const parse = (lines: readonly string[], keyed = false): Operation[] => {
  const found = detectFormat(lines);
  return readOperations(parseEvents(found.lines, found.format, { keyed }));
};

describe("formats are recognised and read", () => {
  const cases: readonly (readonly [Format, readonly string[], Partial<Operation>])[] = [
    [
      "json",
      [
        '{"type":"invoke","process":1,"f":"read","key":"x","timeMs":1.5}',
        '{"type":"ok","process":1,"f":"read","value":[1,"a"]}',
      ],
      { process: 1, f: "read", key: "x", output: [1, "a"], callMs: 1.5, outcome: "ok" },
    ],
    [
      "json",
      [
        "",
        '{"type":"invoke","process":"a","f":"write","value":12345678901234567890}',
        '{"type":"info","process":"a","f":"write"}',
      ],
      { input: "12345678901234567890", outcome: "unknown", ret: Infinity, line: 2 },
    ],
    [
      "edn",
      ["{:process 0, :type :invoke, :f :cas, :value [1 2]}", "{:process 0, :type :fail, :f :cas, :value [1 2]}"],
      { f: "cas", input: [1, 2], outcome: "fail", output: null },
    ],
    [
      "edn",
      [
        "[{:type :invoke, :process :nemesis, :f :start}",
        " #jepsen.history.Op{:type :invoke, :process 3, :f :txn, :value [[:append 1 2] [:r 1 nil]], :time 2000000}",
        "{:type :ok, :process 3, :f :txn, :value [[:append 1 2] [:r 1 [2]]]}]",
      ],
      {
        process: 3,
        input: [
          ["append", 1, 2],
          ["r", 1, null],
        ],
        output: [
          ["append", 1, 2],
          ["r", 1, [2]],
        ],
        callMs: 2,
        line: 2,
      },
    ],
    [
      "edn",
      [
        '{:process 0 :type :invoke :f :append :key "k" :value "x \\"q\\" y"} ; a remark',
        "{:process 0 :type :info :f :append #_ignored :value :timed-out}",
      ],
      { key: "k", input: 'x "q" y', outcome: "unknown", retLine: 2 },
    ],
    [
      "jepsen-log",
      [
        "2020 INFO [jepsen worker 0] jepsen.util - 0\t:invoke\t:write\t3",
        "INFO  jepsen.core - something else",
        "INFO  jepsen.util - :nemesis\t:info\t:start\tnil",
        "INFO  jepsen.util - 0\t:info\t:write\t:timed-out",
      ],
      { f: "write", input: 3, outcome: "unknown", retLine: 4 },
    ],
    [
      "awdit",
      ["w 0 1", "r 1 a", "-----", "r 0 1"],
      {
        f: "txn",
        process: 0,
        output: [
          ["w", 0, 1],
          ["r", 1, "a"],
        ],
        input: [
          ["w", 0, 1],
          ["r", 1, null],
        ],
      },
    ],
    [
      "plume",
      ["w(1,0,7,0)", "r(2,5,7,0)"],
      {
        f: "txn",
        process: 7,
        output: [
          ["w", 1, 0],
          ["r", 2, 5],
        ],
      },
    ],
  ];
  test.each(cases)("%s: %j", (format, lines, expected) => {
    expect(detectFormat(lines).format).toBe(format);
    expect(parse(lines)[0]).toMatchObject(expected);
  });

  test("independent keys are taken out of the value", () => {
    const lines = ["INFO  jepsen.util - 0\t:invoke\t:write\t[9 3]", "INFO  jepsen.util - 0\t:info\t:write\t:timed-out"];
    expect(parse(lines, true)[0]).toMatchObject({ key: 9, input: 3, outcome: "unknown" });
  });

  test("what is open at the end is unknown, without a line of completion", () => {
    const [only] = parse(["{:process 0, :type :invoke, :f :read, :value nil}"]);
    expect(only).toMatchObject({ outcome: "unknown", ret: Infinity });
    expect(only?.retLine).toBeUndefined();
  });
});

describe("bad input names the line and what was expected", () => {
  const cases: readonly (readonly [readonly string[], RegExp, boolean?])[] = [
    [[], /empty/],
    [["", "  "], /empty/],
    [["", "what is this"], /line 2: no known format.*json:.*awdit:/s],
    [['{"type":"invoke"'], /line 1: not JSON/],
    [['{"type":"begin","process":0,"f":"read"}'], /line 1: "type" is .*begin.*expected "invoke"/],
    [['{"type":"invoke","f":"read"}'], /line 1: no "process"/],
    [['{"type":"invoke","process":0}'], /line 1: no "f"/],
    [['{"type":"invoke","process":0,"f":"read","timeMs":"now"}'], /"timeMs" is no number/],
    [['{"type":"invoke","process":0,"f":"read","consistency":7}'], /"consistency" is no text/],
    [
      ['{"type":"invoke","process":0,"f":"read"}', '{"type":"invoke","process":0,"f":"read"}'],
      /line 2: process 0 invokes read while its read of line 1 is open/,
    ],
    [['{"type":"ok","process":0,"f":"read"}'], /line 1: process 0 completes read, which it did not invoke/],
    [
      ['{"type":"invoke","process":0,"f":"read"}', '{"type":"ok","process":0,"f":"write"}'],
      /line 2: process 0 completes write, but line 1 invoked read/,
    ],
    [["{:process 0, :type :invoke, :f :read", "x"], /line 1: the line ends early/],
    [["{:process 0, :type :go, :f :read}"], /line 1: :type is go/],
    [["{:type :invoke, :f :read}"], /line 1: no :process/],
    [["{:process 0, :type :invoke}"], /line 1: no :f/],
    [["{:process 0, :type :invoke, :f :read, :value}"], /line 1: a map with a name and no value/],
    [['{:process 0, :type :invoke, :f :read, :value "x}'], /line 1: a text without an end/],
    [[`{:process 0, :type :invoke, :f :read, :value ${"[".repeat(500)}}`], /nested too deeply/],
    [["{:process 0, :type :invoke, :f :write, :value 1/2}"], /cannot read "1\/2"/],
    [["INFO  jepsen.util - 0\t:invoke\t:write\t3", "INFO  jepsen.util - 0 what"], /line 2: cannot read/],
    [["{:process 0, :type :invoke, :f :write, :value 3}"], /line 1: the value .* has no key/, true],
    [["w 0 1", "x 0 1"], /line 2: cannot read "x 0 1"; expected `r KEY VALUE`/],
    [["w(0,1,0,0)", "w(0,1,0)"], /line 2: cannot read/],
    [["w(0,1,0,0)", "w(0,1,0,1)", "w(0,3,0,0)"], /line 3: transaction 0 of session 0 goes on/],
  ];
  test.each(cases.map(([lines, message, keyed]) => ({ lines, message, keyed })))(
    "$message",
    ({ lines, message, keyed }) => {
      expect(() => parse(lines, keyed ?? false)).toThrow(message);
    },
  );
});

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer({ min: -1_000_000, max: 1_000_000 }),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.array(fc.integer(), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom("a", "b", "7"), fc.integer(), { maxKeys: 2 }),
);

/** Well-formed events: each process alternates between an invocation and its completion. */
function eventsFrom(
  steps: readonly (readonly [number, Value, "ok" | "fail" | "unknown"])[],
  keyed: boolean,
): HistoryEvent[] {
  const open = new Map<number, string>();
  return steps.map(([owner, content, end], at): HistoryEvent => {
    const f = open.get(owner);
    const common = {
      process: owner,
      key: keyed ? "k" : undefined,
      value: content,
      timeMs: at,
      consistency: undefined,
      line: at + 1,
    };
    if (f === undefined) {
      open.set(owner, at % 2 === 0 ? "read" : "write");
      return { ...common, type: "invoke", f: at % 2 === 0 ? "read" : "write" };
    }
    open.delete(owner);
    return { ...common, type: end, f };
  });
}

const steps = fc.array(
  fc.tuple(fc.nat(3), value, fc.constantFrom("ok" as const, "fail" as const, "unknown" as const)),
  { minLength: 1, maxLength: 20 },
);

/** What a round trip keeps: everything but line numbers, and when an unknown outcome was noticed. */
const essence = (operations: readonly Operation[]): unknown => {
  const moments = operations.flatMap(({ call, ret }) => [call, ret]).sort((a, b) => a - b);
  return operations.map(({ process: owner, f, key, input, output, outcome, call, ret }) => [
    owner,
    f,
    key,
    valueText(input),
    valueText(output),
    outcome,
    moments.indexOf(call),
    ret === Infinity ? ret : moments.indexOf(ret),
  ]);
};

describe("what is written is read again", () => {
  test.each([
    ["json", true],
    ["json", false],
    ["edn", true],
    ["edn", false],
    ["jepsen-log", true],
    ["jepsen-log", false],
  ] as const)("%s, keys %s", (format, keyed) => {
    fc.assert(
      fc.property(steps, (list) => {
        const operations = readOperations(eventsFrom(list, keyed));
        const lines = [...writeHistory(operations, format)].map((line) => line.replaceAll("\n", " "));
        const again = readOperations(parseEvents(lines, format, { keyed: keyed && format === "jepsen-log" }));
        expect(essence(again)).toEqual(essence(operations));
      }),
      { numRuns: 60 },
    );
  });

  test.each(["awdit", "plume"] as const)("%s", (format) => {
    const part = fc.tuple(fc.constantFrom("r", "w"), fc.nat(5), fc.nat(9));
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.array(part, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 4,
        }),
        (sessions) => {
          const lines = sessions.flatMap((transactions, session) => [
            ...(session > 0 ? ["====="] : []),
            ...transactions.flatMap((parts, at) => [
              ...(at > 0 ? ["-----"] : []),
              ...parts.map((step) => step.join(" ")),
            ]),
          ]);
          const operations = readOperations(parseEvents(lines, "awdit"));
          const again = readOperations(parseEvents(writeHistory(operations, format), format));
          const shape = (list: readonly Operation[]): unknown =>
            list.map(({ process: owner, output }) => [owner, output]);
          // Plume's sessions are told apart by their last line, so that they end in another order.
          const sorted = (list: readonly Operation[]): Operation[] =>
            [...list].sort((a, b) => Number(a.process) - Number(b.process));
          expect(shape(sorted(again))).toEqual(shape(sorted(operations)));
        },
      ),
      { numRuns: 40 },
    );
  });

  test("formats of sessions refuse what they cannot say", () => {
    const failed = parse([
      "{:process 0, :type :invoke, :f :txn, :value [[:r 1 nil]]}",
      "{:process 0, :type :fail, :f :txn, :value [[:r 1 nil]]}",
    ]);
    expect(() => [...writeHistory(failed, "awdit")]).toThrow(/committed transactions only/);
    const read = parse([
      "{:process 0, :type :invoke, :f :read, :value nil}",
      "{:process 0, :type :ok, :f :read, :value 1}",
    ]);
    expect(() => [...writeHistory(read, "plume")]).toThrow(/expected transactions/);
  });
});

test("every format has an example that is recognised", () => {
  for (const [name, { example }] of Object.entries(formats)) {
    expect(detectFormat([example]).format).toBe(name);
    expect(isFormat(name)).toBe(true);
  }
  expect(isFormat("toString")).toBe(false);
});

test("no line of noise does anything but parse or be refused with a line", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 30 }), { maxLength: 5 }),
      fc.constantFrom(...Object.keys(formats)),
      (lines, format) => {
        if (!isFormat(format)) throw new Error(format);
        try {
          readOperations(parseEvents(lines, format));
        } catch (error) {
          expect(error).toMatchObject({ name: "HistoryError" });
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("equality is of content", () => {
  expect(equalValues({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true);
  expect(equalValues([1], ["1"])).toBe(false);
  expect(equalValues(null, 0)).toBe(false);
});
