import { buffer } from "node:stream/consumers";
import type { Command } from "commander";
import type { Client, Item, WriteSettings } from "../../client/index.ts";
import { fail } from "../../contract/index.ts";
import { paint, print, printJson } from "../output.ts";
import {
  integerOf,
  jsonBytes,
  keptLine,
  readSettings,
  shown,
  withClient,
  withClientFlags,
  withReadFlags,
  type ClientFlags,
  type ReadFlags,
} from "./client-options.ts";

type KeyspaceFlag = { readonly keyspace: string };
type WriteFlags = ClientFlags &
  KeyspaceFlag & {
    readonly expectedRevision: string | undefined;
    readonly w: string | undefined;
    readonly context: string | undefined;
  };
type GetFlags = ReadFlags & KeyspaceFlag & { readonly revision: string | undefined; readonly siblings?: true };
type ListFlags = GetFlags & {
  readonly prefix: string | undefined;
  readonly after: string | undefined;
  readonly limit: string;
};
type WatchFlags = ClientFlags &
  KeyspaceFlag & { readonly prefix: string | undefined; readonly from: string | undefined };

export function addKvCommands(program: Command): void {
  const kv = program.command("kv").description("keys and values");
  const keyspace = (command: Command): Command => command.option("--keyspace <name>", "which keyspace", "default");
  const expected = (command: Command): Command =>
    keyspace(withClientFlags(command))
      .option("--expected-revision <n>", "only if the key has this revision; 0: only if it does not exist")
      .option("--w <n>", "in a keyspace without a leader: how many replicas have to have it")
      .option(
        "--context <text>",
        "in a keyspace without a leader: what --siblings showed, which this takes the place of",
      );

  expected(kv.command("put").argument("<key>").argument("<value>", "the value; - reads it from standard input"))
    .description("set a key")
    .addHelpText("after", "\nExample:\n  cohort kv put greeting hello")
    .action(put);
  keyspace(withReadFlags(kv.command("get").argument("<key>")))
    .description("read a key; exit code 1 where there is none")
    .option("--revision <n>", "as of this revision")
    .option("--siblings", "in a keyspace without a leader: every value that was written concurrently")
    .addHelpText("after", "\nExample:\n  cohort kv get greeting --consistency 'bounded(100ms)'")
    .action(get);
  expected(kv.command("delete").argument("<key>"))
    .description("delete a key")
    .addHelpText("after", "\nExample:\n  cohort kv delete greeting")
    .action(remove);
  keyspace(withReadFlags(kv.command("list").argument("[prefix]")))
    .description("keys and values in order")
    .option("--after <key>", "only keys behind this one")
    .option("--limit <n>", "at most this many", "100")
    .option("--revision <n>", "as of this revision")
    .addHelpText("after", "\nExample:\n  cohort kv list users/ --limit 20")
    .action(list);
  keyspace(withClientFlags(kv.command("watch").argument("[prefix]")))
    .description("follow changes until Ctrl-C; with --json one document a line")
    .option("--from <revision>", "begin with this revision instead of now")
    .addHelpText("after", "\nExample:\n  cohort kv watch users/ --json")
    .action(watch);
}

async function put(key: string, text: string, flags: WriteFlags): Promise<void> {
  const value = text === "-" ? await buffer(process.stdin) : text;
  await withClient(flags, async (client) => {
    const done = await client.put(key, value, writeSettings(flags));
    if (flags.json) printJson({ key, ...done, ...contextJson(done.context) });
    else if (done.siblings !== undefined) print(`${values(done.siblings)}  ${keptLine(done.kept)}`);
    else print(`revision ${done.revision}  ${keptLine(done.kept)}`);
  });
}

async function get(key: string, flags: GetFlags): Promise<void> {
  await withClient(flags, async (client) => {
    if (flags.siblings) return siblings(client, key, flags);
    const item = await client.get(key, { ...readSettings(flags), keyspace: flags.keyspace, ...revisionOf(flags) });
    if (item === undefined) throw fail("not-found", `no key ${JSON.stringify(key)} in ${flags.keyspace}`);
    if (flags.json) printJson({ ...itemJson(item), kept: item.kept });
    else if (process.stdout.isTTY)
      print(`${shown(item.value)}  ${paint("dim", `revision ${item.revision}, `)}${keptLine(item.kept)}`);
    else process.stdout.write(item.value);
  });
}

