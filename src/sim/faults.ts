import type { NodeId } from "../base/index.ts";
import { damage } from "./damage.ts";
import { LibraryClient } from "./library-client.ts";
import type { Machine } from "./machine.ts";
import { endOf, type End } from "./network.ts";
import type { Fault, FaultKind, Reconfiguration, Target } from "./plan.ts";
import { changeOf } from "./shards.ts";
import type { World } from "./world.ts";

/** How often each fault truly fired: it found its victim and did something to it. */
export type Fired = Map<FaultKind, number>;

/** Puts a schedule's faults into a world. */
export function scheduleFaults(world: World, faults: readonly Fault[], fired: Fired): void {
  for (const fault of faults) {
    world.at(fault.at, () => {
      if (world.healed || !begin(world, fault, fired)) return;
      world.note(`fault: ${describeFault(fault)}`);
    });
  }
}

/** A fault in plain words. */
export function describeFault(fault: Fault): string {
  const { at } = fault;
  const lasts = "forMs" in fault ? ` for ${fault.forMs} ms` : "";
  return `at ${at} ms: ${whatHappens(fault)}${lasts}`;
}

function whatHappens(fault: Fault): string {
  const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
  switch (fault.kind) {
    case "crash":
      return `${nameOf(fault.target)} ${fault.power ? "loses power" : "is killed"}`;
    case "crashAt":
      return `the next node to which "${fault.moment}" happens ${fault.power ? "loses power" : "is killed"} ${fault.afterMs} ms later,`;
    case "powerLoss":
      return "all nodes lose power";
    case "pause":
      return `${nameOf(fault.target)} stands still`;
    case "slow":
      return `${nameOf(fault.target)} takes ${fault.stepMs} ms over every event`;
    case "isolate": {
      const { target, inbound, outbound } = fault;
      return `${nameOf(target)} ${inbound && outbound ? "is cut off" : inbound ? "hears nobody" : "is heard by nobody"}`;
    }
    case "partition":
      return `partition (${fault.shape}${fault.flapMs > 0 ? `, every ${fault.flapMs} ms` : ""}): no messages ${fault.cut.map(([from, to]) => `${from}→${to}`).join(" ")}`;
    case "weather":
      return `of all messages ${percent(fault.drop)} are lost, ${percent(fault.duplicate)} repeated, ${percent(fault.corrupt)} damaged, ${percent(fault.reorder)} late by up to ${fault.delayMs} ms,`;
    case "slowDisk":
      return `the disk of ${nameOf(fault.target)} takes ${fault.delayMs} ms longer`;
    case "diskFull":
      return `the disk of ${nameOf(fault.target)} is full`;
    case "syncError":
      return `the next sync of ${nameOf(fault.target)} fails`;
    case "damage":
      return `${damages[fault.what]} of ${nameOf(fault.target)}`;
    case "clockRate":
      return `the clock of node ${fault.node} runs ${fault.rate} times as fast`;
    case "clockOffset":
      return `the wall clock of node ${fault.node} is off by ${fault.offsetMs} ms`;
    case "minority":
      return "the leader and less than half of the nodes are cut off";
    case "clockLie":
      return `the wall clock of node ${fault.node} is off by ${fault.offsetMs} ms, and does not admit it`;
    case "upgrade":
      return `${nameOf(fault.target)} is replaced by version ${fault.to}, and is away`;
    case "client":
      return `client ${fault.client} ${troubles[fault.how]}`;
    case "reconfigure":
      return reconfigurations[fault.how];
    case "shards":
      return fault.change === "move" ? "a shard moves to another group" : `${fault.change} of a shard`;
    case "transfer":
      return `the leader hands over to ${fault.to === 0 ? "whoever is most advanced" : `node ${fault.to}`}`;
    case "membership":
      return `voters become ${fault.voters.join(",")}${fault.learners.length > 0 ? `, learners ${fault.learners.join(",")}` : ""}`;
  }
}

const reconfigurations = {
  removeLeader: "the leader is removed, and another node takes its place",
  addLearner: "a node becomes a learner",
  promoteLearner: "a learner becomes a voter, and a voter leaves",
} as const;

const troubles = {
  pause: "stands still",
  kill: "is killed, and begins anew",
  cut: "reaches no node",
} as const;

const damages = {
  bit: "a bit flips in the log",
  row: "a bit flips in the applied state",
  misdirected: "a write lands on earlier ones in the log",
  unreadable: "the disk does not give back the log",
} as const;

function nameOf(target: Target): string {
  if (target === "leader") return "the leader";
  return target === "follower" ? "a follower" : `node ${target}`;
}

