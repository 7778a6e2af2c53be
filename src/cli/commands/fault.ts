import type { Command } from "commander";
import type { FaultRequest } from "../../api/index.ts";
import { callCluster } from "../cluster-http.ts";
import { print, printJson, UsageError } from "../output.ts";
import { durationOf, integerOf } from "./client-options.ts";

interface FaultFlags {
  readonly endpoint: string | undefined;
  readonly for?: string;
  readonly json?: true;
}

/** Faults act on a cluster that runs: on processes by signals, on the network inside the nodes. */
export function addFaultCommands(program: Command): void {
  const fault = program.command("fault").description("hurt the running cluster, and heal it");
  const add = (signature: string, description: string, example: string): Command =>
    fault
      .command(signature)
      .description(description)
      .option("--endpoint <host:port>", "HTTP address of the supervisor or a node (default: the local cluster)")
      .option("--json", "one JSON document on standard output")
      .addHelpText("after", `\nExample:\n  cohort fault ${example}`);
  const addTimed = (signature: string, description: string, example: string): Command =>
    add(signature, description, example).option("--for <duration>", "heal by itself after this long");

  for (const kind of ["kill", "pause"] as const) {
    const what = kind === "kill" ? "end a node with SIGKILL; it is started again" : "stop a node with SIGSTOP";
    addTimed(`${kind} <node>`, `${what}; a number, or leader`, `${kind} leader --for 3s`).action(
      async (node: string, flags: FaultFlags) => inject({ kind, node: nodeOf(node), ...timed(flags) }, flags),
    );
  }
  add("resume <node>", "let a paused node go on, or start a killed one now", "resume 2").action(
    async (node: string, flags: FaultFlags) => inject({ kind: "resume", node: nodeOf(node) }, flags),
  );
  addTimed(
    "partition <groups...>",
    "groups of nodes that cannot reach each other, separated by /",
    "partition 1 / 2,3 --for 10s",
  )
    .option("--one-way", "only what the first group sends is lost")
    .action(async (groups: string[], flags: FaultFlags & { oneWay?: true }) =>
      inject(
        { kind: "partition", nodes: groupsOf(groups), ...(flags.oneWay ? { oneWay: true } : {}), ...timed(flags) },
        flags,
      ),
    );
  addTimed("cut <link>", "lose every message of one link, such as 1-2", "cut 1-2 --one-way --for 10s")
    .option("--one-way", "only what the first node sends to the second is lost")
    .action(async (link: string, flags: FaultFlags & { oneWay?: true }) => {
      const ends = linkOf(link);
      if (ends.to === undefined) throw new UsageError(`"${link}" is no link; write 1-2 for the link between two nodes`);
      await inject({ kind: "cut", ...ends, ...(flags.oneWay ? { oneWay: true } : {}), ...timed(flags) }, flags);
    });
  addTimed(
    "delay [link]",
    "slow messages down; a link such as 1-2, a node, or every link",
    "delay 1-2 --ms 50 --jitter 20",
  )
    .requiredOption("--ms <n>", "milliseconds added to each message")
    .option("--jitter <n>", "up to this many milliseconds more", "0")
    .action(async (link: string | undefined, flags: FaultFlags & { ms: string; jitter: string }) => {
      const delay = { delayMs: numberOf(flags.ms, "--ms"), jitterMs: numberOf(flags.jitter, "--jitter") };
      await inject({ kind: "delay", ...linkOf(link), ...delay, ...timed(flags) }, flags);
    });
  addTimed("drop [link]", "lose messages; a link such as 1-2, a node, or every link", "drop 1-2 --rate 0.3")
    .requiredOption("--rate <share>", "share of messages lost, up to 1")
    .action(async (link: string | undefined, flags: FaultFlags & { rate: string }) =>
      inject({ kind: "drop", ...linkOf(link), rate: numberOf(flags.rate, "--rate"), ...timed(flags) }, flags),
    );
  add("heal [fault]", "end every fault, or the network fault of that number", "heal").action(
    async (number: string | undefined, flags: FaultFlags) =>
      inject({ kind: "heal", ...(number === undefined ? {} : { fault: integerOf(number, "the fault") }) }, flags),
  );
}

async function inject(request: FaultRequest, flags: FaultFlags): Promise<void> {
  const answer = (await callCluster("POST", "/v1/cluster/faults", flags.endpoint, request)) as {
    readonly node?: number;
    readonly active: readonly { readonly id: number; readonly kind: string }[];
  };
  if (flags.json) return printJson({ fault: request, ...answer });
  const done = {
    kill: "killed",
    pause: "paused",
    resume: "resumed",
    heal: "healed",
    partition: "done",
    cut: "done",
    delay: "done",
    drop: "done",
  };
  const inForce = answer.active.map(({ id, kind }) => `${kind} (${id})`).join(", ");
  print(
    done[request.kind] +
      (answer.node === undefined ? "" : ` node ${answer.node}`) +
      (inForce === "" ? "" : `; on the network: ${inForce}`),
  );
}

function timed(flags: FaultFlags): { forMs?: number } {
  return flags.for === undefined ? {} : { forMs: durationOf(flags.for, "--for") };
}

function nodeOf(text: string): number | "leader" {
  return text === "leader" ? text : integerOf(text, "the node");
}

/** `1 / 2,3` as [[1], [2, 3]]. */
export function groupsOf(words: readonly string[]): number[][] {
  return words
    .join(" ")
    .split("/")
    .map((group) => group.split(/[\s,]+/).filter((node) => node !== ""))
    .filter((group) => group.length > 0)
    .map((group) => group.map((node) => integerOf(node, "a node of the partition")));
}

/** `1-2` as both ends of a link, `1` as all links of a node. */
export function linkOf(text: string | undefined): { from?: number; to?: number } {
  if (text === undefined) return {};
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match)
    throw new UsageError(
      `"${text}" is no link; write 1-2 for the link between two nodes, or 1 for all links of a node`,
    );
  return match[2] === undefined ? { from: Number(match[1]) } : { from: Number(match[1]), to: Number(match[2]) };
}

function numberOf(text: string, flag: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw new UsageError(`${flag} is "${text}"; it has to be a number`);
  return value;
}
