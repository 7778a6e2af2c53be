/** The whole cluster as seen from one place: what each node says of itself, and which ones say nothing. */
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import type { NodeId } from "../base/index.ts";
import type { MemberAddress, NodeStatus } from "../host/index.ts";
import { getJson } from "./get-json.ts";

const whole = Type.Integer({ minimum: 0 });
const maybe = <T extends Parameters<typeof Type.Optional>[0]>(schema: T) => Type.Optional(schema);
const nodes = Type.Array(whole);

const GroupView = Type.Object({
  group: whole,
  role: Type.String(),
  term: whole,
  leader: maybe(whole),
  membership: Type.Object({ voters: nodes, outgoing: nodes, learners: nodes }),
  firstIndex: whole,
  lastIndex: whole,
  durableIndex: whole,
  commitIndex: whole,
  appliedIndex: whole,
  checkpointIndex: whole,
  revision: whole,
  rejoining: Type.Boolean(),
  stalenessMs: maybe(Type.Number()),
  followers: Type.Array(
    Type.Object({ node: whole, state: Type.String(), match: whole, lagEntries: whole, silentMs: maybe(Type.Number()) }),
  ),
});
const QuorumView = Type.Object({
  keyspace: Type.String(),
  ring: whole,
  n: whole,
  r: whole,
  w: whole,
  names: Type.Integer({ minimum: 0, description: "Keys and counters that this node holds." }),
  peers: Type.Array(
    Type.Object({
      node: whole,
      suspected: Type.Boolean(),
      hints: Type.Integer({ minimum: 0, description: "Names that this node keeps for it until it is back." }),
      lagMs: maybe(Type.Number({ description: "How long ago it last was known to have all that this node had." })),
    }),
  ),
});
const LinkView = Type.Object({
  peer: whole,
  connected: Type.Boolean(),
  queuedBytes: whole,
  fault: maybe(
    Type.Object({
      peer: whole,
      blockIn: Type.Boolean(),
      blockOut: Type.Boolean(),
      delayMs: Type.Number(),
      jitterMs: Type.Number(),
      drop: Type.Number(),
    }),
  ),
});
/** A node's own view, as JSON. Fields that are not known are left out. */
export const StatusView = Type.Object({
  nodeId: whole,
  clusterId: Type.String(),
  version: Type.String(),
  pid: whole,
  uptimeMs: Type.Number(),
  groups: Type.Array(GroupView),
  // Nodes of earlier versions do not say.
  quorums: maybe(Type.Array(QuorumView, { description: "Keyspaces without a leader." })),
  links: Type.Array(LinkView),
  storage: Type.Object({ full: Type.Boolean(), detail: maybe(Type.String()) }),
});
export type StatusView = Static<typeof StatusView>;

export const NodeView = Type.Object({
  nodeId: whole,
  http: Type.String(),
  reachable: Type.Boolean(),
  error: maybe(Type.String({ description: "Why it could not be reached." })),
  status: maybe(StatusView),
});
export type NodeView = Static<typeof NodeView>;

export const ClusterView = Type.Object({
  clusterId: Type.String(),
  leader: maybe(
    Type.Integer({ description: "As the reachable nodes of the highest term see it; left out: there is none." }),
  ),
  term: whole,
  nodes: Type.Array(NodeView),
});
export type ClusterView = Static<typeof ClusterView>;

/** A status as its JSON form: what is undefined is not there. */
export function statusView(status: NodeStatus): StatusView {
  return JSON.parse(JSON.stringify(status)) as StatusView;
}

type Address = Pick<MemberAddress, "id" | "http">;

/** Asks every member; `own` answers for itself. Takes at most `timeoutMs`. */
export async function gatherCluster(
  clusterId: string,
  members: readonly Address[],
  own: NodeStatus | undefined,
  timeoutMs: number,
): Promise<ClusterView> {
  const nodes = await Promise.all(
    members.map(async ({ id, http }) =>
      id === own?.nodeId
        ? { nodeId: id, http, reachable: true, status: statusView(own) }
        : askNode(clusterId, id, http, timeoutMs),
    ),
  );
  const { leader, term } = leadershipOf(nodes);
  return { clusterId, ...(leader === undefined ? {} : { leader }), term, nodes };
}

/** One node's view of itself. */
export async function askNode(clusterId: string, nodeId: NodeId, http: string, timeoutMs: number): Promise<NodeView> {
  try {
    const answer = await getJson(`http://${http}/v1/cluster?view=own`, timeoutMs);
    const status = typeof answer === "object" && answer !== null && "nodes" in answer ? ownStatus(answer) : undefined;
    if (status === undefined)
      return { nodeId, http, reachable: false, error: "it answered something else than a node's status" };
    if (status.clusterId !== clusterId)
      return { nodeId, http, reachable: false, error: `it belongs to cluster ${status.clusterId}` };
    return { nodeId, http, reachable: true, status };
  } catch (error) {
    return { nodeId, http, reachable: false, error: error instanceof Error ? error.message : String(error) };
  }
}

function ownStatus(answer: object): StatusView | undefined {
  if (!Value.Check(ClusterView, answer)) return undefined;
  return answer.nodes.find((node) => node.status !== undefined)?.status;
}

/** Of the reachable nodes' opinions on group 0, the one of the highest term. */
export function leadershipOf(nodes: readonly NodeView[]): { leader: NodeId | undefined; term: number } {
  let best: { leader: NodeId | undefined; term: number } = { leader: undefined, term: 0 };
  for (const { status } of nodes) {
    const group = status?.groups[0];
    if (group === undefined || group.term < best.term || (group.term === best.term && best.leader !== undefined))
      continue;
    best = { leader: group.leader, term: group.term };
  }
  return best;
}
