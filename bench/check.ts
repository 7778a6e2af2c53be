/**
 * How fast `cohort check` is, as a user runs it: whole processes, files read and judged.
 *
 *     npm run bench -- check                        generated histories of a million operations
 *     npm run bench -- check --histories DIRECTORY  recorded ones too: its `etcd/*.log` (Jepsen) and `kv/*.txt` (Porcupine's key-value logs)
 *
 * Porcupine itself is not run beside it: its Go module is in no Debian package.
 */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { seededRandom } from "../src/base/index.ts";

interface Row {
  readonly what: string;
  readonly ms: number;
  readonly megabytes: number;
  readonly verdict: string;
  readonly goal: string;
}

const main = join(import.meta.dirname, "../src/cli/main.ts");
/** Tells the most memory that the process held. */
const watcher =
  'data:text/javascript,process.on("exit",()=>process.stderr.write("\\nmost "+process.resourceUsage().maxRSS+"\\n"))';

function judge(files: readonly string[], options: readonly string[]): Pick<Row, "ms" | "megabytes" | "verdict"> {
  const begun = performance.now();
  let megabytes = 0;
  const verdicts = new Set<string>();
  for (const file of files) {
    const run = spawnSync(process.execPath, ["--import", watcher, main, "check", file, ...options, "--json"], {
      encoding: "utf8",
    });
    if (run.stdout === "") throw new Error(`${file}: ${run.stderr}`);
    verdicts.add((JSON.parse(run.stdout) as { readonly verdict: string }).verdict);
    megabytes = Math.max(megabytes, Number(/most (\d+)/.exec(run.stderr)?.[1] ?? 0) / 1024);
  }
  return { ms: performance.now() - begun, megabytes, verdict: [...verdicts].sort().join(", ") };
}

/** Writes lines to a file, many at a time. */
function write(path: string, lines: Iterable<string>): void {
  const file = openSync(path, "w");
  let waiting: string[] = [];
  for (const line of lines) {
    waiting.push(line);
    if (waiting.length < 10_000) continue;
    writeSync(file, `${waiting.join("\n")}\n`);
    waiting = [];
  }
  if (waiting.length > 0) writeSync(file, `${waiting.join("\n")}\n`);
  closeSync(file);
}

const clients = 50;

interface Running {
  readonly process: number;
  readonly takesEffect: number;
  readonly returns: number;
  readonly begins: string;
  readonly ends: () => string;
}

/** Clients whose operations overlap, and take effect somewhere between call and return, on what `begin` keeps. */
function* overlapping(
  count: number,
  begin: (process: number, id: number) => { readonly invoke: string; readonly effect: () => string },
): Generator<string> {
  const random = seededRandom(7);
  const running: (Running & { ok: string | undefined })[] = [];
  let now = 0;
  let begun = 0;
  const free = Array.from({ length: clients }, (_, i) => i);
  while (begun < count || running.length > 0) {
    now++;
    if (begun < count && free.length > 0 && random.below(3) > 0) {
      const process = free.splice(random.below(free.length), 1)[0]!;
      const { invoke, effect } = begin(process, ++begun);
      const takesEffect = now + 1 + random.below(60);
      running.push({
        process,
        takesEffect,
        returns: takesEffect + 1 + random.below(60),
        begins: invoke,
        ends: effect,
        ok: undefined,
      });
      yield invoke;
    }
    for (let i = running.length - 1; i >= 0; i--) {
      const one = running[i]!;
      if (one.ok === undefined && one.takesEffect <= now) one.ok = one.ends();
      if (one.ok === undefined || one.returns > now) continue;
      yield one.ok;
      free.push(one.process);
      running.splice(i, 1);
    }
  }
}

function* registers(count: number): Generator<string> {
  const random = seededRandom(1);
  let value: number | null = null;
  yield* overlapping(count, (process, id) => {
    const writes = random.below(2) === 0;
    const f = writes ? "write" : "read";
    const line = (type: string, what: number | null): string => JSON.stringify({ type, process, f, value: what });
    return {
      invoke: line("invoke", writes ? id : null),
      effect: () => {
        if (writes) value = id;
        return line("ok", value);
      },
    };
  });
}

function* listAppends(count: number): Generator<string> {
  const random = seededRandom(2);
  const lists = new Map<number, number[]>();
  const appendsPerKey = 16;
  let appended = 0;
  const keys = 8;
  yield* overlapping(count, (process, id) => {
    const steps = Array.from({ length: 1 + random.below(4) }, (_, step) => ({
      appends: random.below(2) === 0,
      key: Math.floor(appended++ / (appendsPerKey * keys)) * keys + random.below(keys),
      value: id * 10 + step,
    }));
    const line = (type: string, value: unknown): string => JSON.stringify({ type, process, f: "txn", value });
    return {
      invoke: line(
        "invoke",
        steps.map(({ appends, key, value }) => (appends ? ["append", key, value] : ["r", key, null])),
      ),
      effect: () =>
        line(
          "ok",
          steps.map(({ appends, key, value }) => {
            const list = lists.get(key) ?? [];
            if (!appends) return ["r", key, [...list]];
            lists.set(key, [...list, value]);
            return ["append", key, value];
          }),
        ),
    };
  });
}

function recorded(directory: string): Row[] {
  const files = (folder: string, end: string): string[] => {
    const path = join(directory, folder);
    return readdirSync(path)
      .filter((name) => name.endsWith(end))
      .sort()
      .map((name) => join(path, name));
  };
  const rows: Row[] = [];
  const groups = [
    { what: "etcd logs of Jepsen", model: "cas-register", files: files("etcd", ".log") },
    ...files("kv", ".txt").map((file) => ({ what: file.split("/").at(-1)!, model: "kv", files: [file] })),
  ];
  for (const { what, model, files: chosen } of groups) {
    const ours = judge(chosen, ["--model", model, "--property", "linearizable"]);
    const name = chosen.length === 1 ? what : `${chosen.length} ${what}, a process each`;
    rows.push({ what: name, ...ours, goal: "" });
  }
  return rows;
}

export function benchCheck(json: boolean, histories: string | undefined, operations = 1_000_000): void {
  const directory = mkdtempSync(join(tmpdir(), "cohort-check-"));
  const rows: Row[] = [];
  try {
    const generated = [
      {
        what: "register, distinct values",
        lines: registers,
        model: "register",
        property: "linearizable",
        goal: "10 s, 2 GB",
      },
      {
        what: "list-append transactions",
        lines: listAppends,
        model: "list-append",
        property: "strict-serializable",
        goal: "30 s",
      },
    ];
    for (const { what, lines, model, property, goal } of generated) {
      const file = join(directory, `${model}.jsonl`);
      write(file, lines(operations));
      const told = judge([file], ["--model", model, "--property", property, "--memory-limit", "8000"]);
      rows.push({ what: `${operations.toLocaleString("en")} ${what}, ${clients} clients`, ...told, goal });
    }
    if (histories !== undefined) rows.push(...recorded(histories));
  } finally {
    rmSync(directory, { recursive: true });
  }
  if (json) {
    console.log(JSON.stringify(rows));
    return;
  }
  console.log("| history | cohort check, whole processes | most memory | verdict | goal |");
  console.log("|---|---|---|---|---|");
  for (const { what, ms, megabytes, verdict, goal } of rows)
    console.log(`| ${what} | ${(ms / 1000).toFixed(2)} s | ${Math.round(megabytes)} MB | ${verdict} | ${goal} |`);
}
