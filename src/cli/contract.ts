/** `cohort contract`: what a contract means, and whether the engine keeps it. */
import { Command } from "commander";

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
  addSchema(command);
  return command;
}

function addExplain(command: Command): void {
  command
    .command("explain")
    .description("what a contract implies, rules out and leaves open, what it costs, and how it is kept")
    .argument("<contract>", "a file with the text or JSON of a contract, the text itself, or - for standard input")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", '\nExample:\n  cohort contract explain "causal; PartitionBehavior: AvailabilityPreferred"')
    .action(async (source: string, flags: { json?: true }) => {
      const { explainContract } = await import("./contract/explain.ts");
      process.exitCode = explainContract(source, flags.json === true);
    });
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
