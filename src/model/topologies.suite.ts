import { readFileSync } from "node:fs";
import type { Topology } from "./topology.ts";

function read(name: string): Topology {
  return JSON.parse(readFileSync(new URL(`./topologies/${name}.json`, import.meta.url), "utf8")) as Topology;
}

/** The topologies that come with the package. */
export const topologies = {
  oneRack: read("one-rack"),
  threeZones: read("three-zones"),
  threeRegions: read("three-regions"),
};
