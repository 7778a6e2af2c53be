/**
 * Tells what happens to a cluster: lines with colours for people, or one JSON document a line. Times count from the
 * start of the process.
 */
import type { Fault } from "../../api/index.ts";
import type { NodeId } from "../../base/index.ts";
import { duration, paint, print, printJson } from "../output.ts";
import { portsOf } from "../ports.ts";
import type { Home } from "./home.ts";
import type { NodeEvent } from "./node-process.ts";
import type { UpEvent } from "./supervisor.ts";

export type Report =
  | UpEvent
  | { readonly event: "waiting"; readonly pids: readonly number[] }
  | { readonly event: "starting"; readonly home: Home; readonly version: string }
  | { readonly event: "slow"; readonly waitingFor: readonly string[] }
  | { readonly event: "consoleFailed"; readonly why: string }
  | { readonly event: "shardsFailed"; readonly why: string }
  | { readonly event: "stopping" }
  | { readonly event: "stopped" };

export type Reporter = (report: Report) => void;

export function jsonReporter(base: number): Reporter {
  return (report) => {
    const { event, ...rest } = report;
    const shown =
      report.event === "node"
        ? { node: report.node, ...withoutRequest(report.is) }
        : report.event === "starting"
          ? { ...report.home, version: report.version, base }
          : rest;
    printJson({ event, afterMs: Math.round(performance.now()), ...shown });
  };
}

function withoutRequest({ type, ...rest }: NodeEvent): object {
  return { is: type, ...rest };
}

export function humanReporter(base: number): Reporter {
  let home: Home | undefined;
  let wasReady = false;
  const after = (): string => paint("dim", duration(performance.now()).padStart(8));
  const line = (text: string): void => print(`${after()}  ${text}`);
  const node = (id: number): string => paint("bold", `node ${id}`);
  return (report) => {
    switch (report.event) {
      case "waiting":
        return line(`waiting for nodes of an earlier run to stop (processes ${report.pids.join(", ")})`);
      case "starting":
        ({ home } = report);
        print(paint("bold", `Cohort ${report.version}`) + `  ${home.nodes} nodes, data in ${home.directory}`);
        return line(home.created ? `new cluster ${home.clusterId}` : `continuing cluster ${home.clusterId}`);
      case "node":
        return nodeLines(report.is, portsOf(base, report.node).http, (text) => line(`${node(report.node)}  ${text}`));
      case "leader":
        return line(`${paint("cyan", "leader")}  ${node(report.node)} leads in term ${report.term}`);
      case "ready":
        if (home !== undefined && !wasReady) print(invitation(base, home, performance.now()));
        wasReady = true;
        return;
      case "fault":
        return line(
          `${paint("magenta", "fault")}   ${describeFault(report.fault)}${report.node === undefined ? "" : ` (node ${report.node})`}`,
        );
      case "healed":
        return line(`${paint("magenta", "healed")}  ${describeFault(report.fault)}`);
      case "slow":
        return line(`${paint("yellow", "waiting")} ${report.waitingFor.join("; ")}`);
      case "shardsFailed":
        return line(`the keyspace "sharded" could not be made: ${report.why}`);
      case "consoleFailed":
        return line(`${paint("yellow", "console")} its pages could not be built: ${report.why}`);
      case "stopping":
        return line("stopping; press Ctrl-C again to force it");
      case "stopped":
        return line(`stopped; the data stays in ${home?.directory ?? "its directory"}`);
    }
  };
}

function nodeLines(event: NodeEvent, http: number, line: (text: string) => void): void {
  switch (event.type) {
    case "started":
      return line(paint("dim", `starting (process ${event.pid})`));
    case "recovered":
      return line(`recovered, listens on http://127.0.0.1:${http}`);
    case "ready":
      return line(paint("green", "ready"));
    case "exited":
      if (event.planned) return line(paint("dim", "stopped"));
      return line(
        paint("red", event.reason) +
          (event.restartInMs === undefined
            ? paint("red", ", stays down")
            : `, starts again in ${duration(event.restartInMs)}`),
      );
    case "failed":
    case "leadership":
    case "fault":
      break;
  }
}

/** Such as `partition groups [[1],[2,3]]`. */
/** A fault in words, for people who look at what happened. */
export function describeFault(fault: Fault): string {
  const lasting = "forMs" in fault && fault.forMs !== undefined ? ` for ${duration(fault.forMs)}` : "";
  switch (fault.kind) {
    case "kill":
    case "pause":
    case "resume":
      return `${fault.kind} ${fault.node === "leader" ? "the leader" : `node ${fault.node}`}${lasting}`;
    case "partition":
      return `partition ${fault.groups.map((group) => group.join(", ")).join(fault.oneWay ? " ⇏ " : " ∥ ")}${lasting}`;
    case "cut":
      return `cut ${fault.from}${fault.oneWay ? " → " : "–"}${fault.to}${lasting}`;
    case "delay":
      return `${linkText(fault)} slower by ${fault.delayMs} ms${fault.jitterMs > 0 ? ` and up to ${fault.jitterMs} more` : ""}${lasting}`;
    case "drop":
      return `${linkText(fault)} loses ${Math.round(100 * fault.rate)} %${lasting}`;
    case "heal":
      return fault.fault === undefined ? "everything is healed" : `fault ${fault.fault} is healed`;
  }
}

function linkText({ from, to }: { readonly from: NodeId | undefined; readonly to: NodeId | undefined }): string {
  if (from === undefined) return "every link";
  return to === undefined ? `each link of node ${from}` : `link ${from}–${to}`;
}

function invitation(base: number, home: Home, tookMs: number): string {
  const http = (i: number): number => portsOf(base, ((i - 1) % home.nodes) + 1).http;
  return [
    "",
    `${paint(["green", "bold"], "ready")} in ${duration(tookMs)}. Console: ${paint("underline", `http://127.0.0.1:${base + 70}`)}`,
    "",
    "Try:",
    `  curl -X POST localhost:${http(1)}/counter/increment`,
    `  curl 'localhost:${http(2)}/counter/value?consistency=linearizable'`,
    `  curl 'localhost:${http(3)}/counter/value?consistency=monotonic'`,
    "",
    paint("dim", "Ctrl-C stops all nodes; what they have stays on disk."),
    "",
  ].join("\n");
}