function resolve(world: World, target: Target): Machine | undefined {
  if (typeof target === "number") return world.machines.get(target);
  const leader = world.leader();
  if (target === "leader") return leader;
  for (const machine of world.machines.values()) if (machine !== leader && machine.up) return machine;
  return undefined;
}

/** Begins a fault; whether it hit anything. */
function begin(world: World, fault: Fault, fired: Fired): boolean {
  const fire = (): true => {
    fired.set(fault.kind, (fired.get(fault.kind) ?? 0) + 1);
    return true;
  };
  switch (fault.kind) {
    case "crash": {
      const machine = resolve(world, fault.target);
      if (!machine?.up) return false;
      crash(world, machine, fault.power, fault.forMs);
      return fire();
    }
    case "crashAt": {
      const { moment, afterMs, power, forMs } = fault;
      world.armed.push({
        moment,
        run: (machine) => {
          const { life } = machine;
          world.after(afterMs, () => {
            if (world.healed || life !== machine.life || !machine.up) return;
            world.note(`node ${machine.id} crashes after ${moment}`);
            crash(world, machine, power, forMs);
            fire();
          });
        },
      });
      return true;
    }
    case "powerLoss":
      for (const machine of world.machines.values()) if (machine.up) crash(world, machine, true, fault.forMs);
      return fire();
    case "pause": {
      const machine = resolve(world, fault.target);
      if (!machine?.up || machine.paused) return false;
      const { life } = machine;
      machine.paused = true;
      world.after(fault.forMs, () => life === machine.life && machine.resume());
      return fire();
    }
    case "slow": {
      const machine = resolve(world, fault.target);
      if (!machine?.up) return false;
      machine.slowMs = fault.stepMs;
      world.after(fault.forMs, () => (machine.slowMs = 0));
      return fire();
    }
    case "isolate": {
      const machine = resolve(world, fault.target);
      if (!machine) return false;
      const cut: (readonly [NodeId, NodeId])[] = [];
      for (const other of world.nodes) {
        if (other === machine.id) continue;
        if (fault.inbound) cut.push([other, machine.id]);
        if (fault.outbound) cut.push([machine.id, other]);
      }
      cutFor(world, cut, fault.forMs, fire);
      return true;
    }
    case "partition":
      if (fault.flapMs === 0) cutFor(world, fault.cut, fault.forMs, fire);
      else
        for (let from = 0; from < fault.forMs; from += 2 * fault.flapMs)
          world.after(from, () => cutFor(world, fault.cut, fault.flapMs, fire));
      return true;
    case "weather": {
      const { counts } = world.network;
      const before = counts.dropped + counts.duplicated + counts.corrupted + counts.reordered;
      const end = world.network.addWeather(fault);
      world.after(fault.forMs, () => {
        end();
        if (counts.dropped + counts.duplicated + counts.corrupted + counts.reordered > before) fire();
      });
      return true;
    }
    case "slowDisk": {
      const machine = resolve(world, fault.target);
      if (!machine) return false;
      const before = machine.counts.slowDisk;
      machine.diskDelayMs = fault.delayMs;
      world.after(fault.forMs, () => {
        machine.diskDelayMs = 0;
        if (machine.counts.slowDisk > before) fire();
      });
      return true;
    }
    case "diskFull": {
      const machine = resolve(world, fault.target);
      if (!machine) return false;
      const before = machine.counts.refused;
      machine.setDiskFull(true);
      world.after(fault.forMs, () => {
        machine.setDiskFull(false);
        if (machine.counts.refused > before) fire();
      });
      return true;
    }
    case "syncError": {
      const machine = resolve(world, fault.target);
      if (!machine?.up) return false;
      machine.disk.failNext("sync", { code: "io", message: "simulated" });
      return fire();
    }
    case "damage": {
      const machine = resolve(world, fault.target);
      if (!machine) return false;
      return damage(world, machine, fault, {
        fire,
        crash: (power, forMs) => crash(world, machine, power, forMs),
      });
    }
    case "clockRate": {
      const machine = world.machines.get(fault.node);
      if (!machine) return false;
      machine.clock.setRate(world.now, fault.rate);
      world.after(fault.forMs, () => machine.clock.setRate(world.now, 1));
      return fire();
    }
    case "clockOffset": {
      const machine = world.machines.get(fault.node);
      if (!machine) return false;
      machine.clock.offsetMs = fault.offsetMs;
      world.after(fault.forMs, () => (machine.clock.offsetMs = 0));
      return fire();
    }
    case "minority": {
      const leader = world.leader();
      if (!leader) return false;
      const inside = [leader.id, ...world.nodes.filter((id) => id !== leader.id)];
      const outside = inside.splice(Math.floor((world.nodes.length - 1) / 2));
      cutFor(
        world,
        inside.flatMap((one) => outside.flatMap((other) => [[one, other] as const, [other, one] as const])),
        fault.forMs,
        fire,
      );
      return true;
    }
    case "clockLie": {
      const machine = world.machines.get(fault.node);
      if (!machine) return false;
      machine.clock.offsetMs = fault.offsetMs;
      world.after(fault.forMs, () => (machine.clock.offsetMs = 0));
      return fire();
    }
    case "upgrade": {
      const machine = resolve(world, fault.target);
      // An older version would not know that this node has to rejoin; a real one refuses the directory.
      if (!machine?.up || machine.version === fault.to || (machine.suspect && fault.to < machine.version)) return false;
      crash(world, machine, false, fault.forMs);
      machine.version = fault.to;
      return fire();
    }
    case "client": {
      const client = world.clients[fault.client];
      if (!(client instanceof LibraryClient)) return false;
      return trouble(world, client, fault, fire);
    }
    case "reconfigure": {
      const leader = world.leader();
      const membership = leader && reconfigured(world, leader, fault.how);
      if (!membership) return false;
      leader.command({
        type: "changeMembership",
        id: world.newRequestId(),
        deadline: leader.reading().mono + 2000,
        ...membership,
      });
      return fire();
    }
    case "shards": {
      const leader = world.leader();
      const operation = leader && changeOf(leader, fault);
      if (!leader || !operation) return false;
      world.askOnce(leader, operation, (done) => {
        if (!done) return;
        world.count(`shards ${fault.change}`);
        fire();
      });
      return true;
    }
    case "transfer": {
      const leader = world.leader();
      if (!leader) return false;
      leader.command({
        type: "transfer",
        id: world.newRequestId(),
        deadline: leader.reading().mono + 2000,
        to: fault.to === 0 ? undefined : fault.to,
      });
      return fire();
    }
    case "membership": {
      const leader = world.leader();
      if (!leader) return false;
      const { voters, learners } = fault;
      leader.command({
        type: "changeMembership",
        id: world.newRequestId(),
        deadline: leader.reading().mono + 2000,
        voters,
        learners,
      });
      return fire();
    }
  }
}

