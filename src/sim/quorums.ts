/** Keyspaces without a leader in a simulated world: how they begin, and what must be true of them in the end. */
import { equalBytes, InvariantError, type NodeId } from "../base/index.ts";
import { quorumKeyspace } from "../contract/index.ts";
import { encodeState, type Dynamo, type Name } from "../dynamo/index.ts";
import { encodeCommand } from "../store/index.ts";
import type { WorkOperation } from "../workload/index.ts";
import type { Machine } from "./machine.ts";
import type { Plan } from "./plan.ts";
import type { QuorumKeyspace } from "./scenario.ts";
import type { World } from "./world.ts";

const makingMs = 20_000;
const retryMs = 200;

/** Runs the world until every member has the keyspaces. */
export async function makeKeyspaces(world: World, keyspaces: readonly QuorumKeyspace[]): Promise<void> {
  const ask = (): void => {
    if (everywhere()) return;
    const leader = world.leader();
    for (const { name, ...wishes } of leader === undefined ? [] : keyspaces) {
      const keyspace = {
        name,
        engine: "dynamo",
        shards: 1,
        replicas: wishes.replicas,
        ...quorumKeyspace(wishes),
      } as const;
      const operation = { kind: "createKeyspace", keyspace } as const;
      const command = encodeCommand({ envelope: { kind: "none" }, operation });
      leader!.command({
        type: "request",
        id: world.newRequestId(),
        deadline: leader!.reading().mono + retryMs,
        body: { type: "write", command },
      });
    }
    world.after(retryMs, ask);
  };
  const everywhere = (): boolean =>
    world.options.voters.every((id) => world.machine(id).core?.rings.cores.size === keyspaces.length);
  ask();
  await world.run(world.now + makingMs, everywhere);
  if (!everywhere() && world.steps < world.stopAtStep)
    throw new InvariantError("liveness: the keyspaces without a leader do not come about");
}

/** Runs the world until replicas hold the same, and nobody holds anything for another. Throws an InvariantError. */
export async function comeTogether(world: World, up: readonly Machine[], deadline: number): Promise<void> {
  // Comparing everything after each event would take too long.
  const roundMs = 100;
  let trouble: string | undefined;
  do {
    await world.run(world.now + roundMs);
    if (world.steps >= world.stopAtStep) return;
    trouble = differenceOf(up);
  } while (trouble !== undefined && world.now < deadline);
  if (trouble !== undefined) throw new InvariantError(`convergence: ${trouble}`);
}

function differenceOf(up: readonly Machine[]): string | undefined {
  const nodes = new Set(up.map(({ id }) => id));
  const rings = new Set(up.flatMap(({ core }) => [...(core?.rings.cores.keys() ?? [])]));
  for (const ring of rings) {
    const cores = new Map<NodeId, Dynamo>();
    for (const { id, core } of up) {
      const dynamo = core?.rings.cores.get(ring);
      if (dynamo === undefined) return `node ${id} does not have the keyspace ${ring}`;
      cores.set(id, dynamo);
    }
    const trouble = differenceIn(cores, nodes);
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}

function differenceIn(cores: ReadonlyMap<NodeId, Dynamo>, nodes: ReadonlySet<NodeId>): string | undefined {
  const names = new Set<Name>();
  for (const [id, core] of cores) {
    for (const [name] of core.shelf.states()) names.add(name);
    for (const [node, held] of core.shelf.holding)
      if (held.size > 0 && nodes.has(node)) return `node ${id} still holds ${held.size} for node ${node}`;
  }
  for (const name of names) {
    const [first] = cores.values();
    const owners = first!.owners(name).filter((node) => nodes.has(node));
    const states = owners.map((node) => cores.get(node)!.shelf.get(name));
    const bytes = states.map((state) => (state === undefined ? undefined : encodeState(state)));
    const [one] = bytes;
    const other = bytes.findIndex((each) => one === undefined || each === undefined || !equalBytes(each, one));
    if (other >= 0) return `nodes ${owners[0]} and ${owners[other]} hold different states of ${JSON.stringify(name)}`;
  }
  return undefined;
}

/** One read of everything that the plan writes. */
export function lastReads({ operations }: Plan): WorkOperation[] {
  const reads = new Map<string, WorkOperation>();
  const promised = { consistency: "promised", boundMs: 0 } as const;
  for (const { operation } of operations) {
    if (operation.kind === "increment")
      reads.set(`c${operation.counter}`, { kind: "readCounter", counter: operation.counter, ...promised });
    else if (operation.kind === "put") reads.set(`k${operation.key}`, { kind: "get", key: operation.key, ...promised });
    else if (operation.kind === "add") reads.set(`s${operation.key}`, { kind: "members", key: operation.key });
  }
  return [...reads].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, operation]) => operation);
}
