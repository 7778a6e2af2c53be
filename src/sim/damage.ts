import { must } from "../base/index.ts";
import type { Machine } from "./machine.ts";
import type { Fault } from "./plan.ts";
import type { World } from "./world.ts";

type DamageFault = Extract<Fault, { kind: "damage" }>;

/** What a segment begins with, in bytes: its header. */
const headerBytes = 512;
/** How soon someone notices that a disk is to be replaced. */
const replacedMs = 300;

/** What it needs of faults in general. */
interface Means {
  readonly fire: () => true;
  readonly crash: (power: boolean, forMs: number) => void;
}

/** Damages what a machine has on disk, unless that puts a majority's copies in doubt. Whether anything is under way. */
export function damage(world: World, machine: Machine, fault: DamageFault, means: Means): boolean {
  if (!machine.up || !mayDamage(world, machine)) return false;
  const { place, forMs } = fault;
  const { crash, fire } = means;
  switch (fault.what) {
    case "bit":
      crash(false, forMs);
      if (!flipBit(machine, place)) return false;
      break;
    case "row":
      if (!machine.damageRow(place)) return false;
      world.after(forMs, () => machine.scrub());
      break;
    case "misdirected":
      return misdirect(world, machine, fault, means);
    case "unreadable":
      crash(false, forMs);
      machine.disk.failReads(must(machine.disk.list()[0], "a file of the log"), { code: "io", message: "simulated" });
      // A process that could not read its log is started by hand, on a new disk.
      world.after(forMs + replacedMs, () => machine.broken?.code === "unreadable" && machine.beginAnew(false));
      break;
  }
  machine.suspect = true;
  return fire();
}

/** Votes and entries are safe while a majority has kept all of its own. */
function mayDamage(world: World, machine: Machine): boolean {
  const voters = world.options.voters.map((id) => world.machine(id));
  const whole = voters.filter((each) => each !== machine && !each.suspect);
  return !machine.suspect && whole.length > voters.length / 2;
}

/** A bit somewhere in what has been written, headers and padding too. */
function flipBit({ disk }: Machine, place: number): boolean {
  const files = disk.list().map((name) => ({ name, bytes: usedBytes(disk.read(name)) }));
  let at = Math.floor(place * files.reduce((total, { bytes }) => total + bytes, 0));
  for (const { name, bytes } of files) {
    if (at < bytes) {
      disk.flipBit(name, at, at % 8);
      return true;
    }
    at -= bytes;
  }
  return false;
}

function usedBytes(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

/** The next write goes to where the first batches of the same segment are; it is noticed at the next start. */
function misdirect(world: World, machine: Machine, { forMs }: DamageFault, { crash, fire }: Means): boolean {
  const { disk } = machine;
  const active = disk.list().findLast((name) => usedBytes(disk.read(name)) > 2 * headerBytes);
  if (active === undefined) return false;
  disk.misdirectNextWrite(active, headerBytes, active);
  machine.suspect = true;
  const { life } = machine;
  world.after(forMs, () => {
    if (life !== machine.life) return;
    crash(false, 50);
    fire();
  });
  return true;
}
