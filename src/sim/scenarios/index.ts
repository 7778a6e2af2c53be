/** Every scenario there is, in the order in which they are listed. */
import type { Scenario } from "../scenario.ts";
import { agreement } from "./agreement.ts";
import { contracts } from "./contracts.ts";
import { clocks } from "./clocks.ts";
import { coordination } from "./coordination.ts";
import { disks } from "./disks.ts";
import { membership } from "./membership.ts";
import { networks } from "./networks.ts";
import { processes } from "./processes.ts";
import { reading } from "./reading.ts";
import { shards } from "./shards.ts";
import { quorums } from "./quorums.ts";
import { transactions } from "./transactions.ts";
import { workshop } from "./workshop.ts";

export const scenarios: readonly Scenario[] = [
  ...agreement,
  ...processes,
  ...networks,
  ...disks,
  ...clocks,
  ...membership,
  ...reading,
  ...contracts,
  ...coordination,
  ...shards,
  ...transactions,
  ...quorums,
  ...workshop,
];
