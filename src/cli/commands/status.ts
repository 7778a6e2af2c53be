import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import type { Command } from "commander";
import type { ClusterView, NodeView } from "../../api/index.ts";
import type Type from "typebox";
import { callCluster } from "../cluster-http.ts";
import { duration, paint, print, printJson } from "../output.ts";

type Cluster = Type.Static<typeof ClusterView> & {
  /** Only the supervisor knows these. */
  readonly processes?: readonly {
    readonly node: number;
    readonly state: string;
    readonly pid?: number;
    readonly restarts: number;
  }[];
  readonly faults?: readonly { readonly id: number; readonly kind: string }[];
};

interface StatusFlags {
  readonly endpoint: string | undefined;
  readonly watch?: true;
  readonly json?: true;
}

const refreshMs = 1000;

export function addStatusCommand(program: Command): void {
  program
    .command("status")
    .description("leader, terms, positions and lag of every node; exit code 1 where there is no leader")
    .option("--watch", "look again every second until Ctrl-C")
    .option("--endpoint <host:port>", "HTTP address of the supervisor or a node (default: the local cluster)")
    .option("--json", "one JSON document on standard output; with --watch one a line")
    .addHelpText("after", "\nExample:\n  cohort status --watch")
    .action(async (flags: StatusFlags) => {
      do {
        const cluster = (await callCluster("GET", "/v1/cluster", flags.endpoint)) as Cluster;
        if (flags.watch && !flags.json && process.stdout.isTTY) process.stdout.write("\u001B[H\u001B[2J");
        if (flags.json) printJson(cluster);
        else print(describe(cluster));
        process.exitCode = cluster.leader === undefined ? 1 : 0;
        if (flags.watch) await sleep(refreshMs);
      } while (flags.watch);
    });
}

function describe(cluster: Cluster): string {
  const leader =
    cluster.leader === undefined ? paint("red", "no leader") : `leader ${paint("green", `node ${cluster.leader}`)}`;
  const head = ["node", "role", "term", "commit", "applied", "lag", "age", "process", "up"];
  const rows = cluster.nodes.map((node) => rowOf(node, cluster));
  const lines = [
    `cluster ${cluster.clusterId}, ${leader}, term ${cluster.term}`,
    "",
    ...table([head.map((cell) => paint("dim", cell)), ...rows]),
  ];
  const led = leadersOf(cluster);
  if (led.length > 0) lines.push("", `${paint("dim", "shards")}  ${led.join("  ")}`);
  for (const { nodeId, error } of cluster.nodes) {
    if (error !== undefined) lines.push("", `node ${nodeId} cannot be reached: ${error}`);
  }
  const faults = cluster.faults ?? [];
  if (faults.length > 0)
    lines.push("", `${paint("magenta", "faults")}  ${faults.map((fault) => JSON.stringify(fault)).join("  ")}`);
  return lines.join("\n");
}

/** How many groups of shards each node leads. */
function leadersOf({ nodes }: Cluster): string[] {
  const groups = new Set(nodes.flatMap(({ status }) => status?.groups.slice(1).map(({ group }) => group) ?? []));
  if (groups.size === 0) return [];
  const led = nodes.map(({ nodeId, status }) => {
    const own = status?.groups.slice(1).filter(({ role }) => role === "leader") ?? [];
    for (const { group } of own) groups.delete(group);
    return `node ${nodeId} leads ${own.length}`;
  });
  return groups.size === 0 ? led : [...led, paint("red", `${groups.size} without a leader`)];
}

function rowOf({ nodeId, status }: NodeView, cluster: Cluster): string[] {
  const process = cluster.processes?.find(({ node }) => node === nodeId);
  const state =
    process === undefined ? "" : `${process.state}${process.restarts === 0 ? "" : `, restarted ${process.restarts}×`}`;
  const group = status?.groups[0];
  if (status === undefined || group === undefined)
    return [String(nodeId), paint("red", "unreachable"), "", "", "", "", "", state, ""];
  const best = Math.max(...cluster.nodes.map((node) => node.status?.groups[0]?.commitIndex ?? 0));
  return [
    String(nodeId),
    nodeId === cluster.leader ? paint("green", "leader") : group.rejoining ? paint("yellow", "rejoining") : group.role,
    String(group.term),
    String(group.commitIndex),
    String(group.appliedIndex),
    String(best - group.appliedIndex),
    group.stalenessMs === undefined ? "unknown" : `${Math.ceil(group.stalenessMs)} ms`,
    state,
    duration(status.uptimeMs),
  ];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const width = (cell: string): number => stripVTControlCharacters(cell).length;
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => width(row[column]!))));
  return rows.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat(widths[column]! - width(cell)))
      .join("  ")
      .trimEnd(),
  );
}
