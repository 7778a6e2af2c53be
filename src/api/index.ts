/**
 * HTTP for everyone: schemas checked on the way in and shown in /openapi.json, problems of the one catalogue
 * on the way out, and on every answer which consistency was kept.
 *
 *     request ─▶ schema ─▶ gateway (consistency, session, deadline) ─▶ host.submit ─▶ answer + what was kept
 *
 * It keeps no state of its own and makes no promise that the node below does not keep. Session tokens say
 * which position a caller has seen; they authenticate nobody.
 */
export { askNode, gatherCluster, leadershipOf, ClusterView, type NodeView, type StatusView } from "./cluster-view.ts";
export * from "./console-feed/index.ts";
export {
  FaultBook,
  FaultRequest,
  parseFault,
  type ActiveFault,
  type Fault,
  type NetworkFault,
  type ProcessFault,
} from "./faults.ts";
export { getJson } from "./get-json.ts";
export { unreadiness } from "./health.ts";
export { newHttpServer, type App, type HttpOptions } from "./http.ts";
export { openApi, type Api, type ApiOptions } from "./node-server.ts";
export { problemOf, type Problem } from "./problems.ts";
export { FaultAnswer, type InjectedFault, type InjectFault } from "./routes/cluster.ts";
export { problemResponse } from "./schemas.ts";
export { explain } from "./validation.ts";
