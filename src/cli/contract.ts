/** `cohort contract`: what a contract means, and whether the engine keeps it. */
import { Command } from "commander";
import { campaignOf, type CampaignFlags } from "./sim.ts";

export function contractCommand(): Command {
  const command = new Command("contract")
    .description("consistency contracts: what they mean, and whether they are kept")
    .exitOverride()
    .showHelpAfterError("`--help` shows how.")
    .addHelpText(
      "after",
      '\nExample:\n  cohort contract explain "monotonic and bounded(100ms)"\n  cohort contract explain contracts/workshop.contract',
    );
  addExplain(command);
  addCheck(command);
  addSchema(command);
  return command;
}

function addExplain(command: Command): void {
  command
    .command("explain")
    .description("what a contract implies, rules out and leaves open, what it costs, and how it is kept")
    .argument("<contract>", "a file with the text or JSON of a contract, the text itself, or - for standard input")
    .option("--topology <name>", "also its price there: one of `cohort model topology`, or a file")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", '\nExample:\n  cohort contract explain "causal; PartitionBehavior: AvailabilityPreferred"')
    .action(async (source: string, flags: { topology?: string; json?: true }) => {
      const { explainContract } = await import("./contract/explain.ts");
      process.exitCode = explainContract(source, flags.topology, flags.json === true);
    });
}

function addCheck(command: Command): void {
  command
    .command("check")
    .description("put a contract on trial in the simulator: a verdict for each clause, a witness for each broken one")
    .argument("<contract>", "a file with a contract, the text itself, or - for standard input")
    .option("--seeds <n>", "how many runs", "100")
    .option("--seed <s>", "the first seed", "1")
    .option(
      "--faults <kinds>",
      "partitions, crashes, pauses, clocks, weather, disks, joined by commas; all, none",
      "all",
    )
    .option("--jobs <j>", "threads (default: one for each processor)")
    .option("--plant <bugs>", "plant mistakes (`cohort sim list --bugs`), to see them found")
    .option("--out <directory>", "where the files of witnesses go", ".cohort/sim")
    .option("--json", "one JSON document on standard output")
    .addHelpText(
      "after",
      "\nExit code: 0 every clause and objective is kept; 1 one is broken, missed or undecided; 2 the contract is wrong.\n\nExample:\n  cohort contract check contracts/workshop.contract --seeds 500 --faults partitions,crashes\n  cohort contract check contracts/workshop.contract --plant session-token-ignored    # a planted weakness is found",
    )
    .action(async (source: string, flags: CheckFlags) => {
      const { checkContract, contractFaultsOf } = await import("./contract/check.ts");
      const { ofRaft, readContract } = await import("./contract/source.ts");
      const faults = contractFaultsOf(flags.faults);
      const read = readContract(source, flags.json === true);
      if (read === undefined) return void (process.exitCode = 2);
      process.exitCode = await checkContract({
        contract: ofRaft(read.contract),
        faults,
        ...campaignOf(flags),
      });
    });
}

interface CheckFlags extends CampaignFlags {
  readonly faults: string;
}

function addSchema(command: Command): void {
  command
    .command("schema")
    .description("the JSON Schema of contracts in JSON form")
    .option("--json", "on one line")
    .addHelpText("after", "\nExample:\n  cohort contract schema > contract.schema.json")
    .action(async (flags: { json?: true }) => {
      const { contractSchema } = await import("../contract/index.ts");
      process.stdout.write(`${JSON.stringify(contractSchema, undefined, flags.json ? 0 : 2)}\n`);
    });
}
