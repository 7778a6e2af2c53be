import { broken } from "../verdict.ts";
import type { Broken, CycleStep } from "../verdict.ts";
import { inferred, realTime, relations, rw, sessionOrder, wr, ww } from "./graph.ts";
import type { Graph } from "./graph.ts";
import type { Finding, View } from "./view.ts";

/** A step from one transaction to the next, which may have led through nodes that are none. */
interface Link {
  readonly from: number;
  readonly to: number;
  readonly kind: number;
  readonly about: number;
}

/** Joins edges through helper nodes into links between transactions. */
function linksOf(graph: Graph, cycle: readonly number[]): Link[] {
  const begin = cycle.findIndex((edge) => graph.ownerOf(graph.from(edge)) >= 0);
  const links: Link[] = [];
  let open: { from: number; kind: number; about: number } | undefined;
  for (const edge of [...cycle.slice(begin), ...cycle.slice(0, begin)]) {
    open ??= { from: graph.ownerOf(graph.from(edge)), kind: graph.kind(edge), about: graph.about(edge) };
    const to = graph.ownerOf(graph.to(edge));
    if (to < 0) continue;
    // From one moment of a transaction to another: no step.
    if (to !== open.from) links.push({ ...open, to });
    open = undefined;
  }
  return links;
}

/**
 * The name of a circle (Adya, 1999; Kingsbury and Alvaro, 2020): G0 of writes alone, G1c with reads of what was
 * written, G-single with one anti-dependency, G-nonadjacent with several of which no two stand together, and
 * G2-item with two together. Well-known forms keep their own names; `-session` and `-realtime` say what was used.
 */
export function nameCycle(links: readonly { readonly kind: number; readonly about: number }[]): string {
  const kinds = links.map(({ kind }) => kind);
  const anti = kinds.filter((kind) => kind === rw).length;
  const suffix = kinds.includes(realTime) ? "-realtime" : kinds.includes(sessionOrder) ? "-session" : "";
  const sequence = kinds.join(",");
  if (anti === 0)
    return (
      (kinds.some((kind) => kind === wr || kind === inferred) ? "G1c" : kinds.includes(ww) ? "G0" : "G1c") + suffix
    );
  if (anti === 1) {
    const sameKey = links.length === 2 && links[0]!.about === links[1]!.about;
    if (sameKey && kinds.includes(ww)) return `lost update (G-single)${suffix}`;
    return `G-single${suffix}`;
  }
  const adjacent = kinds.some((kind, at) => kind === rw && kinds[(at + 1) % kinds.length] === rw);
  if (!adjacent)
    return (sequence === "1,2,1,2" || sequence === "2,1,2,1" ? "long fork (G-nonadjacent)" : "G-nonadjacent") + suffix;
  if (links.length === 2)
    return `${links[0]!.about === links[1]!.about ? "lost update" : "write skew"} (G2-item)${suffix}`;
  return `G2-item${suffix}`;
}

function explainLink(view: View, graph: Graph, link: Link): string {
  const { table } = view;
  const key = link.about >= 0 && link.kind !== inferred ? table.keyName(link.about) : "";
  switch (link.kind) {
    case ww:
      return `the next one's write of ${key} follows this one's`;
    case wr:
      return `the next one read this one's ${key}`;
    case rw:
      return `this one read ${key} before the next one wrote it`;
    case sessionOrder:
      return "the next one follows in the same session";
    case realTime:
      return `this one had returned (line ${table.retLine.at(link.from)}) before the next one was called (line ${table.line.at(link.to)})`;
    case inferred:
      return link.about >= 0 && link.about < graph.transactions
        ? `this one was visible to the transaction of line ${table.line.at(link.about)}, which yet read what the next one wrote: so that came later`
        : "this one comes first in every order";
    default:
      return "";
  }
}

/** The verdict that a circle gives. */
export function cycleVerdict(view: View, graph: Graph, cycle: readonly number[], name?: string): Broken {
  const links = linksOf(graph, cycle);
  const transactions = [...new Set(links.map(({ from }) => from))];
  const operations = transactions.map((transaction) => view.table.show(transaction));
  const steps = links.map((link): CycleStep => ({
    from: transactions.indexOf(link.from),
    relation: relations[link.kind] ?? "order",
    explanation: explainLink(view, graph, link),
  }));
  const anomaly = name ?? nameCycle(links);
  return broken({
    kind: "cycle",
    anomaly,
    summary: `${transactions.length} transactions each of which must precede the next: ${anomaly}`,
    operations,
    steps,
    context: operations,
  });
}

/** The verdict that a transaction wrong by itself gives. */
export function findingVerdict(view: View, finding: Finding): Broken {
  const operations = [...new Set(finding.transactions)]
    .filter((transaction) => transaction >= 0)
    .map((transaction) => view.table.show(transaction));
  return broken({
    kind: "fact",
    anomaly: finding.anomaly,
    summary: `${finding.anomaly}: ${finding.explanation}`,
    operations,
    context: operations,
  });
}