/** Every value that was written concurrently, and the context with which one of them takes the place of all. */
async function siblings(client: Client, key: string, flags: GetFlags): Promise<void> {
  const found = await client.siblings(key, { ...readSettings(flags), keyspace: flags.keyspace });
  if (flags.json)
    return printJson({
      values: found.values.map((value) => jsonBytes(value, "value")),
      ...contextJson(found.context),
      kept: found.kept,
    });
  for (const value of found.values) print(shown(value));
  print(`${values(found.values.length)}  ${keptLine(found.kept)}`);
  if (found.context.length > 0) print(paint("dim", `--context ${Buffer.from(found.context).toString("base64url")}`));
}

function values(count: number): string {
  return `${count} ${count === 1 ? "value" : "values"}`;
}

function contextJson(context: Uint8Array | undefined): { context?: string } {
  return context === undefined ? {} : { context: Buffer.from(context).toString("base64url") };
}

async function remove(key: string, flags: WriteFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const done = await client.delete(key, writeSettings(flags));
    if (flags.json) printJson({ key, ...done, ...contextJson(done.context) });
    else if (done.siblings !== undefined) print(`${values(done.siblings)}  ${keptLine(done.kept)}`);
    else print(`${done.deleted ? "deleted" : "there was none"}  ${keptLine(done.kept)}`);
  });
}

async function list(prefix: string | undefined, flags: ListFlags): Promise<void> {
  const limit = integerOf(flags.limit, "--limit");
  await withClient(flags, async (client) => {
    const found = await client.list({
      ...readSettings(flags),
      keyspace: flags.keyspace,
      limit,
      ...(prefix === undefined ? {} : { prefix }),
      ...(flags.after === undefined ? {} : { after: flags.after }),
      ...revisionOf(flags),
    });
    if (flags.json)
      return printJson({
        items: found.items.map(itemJson),
        more: found.more,
        revision: found.revision,
        kept: found.kept,
      });
    for (const item of found.items)
      print(`${shown(item.key)}  ${shown(item.value)}  ${paint("dim", `revision ${item.revision}`)}`);
    const last = found.items.at(-1);
    if (found.more && last !== undefined)
      print(paint("dim", `there are more: --after ${JSON.stringify(shown(last.key))}`));
  });
}

async function watch(prefix: string | undefined, flags: WatchFlags): Promise<void> {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  await withClient(flags, async (client) => {
    const changes = client.watch({
      keyspace: flags.keyspace,
      signal: controller.signal,
      ...(prefix === undefined ? {} : { prefix }),
      ...(flags.from === undefined ? {} : { from: integerOf(flags.from, "--from") }),
    });
    try {
      for await (const { kind, key, value, revision } of changes) {
        if (flags.json)
          printJson({ kind, ...jsonBytes(key, "key"), ...(kind === "put" ? jsonBytes(value, "value") : {}), revision });
        else
          print(
            `${paint(kind === "put" ? "green" : "red", kind.padEnd(6))} ${shown(key)}  ${shown(value)}  ${paint("dim", `revision ${revision}`)}`,
          );
      }
    } catch (error) {
      if (!controller.signal.aborted) throw error;
    }
  });
}

function writeSettings({ keyspace, expectedRevision, w, context }: WriteFlags): WriteSettings {
  return {
    keyspace,
    ...(expectedRevision !== undefined && { expectedRevision: integerOf(expectedRevision, "--expected-revision") }),
    ...(w !== undefined && { w: integerOf(w, "--w") }),
    ...(context !== undefined && { context: new Uint8Array(Buffer.from(context, "base64url")) }),
  };
}

function revisionOf(flags: GetFlags): { revision?: number } {
  return flags.revision === undefined ? {} : { revision: integerOf(flags.revision, "--revision") };
}

function itemJson({ key, value, revision, createRevision, version }: Item): object {
  return { ...jsonBytes(key, "key"), ...jsonBytes(value, "value"), revision, createRevision, version };
}
