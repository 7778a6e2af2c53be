/** The HTTP surface of one node. */
import type { RouteOptions } from "fastify";
import type { Host, Logger } from "../host/index.ts";
import { parseAddress } from "../host/index.ts";
import { rewriteKeyUrl } from "./bytes.ts";
import { Gateway } from "./gateway.ts";
import { newHttpServer, type App } from "./http.ts";
import { nodeMetrics, type Metrics } from "./metrics.ts";
import { addClusterRoutes, type InjectFault } from "./routes/cluster.ts";
import { addCounterRoutes } from "./routes/counters.ts";
import { addHealthRoutes } from "./routes/health.ts";
import { addKeyRoutes } from "./routes/keys.ts";
import { addKeyspaceRoutes } from "./routes/keyspaces.ts";
import { addLockRoutes } from "./routes/locks.ts";
import { addShardRoutes } from "./routes/shards.ts";
import { addTransactionRoutes } from "./routes/transactions.ts";
import { addWatchRoute } from "./routes/watch.ts";

export interface ApiOptions {
  readonly logger: Logger;
  readonly version: string;
  /** Who brings faults about; undefined: nobody does. */
  readonly injectFault?: InjectFault | undefined;
  /** Makes session tokens unforgeable; the same on every node. */
  readonly sessionSecret?: string | undefined;
}

export interface Api {
  /** Where it listens, `host:port`. */
  readonly address: string;
  /** Ends watches, lets requests finish that are under way, and stops listening. */
  close(): Promise<void>;
}

/** Serves the node's HTTP address. Rejects where that cannot be listened on. */
export async function openApi(host: Host, options: ApiOptions): Promise<Api> {
  const { nodeId, members, maxValueBytes } = host.config;
  const own = members.find(({ id }) => id === nodeId)?.http ?? "127.0.0.1:0";
  const address = parseAddress(own);
  const metrics = nodeMetrics(host);
  const app = await newHttpServer({
    title: "Cohort",
    description:
      "A replicated store: counters, keys, transactions, locks and watches, each request with the consistency it asks for.",
    version: options.version,
    logger: options.logger,
    maxBodyBytes: maxValueBytes,
    host: address.host,
    rewriteUrl: rewriteKeyUrl,
  });
  measure(app, metrics);
  const gateway = new Gateway(host, options.sessionSecret);
  addCounterRoutes(app, gateway);
  await addKeyRoutes(app, gateway);
  addTransactionRoutes(app, gateway);
  addLockRoutes(app, gateway);
  addWatchRoute(app, host);
  addKeyspaceRoutes(app, gateway);
  addShardRoutes(app, gateway);
  addClusterRoutes(app, host, options.injectFault);
  addHealthRoutes(app, host, metrics);
  await app.listen({ host: address.host, port: address.port });
  const bound = app.server.address();
  return {
    // Port 0 asks for any.
    address: `${address.host}:${typeof bound === "object" && bound !== null ? bound.port : address.port}`,
    close: async () => {
      metrics.close();
      await app.close();
    },
  };
}

/** Every route observes its own requests, so that nothing is looked up for each of them. */
function measure(app: App, metrics: Metrics): void {
  app.addHook("onRoute", (route: RouteOptions) => {
    const observe = metrics.observerOf(route.url, String(route.method));
    route.onResponse = (_request, reply, done) => {
      observe(reply.outcome, reply.elapsedTime / 1000);
      done();
    };
  });
}
