/** `cohort design`: a design document whose numbers are regenerated, and whose words are its author's. */
import { Command } from "commander";
import { parseContract } from "../contract/index.ts";
import { ofRaft, readContract } from "./contract/source.ts";
import { newDesign, reportDesign } from "./design/document.ts";
import { workshopContract } from "./model/price.ts";
import { loadTopology } from "./model/topology-file.ts";
import { print, printJson } from "./output.ts";

export function designCommand(): Command {
  const command = new Command("design")
    .description("design.md: choices, contracts, failure modes, predicted and simulated numbers, alternatives")
    .exitOverride()
    .showHelpAfterError("`--help` shows how.")
    .addHelpText("after", "\nExample:\n  cohort design new --topology three-zones\n  cohort design report design.md");
  command
    .command("new")
    .description("write a new design document, with its figures")
    .argument("[file]", "where to", "design.md")
    .option("--contract <contract>", "a file, or the text itself (default: the contract of the Day 1 workshop)")
    .option("--topology <name>", "one that comes with Cohort, or a file", "three-zones")
    .option("--json", "one JSON document on standard output")
    .addHelpText(
      "after",
      "\nExample:\n  cohort design new --contract contracts/workshop.contract --topology three-regions",
    )
    .action((file: string, flags: { contract?: string; topology: string; json?: true }) => {
      const json = flags.json === true;
      const contract =
        flags.contract === undefined ? parseContract(workshopContract) : readContract(flags.contract, json)?.contract;
      if (contract === undefined) return void (process.exitCode = 2);
      loadTopology(flags.topology);
      tell(newDesign(file, { contract: ofRaft(contract).text, topology: flags.topology }), json);
    });
  command
    .command("report")
    .description("regenerate tables and figures of a design document; what its author wrote stays")
    .argument("[file]", "the document", "design.md")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample:\n  cohort design report design.md")
    .action((file: string, flags: { json?: true }) => tell(reportDesign(file), flags.json === true));
  return command;
}

function tell(written: ReturnType<typeof reportDesign>, json: boolean): void {
  if (json) return printJson(written);
  print(`${written.file}: ${written.sections.join(", ")} are up to date`);
  for (const figure of written.figures) print(`Drawn: ${figure}`);
}