/** The members after a change; undefined: there is nobody for it. */
function reconfigured(
  world: World,
  leader: Machine,
  how: Reconfiguration,
): { readonly voters: readonly NodeId[]; readonly learners: readonly NodeId[] } | undefined {
  const { voters, learners } = leader.core!.replicas.get(0)!.raft.membership;
  const outsider = world.nodes.find((id) => !voters.includes(id) && !learners.includes(id));
  if (how === "addLearner") return outsider === undefined ? undefined : { voters, learners: [...learners, outsider] };
  if (how === "removeLeader") {
    const heir = outsider ?? learners[0];
    if (heir === undefined) return undefined;
    return {
      voters: [...voters.filter((id) => id !== leader.id), heir],
      learners: learners.filter((id) => id !== heir),
    };
  }
  const [promoted] = learners;
  const leaving = voters.findLast((id) => id !== leader.id);
  if (promoted === undefined || leaving === undefined) return undefined;
  return { voters: [...voters.filter((id) => id !== leaving), promoted], learners: learners.slice(1) };
}

function trouble(
  world: World,
  client: LibraryClient,
  fault: Extract<Fault, { kind: "client" }>,
  fire: () => true,
): boolean {
  const { how, forMs } = fault;
  if (how === "cut") {
    const end = endOf(client.id);
    cutFor(
      world,
      world.nodes.flatMap((node) => [[node, end] as const, [end, node] as const]),
      forMs,
      fire,
    );
    return true;
  }
  if (how === "kill") client.kill();
  else {
    client.pause();
    world.after(forMs, () => client.resume());
  }
  return fire();
}

/** How soon the others notice that a connection is gone. */
const noticedMs = 5;

function crash(world: World, machine: Machine, power: boolean, forMs: number): void {
  machine.crash(power);
  for (const other of world.machines.values()) {
    if (other !== machine)
      world.network.send(machine.id, other.id, () =>
        world.after(noticedMs, () => other.command({ type: "suspect", node: machine.id })),
      );
  }
  const { life } = machine;
  world.after(forMs, () => life === machine.life && machine.start());
}

/** Cuts links for a while; it fired if a message was lost to it. */
function cutFor(world: World, cut: readonly (readonly [End, End])[], forMs: number, fire: () => void): void {
  if (world.healed) return;
  const before = world.network.counts.cut;
  for (const [from, to] of cut) world.network.cut(from, to);
  world.after(forMs, () => {
    for (const [from, to] of cut) world.network.mend(from, to);
    if (world.network.counts.cut > before) fire();
  });
}
