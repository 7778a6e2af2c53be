/** `cohort workshop`: the workshop's failures on real processes, with a report. */
import { Command, Option } from "commander";
import { durationOf } from "./commands/client-options.ts";
import { UsageError } from "./output.ts";
import { engines, type Engine } from "./workshop/load.ts";

interface WorkshopFlags {
  readonly engine?: Engine;
  readonly fault: string;
  readonly downtime: string;
  readonly html?: string;
  readonly history?: string;
  readonly json?: true;
}

const longestMs = 600_000;

export function workshopCommand(): Command {
  return new Command("workshop")
    .description("three failures on three real nodes: what stays consistent, who is answered, how soon it is over")
    .addOption(new Option("--engine <engine>", "only this one (default: both, side by side)").choices(engines))
    .option("--fault <duration>", "how long a node is down, and a minority cut off", "3s")
    .option("--downtime <duration>", "how long the replica is away that returns after long downtime", "10s")
    .option("--html <file>", "write the report as a page, with plots")
    .option("--history <directory>", "keep what the clients saw, for `cohort check`")
    .option("--json", "one JSON document on standard output")
    .exitOverride()
    .showHelpAfterError("`--help` shows how.")
    .addHelpText(
      "after",
      "\nIt starts a cluster of its own on free ports (or from COHORT_PORT_BASE), in a directory that is removed\nafterwards. Exit codes: 0 everything promised was kept, 1 it was not, or that is not known.\n\nExample:\n  cohort workshop --html workshop.html\n  cohort workshop --engine dynamo --downtime 1m",
    )
    .action(async (flags: WorkshopFlags) => {
      const { runWorkshop } = await import("./workshop/run.ts");
      process.exitCode = await runWorkshop({
        engines: flags.engine === undefined ? engines : [flags.engine],
        faultMs: lengthOf(flags.fault, "--fault"),
        downtimeMs: lengthOf(flags.downtime, "--downtime"),
        json: flags.json === true,
        html: flags.html,
        history: flags.history,
      });
    });
}

function lengthOf(text: string, flag: string): number {
  const ms = durationOf(text, flag);
  if (ms < 100 || ms > longestMs) throw new UsageError(`${flag} is ${text}; it has to be from 100ms to 10m`);
  return ms;
}
