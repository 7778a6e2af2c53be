import { Command, CommanderError } from "commander";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, describe, expect, test, vi } from "vitest";
import { checkCommand } from "./check.ts";
import { reportError } from "./output.ts";

const root = join(import.meta.dirname, "../..");
const histories = join(root, "testdata/histories");
const scratch = mkdtempSync(join(tmpdir(), "cohort-check-"));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const exitCodeNow = (): number => Number(process.exitCode ?? 0);

/** Runs the command in this process, as the command line does. */
async function run(...args: readonly string[]): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const writes = [
    vi.spyOn(process.stdout, "write").mockImplementation((text) => out.push(String(text)) > 0),
    vi.spyOn(process.stderr, "write").mockImplementation((text) => err.push(String(text)) > 0),
  ];
  const before = process.exitCode;
  process.exitCode = 0;
  let code: number;
  try {
    await new Command("cohort")
      .exitOverride()
      .addCommand(checkCommand())
      .parseAsync(["node", "cohort", "check", ...args]);
    code = exitCodeNow();
  } catch (error) {
    code =
      error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportError(error, args.includes("--json"));
  }
  process.exitCode = before;
  for (const write of writes) write.mockRestore();
  return { code, out: out.join(""), err: err.join("") };
}

interface Expected {
  readonly file: string;
  readonly format: string;
  readonly model: string;
  readonly property: string;
  readonly arguments?: readonly string[];
  readonly verdict: "holds" | "broken" | "undecided";
}

const expected = JSON.parse(readFileSync(join(histories, "expected.json"), "utf8")) as readonly Expected[];
const exitCodes = { holds: 0, broken: 1, undecided: 3 };

describe("known histories", () => {
  test.each(expected)(
    "$file: $model, $property $arguments → $verdict",
    async ({ file, format, model, property, arguments: more = [], verdict }) => {
      const { code, out } = await run(
        join(histories, file),
        "--model",
        model,
        "--property",
        property,
        "--json",
        ...more,
      );
      expect(JSON.parse(out)).toMatchObject({ verdict, format, model, property });
      expect(code).toBe(exitCodes[verdict]);
      const said = await run(
        join(histories, file),
        "--format",
        format,
        "--model",
        model,
        "--property",
        property,
        ...more,
      );
      expect(said.out).toMatch(new RegExp(`^${verdict} `));
    },
  );

  test("models and properties are found out", async () => {
    for (const { file, model } of expected.filter(({ arguments: more }) => more === undefined)) {
      const { out } = await run(join(histories, file), "--json");
      expect([file, (JSON.parse(out) as Expected).model]).toEqual([file, model]);
    }
  });
});

describe("what people see", () => {
  test("a witness reads well", async () => {
    const { out } = await run(join(histories, "write-skew.edn"), "--property", "serializable");
    expect(out.replace(/of \S*write-skew/, "of write-skew"))
      .toBe(`broken  serializable, list-append, 3 operations of write-skew.edn: write skew (G2-item)
  2 transactions each of which must precede the next: write skew (G2-item)

   #1  process 0  r 1 → [], append 2 10  lines 1–3
   #2  process 1  r 2 → [], append 1 20  lines 2–4

Each must precede the next:
  #1 ─rw→ #2  this one read 1 before the next one wrote it
  #2 ─rw→ #1  this one read 2 before the next one wrote it
`);
  });

  test("an order that gets stuck is told with its state", async () => {
    const { out } = await run(join(histories, "cas-register-stale.log"));
    expect(out).toContain("✗");
    expect(out).toContain("it answered 1, but the cas-register then holds 2");
  });

  test("a page stands for itself and escapes what it shows", async () => {
    const file = join(scratch, "<b>.jsonl");
    const lines = ["write", "read"].flatMap((f, at) => [
      { type: "invoke", process: "<i>", f, value: f === "write" ? "<script>" : null },
      { type: "ok", process: "<i>", f, value: at === 0 ? "<script>" : "</svg>" },
    ]);
    writeFileSync(file, lines.map((line) => JSON.stringify(line)).join("\n"));
    const page = join(scratch, "page.html");
    const { code, out } = await run(file, "--html", page);
    expect(code).toBe(1);
    expect(out).toContain("Drawn in");
    const html = readFileSync(page, "utf8");
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).not.toMatch(/<script|<i>|src=|href=/);
    expect(html.match(/<svg/g)).toHaveLength(1);
  });

  test("a page stays small however long the history is", async () => {
    const file = join(scratch, "long.jsonl");
    const lines = Array.from({ length: 20_000 }, (_, at) => {
      const f = at % 2 === 0 ? "write" : "read";
      const value = at === 15_001 ? 7 : at - (at % 2);
      return `{"type":"invoke","process":${at % 5},"f":"${f}","value":${f === "read" ? null : value}}\n{"type":"ok","process":${at % 5},"f":"${f}","value":${value}}`;
    });
    writeFileSync(file, lines.join("\n"));
    const page = join(scratch, "long.html");
    const { code } = await run(file, "--html", page);
    expect(code).toBe(1);
    expect(readFileSync(page, "utf8").length).toBeLessThan(100_000);
  });

  test("help has an example and the exit codes", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    expect(out).toMatch(/Example:\n {2}cohort check/);
    expect(out).toMatch(/0 holds, 1 broken, 2 .*, 3 undecided/);
  });
});

