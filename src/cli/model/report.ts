/** How every model shows itself: a table, the source, charts as files, or all of it as JSON. */
import { join } from "node:path";
import { chartSvg, type Chart } from "../../plot/index.ts";
import { makeDirectory, paint, print, printJson, writeOutput } from "../output.ts";

export interface ModelReport {
  readonly title: string;
  /** Where the model is from: paper and section. */
  readonly source: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes?: readonly string[];
  readonly charts?: readonly { readonly name: string; readonly chart: Chart }[];
  /** The same as data. */
  readonly data: unknown;
}

export interface ReportFlags {
  readonly json?: true;
  /** A directory for the charts. */
  readonly svg?: string;
}

/** Prints a report; writes its charts where they are asked for. */
export function showReport(report: ModelReport, flags: ReportFlags): void {
  const files = flags.svg === undefined ? [] : writeCharts(report, flags.svg);
  if (flags.json) return printJson({ title: report.title, source: report.source, data: report.data, files });
  print(paint("bold", report.title));
  for (const line of tableText(report.columns, report.rows)) print(line);
  for (const note of report.notes ?? []) print(note);
  print(paint("dim", `Source: ${report.source}`));
  for (const file of files) print(`Drawn: ${file}`);
}

function writeCharts({ charts = [] }: ModelReport, directory: string): string[] {
  makeDirectory(directory);
  return charts.map(({ name, chart }) => {
    const file = join(directory, `${name}.svg`);
    writeOutput(file, chartSvg(chart));
    return file;
  });
}

/** Columns side by side; those of numbers to the right. */
export function tableText(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => (row[i] ?? "").length)));
  const numeric = columns.map(
    (_, i) => rows.length > 0 && rows.every((row) => /^[<>≤~]?\s?-?[\d–.]/.test(row[i] ?? "")),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  return [paint("dim", line(columns)), ...rows.map(line)];
}

/** As Markdown. */
export function tableMarkdown(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Milliseconds with three significant digits. */
export function ms(value: number): string {
  if (!Number.isFinite(value)) return "unbounded";
  if (value === 0) return "0 ms";
  if (value >= 100_000) return `${(value / 1000).toFixed(0)} s`;
  return `${Number(value.toPrecision(3))} ms`;
}

/** A share as percent; what is nearly all of it shows its nines. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  if (share > 0.9) {
    const digits = Math.min(9, Math.max(1, Math.ceil(-Math.log10(1 - share))));
    return `${(100 * share).toFixed(digits)} %`;
  }
  return `${Number((100 * share).toPrecision(3))} %`;
}
