/** What each room exports, read from the declarations that the compiler emits. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** The exported declarations of every room with an index.ts, sorted by name, as one text. */
export function publicApi(): string {
  const out = mkdtempSync(join(tmpdir(), "cohort-api-"));
  try {
    const flags = ["-p", "tsconfig.build.json", "--emitDeclarationOnly", "--removeComments", "--outDir", out];
    execFileSync(join(root, "node_modules/.bin/tsc"), flags, { cwd: root, stdio: "inherit" });
    const rooms = readdirSync(out)
      .filter((room) => existsSync(join(out, room, "index.d.ts")))
      .sort();
    return rooms.map((room) => describeRoom(room, join(out, room, "index.d.ts"))).join("\n");
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function describeRoom(room: string, index: string): string {
  const exported = [...exportsOf(index)].sort(([a], [b]) => (a < b ? -1 : 1));
  return [`## cohort/${room}`, ...exported.map(([, declaration]) => declaration), ""].join("\n");
}

/** Name to declaration, following re-exports between the files of a room. */
function exportsOf(file: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const statement of statementsOf(readFileSync(file, "utf8"))) {
    const star = /^export (?:type )?\* from "(\.[^"]+)\.(?:ts|js)"/.exec(statement);
    const named = /^export (?:type )?\{([^}]*)\} from "(\.[^"]+)\.(?:ts|js)"/.exec(statement);
    const declared = /^export (?:declare )?(?:abstract )?(?:const|let|function|class|type|interface) (\w+)/.exec(
      statement,
    );
    if (star) for (const [name, text] of exportsOf(join(dirname(file), `${star[1]}.d.ts`))) found.set(name, text);
    else if (named) {
      const inner = exportsOf(join(dirname(file), `${named[2]}.d.ts`));
      for (const [original, name] of namesIn(named[1]!)) found.set(name, inner.get(original) ?? `export { ${name} };`);
    } else if (declared) {
      const name = declared[1]!;
      found.set(name, found.has(name) ? `${found.get(name)}\n${statement}` : statement);
    }
  }
  return found;
}

function namesIn(list: string): [original: string, name: string][] {
  return list
    .split(",")
    .map((part) => part.trim().replace(/^type /, ""))
    .filter((part) => part !== "")
    .map((part) => part.split(/ as /) as [string, string?])
    .map(([original, name]) => [original, name ?? original]);
}

/** Emitted declarations begin in the first column; what is inside them is indented or closes them. */
function statementsOf(text: string): string[] {
  return text
    .split(/\n(?=[A-Za-z])/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.startsWith("export "));
}
