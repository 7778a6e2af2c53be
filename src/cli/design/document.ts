/** A design document: generated parts between marks, everything else left as it is. */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CohortError, parseContract, type Contract } from "../../contract/index.ts";
import { chartSvg } from "../../plot/index.ts";
import { ofRaft } from "../contract/source.ts";
import { loadTopology } from "../model/topology-file.ts";
import { CommandError, makeDirectory, UsageError, writeOutput } from "../output.ts";
import { sectionNames, sectionsOf, type SectionName } from "./sections.ts";

/** What the numbers are about; kept in the first comment of the document. */
export interface DesignSettings {
  readonly contract: string;
  readonly topology: string;
}

export interface Written {
  readonly file: string;
  readonly sections: readonly SectionName[];
  readonly figures: readonly string[];
}

const begin = (name: string): string => `<!-- cohort:begin ${name} -->`;
const end = (name: string): string => `<!-- cohort:end ${name} -->`;
const marks = (name: SectionName): string => `${begin(name)}\n${end(name)}`;

/** Throws a CommandError where the file exists. */
export function newDesign(file: string, settings: DesignSettings): Written {
  if (existsSync(file))
    throw new CommandError(`${file} exists`, `\`cohort design report ${file}\` regenerates it; or name another file.`);
  writeOutput(file, skeleton(settings));
  return reportDesign(file);
}

function skeleton(settings: DesignSettings): string {
  return `<!-- cohort:design ${JSON.stringify(settings)} -->
# Design

*Tables and figures between marks are written by \`cohort design report\`; every other word is yours and stays.*

## Architecture choices
What is replicated, where, by which protocol, and why. One paragraph a choice, with what it costs.

## Contract
${marks("contract")}

Why these guarantees and no others:

## Predicted price
${marks("price")}

## Failure modes by scenario
${marks("failures")}

What operators do in each:

## Predicted against simulated
${marks("simulated")}

## Alternatives considered
${marks("alternatives")}

Why not these:
`;
}

/** Regenerates every marked part. Throws a UsageError that names the line where the document is not in order. */
export function reportDesign(file: string): Written {
  const text = readText(file);
  const settings = settingsOf(text, file);
  const parts = partsOf(text, file);
  const { sections, charts } = sectionsOf(contractIn(settings, file), loadTopology(settings.topology));
  const figureDirectory = join(dirname(file), `${basename(file, ".md")}-figures`);
  makeDirectory(figureDirectory);
  const figures = charts.map(({ name, chart }) => {
    const figure = join(figureDirectory, `${name}.svg`);
    writeOutput(figure, chartSvg(chart));
    return figure;
  });
  let result = text;
  // From the last to the first, so that places stay true.
  for (const { name, from, to } of parts.toReversed()) {
    const pictures = charts
      .filter((chart) => chart.section === name)
      .map(({ name: picture, chart }) => `\n![${chart.title}](${basename(figureDirectory)}/${picture}.svg)\n`);
    result = `${result.slice(0, from)}\n${sections[name]}\n${pictures.join("")}${result.slice(to)}`;
  }
  writeOutput(file, result);
  return { file, sections: parts.map(({ name }) => name), figures };
}

function contractIn({ contract }: DesignSettings, file: string): Contract {
  try {
    return ofRaft(parseContract(contract));
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    throw new UsageError(`${file}:1: the contract is wrong: ${error.failure.detail}`, error.advice, { cause: error });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      `\`cohort design new ${file}\` begins one.`,
    );
  }
}

function settingsOf(text: string, file: string): DesignSettings {
  const advice = `The document begins with <!-- cohort:design {"contract": "…", "topology": "three-zones"} -->.`;
  const found = /<!-- cohort:design (.*?) -->/s.exec(text)?.[1];
  if (found === undefined) throw new UsageError(`${file} does not say which contract and topology it is about`, advice);
  let settings: unknown;
  try {
    settings = JSON.parse(found);
  } catch (error) {
    throw new UsageError(`${file}:1: the settings are not JSON: ${(error as Error).message}`, advice);
  }
  const { contract, topology } = (settings ?? {}) as Partial<Record<keyof DesignSettings, unknown>>;
  if (typeof contract !== "string" || typeof topology !== "string")
    throw new UsageError(`${file}:1: the settings need "contract" and "topology", both texts`, advice);
  return { contract, topology };
}

interface Part {
  readonly name: SectionName;
  /** Behind the mark that begins it, and before the one that ends it. */
  readonly from: number;
  readonly to: number;
}

function partsOf(text: string, file: string): Part[] {
  const parts: Part[] = [];
  let last = 0;
  for (const match of text.matchAll(/<!-- cohort:begin (.*?) -->/g)) {
    const name = sectionNames.find((known) => known === match[1]);
    const place = `${file}:${text.slice(0, match.index).split("\n").length}`;
    if (name === undefined)
      throw new UsageError(`${place}: there is no part "${match[1]}"`, `The parts are ${sectionNames.join(", ")}.`);
    const from = match.index + match[0].length;
    const to = text.indexOf(end(name), from);
    const next = text.indexOf("<!-- cohort:begin", from);
    if (match.index < last || to < 0 || (next >= 0 && next < to))
      throw new UsageError(`${place}: the part "${name}" does not end`, `Put ${end(name)} behind it.`);
    last = to;
    parts.push({ name, from, to });
  }
  return parts;
}
