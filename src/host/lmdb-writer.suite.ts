/**
 * A writer that can be killed: commits one batch after the other and says which are done. What is in the engine
 * after batch n is a function of n, so whoever opens it afterwards can tell whether it is exactly that.
 */
import { seededRandom, utf8 } from "../base/index.ts";
import { type Engine, type TableChanges, tableNames } from "../store/index.ts";
import { openForTest } from "./lmdb.suite.ts";

const keys = 400;
const rowsPerBatch = 40;

/** What batch `n` writes: by key, undefined deletes. */
function rowsOf(n: number): Map<string, Uint8Array | undefined> {
  const random = seededRandom(n);
  const rows = new Map<string, Uint8Array | undefined>();
  for (let i = 0; i < rowsPerBatch; i++) {
    const size = random.below(20) === 0 ? random.below(20_000) : random.below(200);
    const value = random.below(5) === 0 ? undefined : new Uint8Array(size).fill(n & 0xff);
    rows.set(`k${random.below(keys)}`, value);
  }
  return rows;
}

function batchOf(n: number): TableChanges[] {
  const rows = [...rowsOf(n)].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    { table: "meta", rows: [["n", utf8(String(n))]] },
    { table: "current", rows },
  ];
}

/** The last batch that the engine holds; throws where it holds anything else than the batches up to there. */
export function checkBatches(engine: Engine): number {
  const last = Number(Buffer.from(engine.get("meta", "n") ?? utf8("0")).toString());
  const expected = new Map<string, Uint8Array>();
  for (let n = 1; n <= last; n++) {
    for (const [key, value] of rowsOf(n)) {
      if (value === undefined) expected.delete(key);
      else expected.set(key, value);
    }
  }
  const found = [...engine.range("current", {})];
  if (found.length !== expected.size) throw new Error(`${found.length} rows after batch ${last}, not ${expected.size}`);
  for (const [key, value] of found) {
    if (Buffer.compare(value, expected.get(key) ?? utf8("none")) !== 0) throw new Error(`${key} after batch ${last}`);
  }
  for (const table of tableNames) for (const _ of engine.range(table, {})); // every row can be read
  return last;
}

/** Commits batch after batch from where the engine is, for as long as `goOn` says so when one is done. */
export function writeBatches(engine: Engine, goOn: (n: number) => boolean): void {
  const commit = (n: number): void =>
    engine.commit(batchOf(n), (error) => {
      if (error !== undefined) throw new Error(error.message);
      if (goOn(n)) commit(n + 1);
    });
  commit(checkBatches(engine) + 1);
}

const [, script, directory] = process.argv;
if (script === import.meta.filename && directory !== undefined) {
  writeBatches(openForTest(directory), (n) => process.stdout.write(`${n}\n`) || true);
}
