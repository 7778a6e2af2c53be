import type { FastifyReply } from "fastify";
import Type from "typebox";
import { fail, type Outcome } from "../../contract/index.ts";
import type { Host } from "../../host/index.ts";
import { ClusterView, gatherCluster, statusView } from "../cluster-view.ts";
import { FaultRequest } from "../faults.ts";
import { sendFailure, type App } from "../http.ts";
import { defaultTimeoutMs, problemResponse, TimeoutQuery, timeoutMs } from "../schemas.ts";

const peerTimeoutMs = 1000;

/** Brings a fault about and tells which ones are in force. Throws a CohortError where it cannot. */
export type InjectFault = (request: FaultRequest) => Promise<InjectedFault>;

export interface InjectedFault {
  /** Whom it hit, where it hits one node. */
  readonly node?: number;
  readonly active: readonly object[];
}

export const FaultAnswer = Type.Object({
  node: Type.Optional(Type.Integer({ description: "Whom it hit: of use with `leader`." })),
  active: Type.Array(Type.Unsafe<object>({ type: "object", additionalProperties: true }), {
    description: "Network faults in force now.",
  }),
});
const node = Type.Integer({ minimum: 1 });
const Done = Type.Object({ done: Type.Boolean() });

export function addClusterRoutes(app: App, host: Host, inject: InjectFault | undefined): void {
  app.get(
    "/v1/cluster",
    {
      schema: {
        summary: "What every node says of itself, and which ones cannot be reached",
        querystring: Type.Object(
          {
            view: Type.Optional(
              Type.Unsafe<"own" | "all">({
                type: "string",
                enum: ["own", "all"],
                description: "own: without asking the peers.",
              }),
            ),
            timeoutMs,
          },
          { additionalProperties: false },
        ),
        response: { 200: ClusterView, default: problemResponse },
      },
    },
    async (request) => {
      const { clusterId, members, nodeId } = host.config;
      const status = host.status();
      if (request.query.view !== "own")
        return gatherCluster(clusterId, members, status, request.query.timeoutMs ?? peerTimeoutMs);
      const http = members.find(({ id }) => id === nodeId)?.http ?? "";
      const group = status.groups[0];
      return {
        clusterId,
        ...(group?.leader === undefined ? {} : { leader: group.leader }),
        term: group?.term ?? 0,
        nodes: [{ nodeId, http, reachable: true, status: statusView(status) }],
      };
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
    async (request) => {
      if (!host.config.allowFaults || inject === undefined)
        throw fail("faults-not-allowed", "this node was started without them");
      const { active, ...hit } = await inject(request.body);
      return { ...hit, active: [...active] };
    },
  );
  app.post(
    "/v1/cluster/transfer",
    {
      schema: {
        summary: "Hand leadership over",
        querystring: TimeoutQuery,
        body: Type.Union([Type.Null(), Type.Object({ to: Type.Optional(node) }, { additionalProperties: false })], {
          description: "To whom; left out: to the most advanced voter.",
        }),
        response: { 200: Done, default: problemResponse },
      },
    },
    async (request, reply) =>
      done(reply, await host.transferLeadership(request.body?.to, request.query.timeoutMs ?? defaultTimeoutMs)),
  );
  app.post(
    "/v1/cluster/members",
    {
      schema: {
        summary: "Change who votes and who learns",
        querystring: TimeoutQuery,
        body: Type.Object(
          { voters: Type.Array(node, { minItems: 1 }), learners: Type.Optional(Type.Array(node)) },
          { additionalProperties: false },
        ),
        response: { 200: Done, default: problemResponse },
      },
    },
    async (request, reply) => {
      const { voters, learners = [] } = request.body;
      return done(reply, await host.changeMembership(voters, learners, request.query.timeoutMs ?? defaultTimeoutMs));
    },
  );
}

function done(reply: FastifyReply, outcome: Outcome): FastifyReply | { done: boolean } {
  return outcome.ok ? { done: true } : sendFailure(reply, outcome.failure);
}