describe("what is wrong is told, with exit code 2", () => {
  const file = join(histories, "stale-read.jsonl");
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["/no/such/file"], /cannot read \/no\/such\/file/],
    [[file, "--model", "frog"], /--model frog: there are register/],
    [[file, "--property", "nice"], /--property nice: there are linearizable/],
    [[file, "--format", "xml"], /--format xml: there are json/],
    [[file, "--property", "bounded-staleness"], /needs a bound/],
    [[file, "--property", "bounded-staleness", "--bound", "soon"], /--bound soon: write a duration/],
    [[file, "--property", "serializable"], /not defined for the model register/],
    [[file, "--model", "counter"], /line 1: the model counter has no operation "write"/],
    [[file, "--model", "counter", "--initial", "x"], /initial value of a counter is a whole number/],
    [[file, "--format", "edn"], /line 1: /],
    [[file, "--time-limit", "0.5 moons"], /--time-limit/],
    [[file, "--memory-limit", "-3"], /--memory-limit/],
    [[file, "--html", "/no/such/place.html"], /cannot write/],
    [[file, "--frog"], /unknown option/],
    [[], /missing required argument/],
  ];
  test.each(cases)("%j", async (args, message) => {
    const { code, err } = await run(...args);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });

  test("a bad line is named, also as JSON", async () => {
    const bad = join(scratch, "bad.jsonl");
    writeFileSync(bad, '{"type":"invoke","process":0,"f":"read"}\r\n{"type":"ok","process":1,"f":"read"}\n');
    const { code, err } = await run(bad, "--json");
    expect(code).toBe(2);
    expect(JSON.parse(err)).toMatchObject({
      error: { detail: expect.stringContaining("line 2: process 1 completes read, which it did not invoke") as string },
    });
  });
});

test("limits give undecided, exit code 3", async () => {
  const file = join(scratch, "hard.jsonl");
  const adds = Array.from({ length: 22 }, (_, at) => ({ type: "invoke", process: at, f: "add", value: 2 ** at * 3 }));
  const reads = [
    { type: "invoke", process: 90, f: "read" },
    { type: "ok", process: 90, f: "read", value: 1 },
  ];
  const first = { type: "invoke", process: 91, f: "add", value: -1 };
  writeFileSync(file, [first, ...adds, ...reads].map((line) => JSON.stringify(line)).join("\n"));
  const { code, out } = await run(file, "--model", "counter", "--property", "linearizable", "--time-limit", "50ms");
  expect(out).toMatch(/^undecided .*\n.*50 ms/);
  expect(code).toBe(3);
});

test("as a process, from standard input", () => {
  const program = `import { Command } from "commander"; import { checkCommand } from "./src/cli/check.ts"; await new Command("cohort").addCommand(checkCommand()).parseAsync(process.argv);`;
  const args = ["--input-type=module", "-e", program, "check", "check", "-", "--json"];
  const input = readFileSync(join(histories, "stale-read.jsonl"));
  const ran = spawnSync(process.execPath, args, { cwd: root, input });
  expect(ran.status).toBe(1);
  expect(JSON.parse(String(ran.stdout))).toMatchObject({ verdict: "broken", format: "json", operations: 3 });
  const good = execFileSync(process.execPath, [...args.slice(0, 5), join(histories, "kv-appends.edn")], { cwd: root });
  expect(String(good)).toMatch(/^holds /);
});

describe("several histories in one process", () => {
  const good = join(histories, "cas-register-timeout.log");
  const bad = join(histories, "cas-register-stale.log");

  test("a verdict for each, and one exit code for all", async () => {
    const ran = await run(good, bad, "--model", "cas-register", "--json");
    const { verdict, counts, files } = JSON.parse(ran.out) as {
      readonly verdict: string;
      readonly counts: object;
      readonly files: readonly { readonly file: string; readonly verdict: string }[];
    };
    expect(ran.code).toBe(1);
    expect({ verdict, counts }).toMatchObject({ verdict: "broken", counts: { holds: 1, broken: 1, undecided: 0 } });
    expect(files.map((each) => [each.file, each.verdict])).toEqual([
      [good, "holds"],
      [bad, "broken"],
    ]);
    expect((await run(good, good)).code).toBe(0);
  });

  test("of a directory, its histories; one that is none is named, and the others are judged", async () => {
    const directory = mkdtempSync(join(scratch, "several-"));
    writeFileSync(join(directory, "a.log"), readFileSync(good));
    writeFileSync(join(directory, "notes.md"), "not a history");
    expect(await run(directory)).toMatchObject({ code: 0, out: expect.stringContaining("a.log") as string });
    writeFileSync(join(directory, "b.txt"), "hello\n");
    const ran = await run(directory);
    expect(ran.code).toBe(2);
    expect(ran.out).toMatch(/b\.txt: line 1: no known format/);
    expect(ran.out).toMatch(/2 histories: 1 holds, 1 cannot be judged/);
    expect(await run(mkdtempSync(join(scratch, "empty-")))).toMatchObject({ code: 2 });
    expect(await run(good, bad, "--html", join(scratch, "x.html"))).toMatchObject({ code: 2 });
  });
});
