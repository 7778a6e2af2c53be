/** The supervisor's own address: the console, the whole cluster at a look, and faults. */
import Type from "typebox";
import {
  addOperations,
  addPages,
  ClusterView,
  FaultAnswer,
  FaultRequest,
  Feed,
  gatherCluster,
  keepToOwnPages,
  newHttpServer,
  problemResponse,
} from "../../api/index.ts";
import { silentLogger } from "../../host/index.ts";
import { portsOf } from "../ports.ts";
import { version } from "../version.ts";
import type { ConsoleFiles } from "./console-files.ts";
import type { Home } from "./home.ts";
import type { Supervisor, UpEvent } from "./supervisor.ts";
import { Traffic } from "./traffic.ts";
import { happeningOf, tickMs, Watcher } from "./watcher.ts";

const nodeTimeoutMs = 1000;
const mostPerSecond = 1000;

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
const TrafficRequest = Type.Object(
  { perSecond: Type.Number({ minimum: 0, maximum: mostPerSecond, description: "0 ends it." }) },
  { additionalProperties: false },
);

export interface Control {
  /** Tells the console what the supervisor tells. */
  tell(event: UpEvent): void;
  close(): Promise<void>;
}

/** Listens on loopback. */
export async function openControl(
  supervisor: Supervisor,
  home: Home,
  base: number,
  port: number,
  files: ConsoleFiles,
): Promise<Control> {
  const app = await newHttpServer({
    title: "Cohort supervisor",
    description: "The local cluster as a whole, faults to bring upon it, and the console.",
    version,
    logger: silentLogger,
    maxBodyBytes: 64 * 1024,
    host: "127.0.0.1",
  });
  keepToOwnPages(app);
  const members = supervisor.members.map((id) => ({ id, http: `127.0.0.1:${portsOf(base, id).http}` }));
  const traffic = new Traffic(supervisor.members.map((id) => `127.0.0.1:${portsOf(base, id).native}`));
  const watcher = new Watcher(home.clusterId, members, supervisor, traffic);
  const hello = { type: "hello", clusterId: home.clusterId, version, faults: true, tickMs } as const;
  // Process and start time: numbers of an earlier supervisor mean nothing to this one.
  const feed: Feed = new Feed(hello, `${process.pid}.${Date.now()}`, (count) => watcher.onPages(count, feed));
  addClusterRoutes(app, supervisor, home, members);
  app.post(
    "/console/traffic",
    {
      schema: {
        summary: "Demo traffic while a page watches: increments and reads a second",
        body: TrafficRequest,
        response: { 200: TrafficRequest, default: problemResponse },
      },
    },
    (request) => {
      traffic.set(request.body.perSecond);
      return { perSecond: traffic.wanted };
    },
  );
  addOperations(app, (node) => members.find(({ id }) => id === node)?.http);
  feed.addRoute(app);
  addPages(app, () => files.directory());
  await app.listen({ host: "127.0.0.1", port });
  return {
    tell: (event) => {
      const happening = happeningOf(event);
      if (happening !== undefined) feed.publish(happening);
    },
    close: async () => {
      watcher.stop();
      await Promise.all([traffic.close(), app.close()]);
    },
  };
}

function addClusterRoutes(
  app: Awaited<ReturnType<typeof newHttpServer>>,
  supervisor: Supervisor,
  home: Home,
  members: readonly { readonly id: number; readonly http: string }[],
): void {
  app.get(
    "/v1/cluster",
    { schema: { summary: "Every node and its process", response: { 200: SupervisedView } } },
    async () => {
      const cluster = await gatherCluster(home.clusterId, members, undefined, nodeTimeoutMs);
      const processes = supervisor.processes.map(({ pid, ...rest }) => (pid === undefined ? rest : { ...rest, pid }));
      return { ...cluster, processes, faults: [...supervisor.activeFaults] };
    },
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
}
