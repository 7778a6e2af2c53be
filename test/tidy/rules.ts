/** The house rules that neither the compiler nor the linter holds. Each offence names what to do instead. */
import { importsOf, lineOf, stripSource } from "./scan.ts";

export interface Offence {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const leaves = ["clock", "core", "quorum", "crdt", "placement", "contract", "wal"] as const;
const protocols = ["raft", "dynamo", "gossip", "store", "txn"] as const;
const belowNode = ["base", ...leaves, ...protocols] as const;
const verdicts = ["history", "check", "workload"] as const;

/** Which rooms a room may import, besides itself. Imports point one way; ARCHITECTURE.md draws it. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  ...Object.fromEntries(leaves.map((room) => [room, ["base", ...leaves]])),
  ...Object.fromEntries(protocols.map((room) => [room, ["base", ...leaves]])),
  node: belowNode,
  sim: [...belowNode, "node", "wire", "client", ...verdicts],
  model: ["base", "contract", "quorum", "placement"],
  plot: ["base"],
  wire: ["base", "contract"],
  host: [...belowNode, "node", "wire"],
  history: ["base", "contract"],
  check: ["base", "contract", "history"],
  workload: ["base", "contract", "history", "check"],
  // The bytes of commands and results, and nothing else of the store.
  client: ["base", "contract", "store", "txn", "wire"],
  api: [...belowNode, "node", "host", "sim"],
  lab: [...belowNode, "node", "host", "sim", "client", ...verdicts],
  cli: [...belowNode, "node", "host", "sim", "api", "client", "lab", "model", "plot", ...verdicts],
};

/** Rooms whose code is synchronous and deterministic, and runs in a browser as it is. */
const pureRooms: ReadonlySet<string> = new Set([...belowNode, "node", "wire", "history", "check", "model", "plot"]);

/** `always`: also as a property, such as `a.localeCompare(b)`. */
const forbidden: readonly { readonly pattern: RegExp; readonly instead: string; readonly always?: true }[] = [
  { pattern: /\bDate\b|\bperformance\b/g, instead: "take the time from the `Reading` that `step` is given" },
  { pattern: /\bMath\.random\b|\bcrypto\b/g, instead: "draw from the `Random` that the core was opened with" },
  {
    pattern: /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/g,
    instead: "say in `wakeAt` when the core wants to be woken",
  },
  {
    pattern: /\basync\b|\bawait\b|\bPromise\b/g,
    instead:
      "emit an effect and handle the event that answers it; asynchronous code belongs into host/, client/ or above",
  },
  {
    pattern: /\bprocess\b|\bBuffer\b|\brequire\b/g,
    instead: "use Uint8Array and what is passed in: this code runs in browsers too",
  },
  {
    pattern: /\blocaleCompare\b|\bIntl\b|\btoLocale\w*/g,
    instead: "compare with `<`, or `compareBytes`: locales differ between machines",
    always: true,
  },
];

const maxLines = 500;
const isTest = (path: string): boolean => /\.(?:test|suite|testing)\.ts$/.test(path);
const roomOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1];

/** Everything wrong with one source file. `path` is relative to the repository, with `/`. */
export function inspect(path: string, text: string): Offence[] {
  const offences: Offence[] = [];
  const report = (line: number, message: string): void => void offences.push({ path, line, message });
  checkMarkers(text, report);
  const room = roomOf(path);
  if (room === undefined) return offences;
  if (!(room in mayImport))
    report(1, `the room "${room}" is not in the table of test/tidy/rules.ts: say there what it may import`);
  if (path === `src/${room}/index.ts` && !text.startsWith("/**")) {
    report(1, "a room's index.ts opens with a comment that states its idea and what it does not do");
  }
  if (isTest(path)) return offences;
  const lines = text.split("\n").length - 1;
  if (lines >= maxLines) report(maxLines, `${lines} lines; split the file so that each part is under ${maxLines}`);
  checkImports(path, room, text, report);
  if (pureRooms.has(room)) checkPurity(room, text, report);
  return offences;
}

type Report = (line: number, message: string) => void;

function checkMarkers(text: string, report: Report): void {
  for (const match of text.matchAll(/\b(?:TO(?=DO)DO|FIX(?=ME)ME|XX(?=X)X)\b/g)) {
    report(lineOf(text, match.index), `"${match[0]}": do it now, or open an issue`);
  }
}

function checkImports(path: string, room: string, text: string, report: Report): void {
  for (const { specifier, line } of importsOf(text)) {
    if (!specifier.startsWith(".")) {
      if (!pureRooms.has(room)) continue;
      if (specifier.startsWith("node:")) {
        report(
          line,
          `"${specifier}" in the protocol room ${room}: put the I/O behind an interface that host/ implements`,
        );
      } else {
        report(line, `"${specifier}" in the protocol room ${room}: protocol rooms depend on no package`);
      }
      continue;
    }
    const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
    const other = roomOf(target);
    if (isTest(target)) report(line, `"${specifier}" is test code: production code never imports it`);
    if (other === undefined) report(line, `"${specifier}" leaves src/: move what is needed into a room`);
    else if (other !== room && !(mayImport[room] ?? []).includes(other)) {
      report(
        line,
        `${room}/ may not import ${other}/: it may import ${(mayImport[room] ?? []).join(", ") || "nothing"}`,
      );
    } else if (other !== room && !target.endsWith(`/${other}/index.ts`)) {
      report(line, `"${specifier}" reaches into the room ${other}: import ${other}/index.ts, its public face`);
    }
  }
}

function checkPurity(room: string, text: string, report: Report): void {
  const code = stripSource(text, { strings: true });
  for (const { pattern, instead, always } of forbidden) {
    for (const match of code.matchAll(pattern)) {
      // A property or a field of that name is not the global one.
      const before = code.slice(Math.max(0, match.index - 80), match.index);
      if (!always && (/[.#]\s*$/.test(before) || /^\s*\??:/.test(code.slice(match.index + match[0].length)))) continue;
      report(lineOf(code, match.index), `\`${match[0]}\` in the protocol room ${room}: ${instead}`);
    }
  }
}
