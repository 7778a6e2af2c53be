/** The supervisor's own address: the whole cluster at a look, and faults. A console takes its place later. */
import Type from "typebox";
import {
  ClusterView,
  FaultAnswer,
  FaultRequest,
  gatherCluster,
  newHttpServer,
  problemResponse,
  type NodeView,
} from "../../api/index.ts";
import { silentLogger } from "../../host/index.ts";
import { portsOf } from "../ports.ts";
import { version } from "../version.ts";
import type { Home } from "./home.ts";
import type { Supervisor } from "./supervisor.ts";

const nodeTimeoutMs = 1000;

const ProcessView = Type.Object({
  node: Type.Integer(),
  state: Type.String(),
  pid: Type.Optional(Type.Integer()),
  restarts: Type.Integer(),
});
const SupervisedView = Type.Object({
  ...ClusterView.properties,
  processes: Type.Array(ProcessView),
  faults: FaultAnswer.properties.active,
});

/** Listens on loopback. Returns how to stop. */
export async function openControl(
  supervisor: Supervisor,
  home: Home,
  base: number,
  port: number,
): Promise<() => Promise<void>> {
  const app = await newHttpServer({
    title: "Cohort supervisor",
    description: "The local cluster as a whole, and faults to bring upon it.",
    version,
    logger: silentLogger,
    maxBodyBytes: 64 * 1024,
    host: "127.0.0.1",
  });
  const view = async () => {
    const members = supervisor.members.map((id) => ({ id, http: `127.0.0.1:${portsOf(base, id).http}` }));
    const cluster = await gatherCluster(home.clusterId, members, undefined, nodeTimeoutMs);
    const processes = supervisor.processes.map(({ pid, ...rest }) => (pid === undefined ? rest : { ...rest, pid }));
    return { ...cluster, processes, faults: [...supervisor.activeFaults] };
  };
  app.get(
    "/v1/cluster",
    { schema: { summary: "Every node and its process", response: { 200: SupervisedView } } },
    view,
  );
  app.post(
    "/v1/cluster/faults",
    {
      schema: {
        summary: "Bring a fault about, or heal them all",
        body: FaultRequest,
        response: { 200: FaultAnswer, default: problemResponse },
      },
    },
    (request) => {
      const { active, ...hit } = supervisor.inject(request.body);
      return { ...hit, active: [...active] };
    },
  );
  app.get("/", { schema: { hide: true } }, async (_request, reply) => {
    const { nodes, processes, leader, clusterId } = await view();
    const rows = nodes.map((node) =>
      rowOf(node, processes.find(({ node: id }) => id === node.nodeId)?.state ?? "", leader),
    );
    return reply
      .header("content-type", "text/html; charset=utf-8")
      .header("cache-control", "no-store")
      .send(page(clusterId, rows));
  });
  await app.listen({ host: "127.0.0.1", port });
  return () => app.close();
}

function rowOf({ nodeId, http, status, error }: NodeView, state: string, leader: number | undefined): string[] {
  const group = status?.groups[0];
  const link = `<a href="http://${escape(http)}/openapi.json">${escape(http)}</a>`;
  const role = nodeId === leader ? "<strong>leader</strong>" : escape(group?.role ?? error ?? "unreachable");
  return [
    String(nodeId),
    escape(state),
    role,
    link,
    ...[group?.term, group?.commitIndex, group?.appliedIndex, group?.revision].map((value) => String(value ?? "")),
  ];
}

function page(clusterId: string, rows: readonly (readonly string[])[]): string {
  const head = ["node", "process", "role", "http", "term", "commit", "applied", "revision"];
  const cells = (tag: "th" | "td", values: readonly string[]): string =>
    `<tr>${values.map((value) => `<${tag}>${value}</${tag}>`).join("")}</tr>`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width">
<title>Cohort ${escape(clusterId)}</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: 0.3rem 0.6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
</style>
<h1>Cluster ${escape(clusterId)}</h1>
<table>
<thead>${cells("th", head)}</thead>
<tbody>${rows.map((row) => cells("td", row)).join("\n")}</tbody>
</table>
<p>As JSON: <a href="/v1/cluster">/v1/cluster</a>. Faults: <code>POST /v1/cluster/faults</code>, or <code>cohort fault --help</code>.</p>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
