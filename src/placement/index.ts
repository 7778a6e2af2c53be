/**
 * Which node holds which key. Four ways, from the oldest to the one that needs a directory:
 *
 *     ring         points on a circle, several a node: a key belongs to the next points clockwise (Karger, 1997)
 *     rendezvous   every node draws a number for the key, the highest win (Thaler and Ravishankar, 1998)
 *     ranges       the key space cut into pieces that split and merge with size and load
 *     directory    ranges with their replicas and a version, so that a stale map is noticed
 *
 * and, for all of them, replica sets that spread over zones and racks, and the keys that are hot.
 * Functions of their arguments alone: nothing here moves data or knows who is alive.
 */
export { Directory, type DirectoryEntry, type Located } from "./directory.ts";
export { hash32, hashText } from "./hash.ts";
export { HotKeys, hotShards, type HotKey } from "./hot-keys.ts";
export {
  mergeRanges,
  planRanges,
  RangeMap,
  splitRange,
  type KeyRange,
  type RangeChange,
  type RangeLoad,
  type RangeLimits,
} from "./ranges.ts";
export { evenStarts, placements, pointOf, type Placement } from "./points.ts";
export { rendezvous, rendezvousOrder } from "./rendezvous.ts";
export { spread, type Member } from "./replica-sets.ts";
export { buildRing, ringOrder, ringOwners, type Ring } from "./ring.ts";
export { measureBalance, measureMovement, type Balance } from "./balance.ts";
