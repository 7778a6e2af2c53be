/** What is wrong with a text, where, and what to write instead: data for editors, text for terminals. */
import type { Theorem } from "./contradictions.ts";

/** Half-open range of characters (UTF-16 code units). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Diagnostic extends Span {
  /** A contract with errors is refused; a warning says what its author may not expect. */
  readonly severity: "error" | "warning";
  /** Which entry of the error catalogue it becomes. */
  readonly code: "bad-consistency" | "contradiction" | "unsupported";
  /** Of `from`, from 1. */
  readonly line: number;
  /** Of `from` in its line, from 1, in characters as people count them (code points). */
  readonly column: number;
  readonly message: string;
  /** What to write in place of the range; undefined where there is no one thing. */
  readonly suggestion: string | undefined;
  /** Of a contradiction: what forbids it. */
  readonly theorem?: Theorem;
  /** Of a contradiction: the nearest contracts that are possible, as canonical texts. */
  readonly nearest?: readonly string[];
}

export function diagnosticAt(
  text: string,
  { from, to }: Span,
  rest: Pick<Diagnostic, "severity" | "code" | "message" | "suggestion"> & Partial<Diagnostic>,
): Diagnostic {
  const before = text.slice(0, from);
  const lineStart = before.lastIndexOf("\n") + 1;
  const line = before.split("\n").length;
  const column = width(before.slice(lineStart)) + 1;
  return { ...rest, from, to, line, column };
}

/** In code points. */
function width(text: string): number {
  return Array.from(text).length;
}

/** The line that a diagnostic is about, with carets under the range, and what to do, as lines of text. */
export function diagnosticText(text: string, diagnostic: Diagnostic): string {
  const { from, to, line, column, message, suggestion, theorem, nearest } = diagnostic;
  const source = text.split("\n")[line - 1] ?? "";
  const marks = Math.max(1, Math.min(width(text.slice(from, to)), width(source) - column + 1));
  const number = `${line}`;
  const gutter = " ".repeat(number.length);
  const lines = [
    `${line}:${column}: ${message}`,
    `${gutter} |`,
    `${number} | ${source.replaceAll("\t", " ")}`,
    `${gutter} | ${" ".repeat(column - 1)}${"^".repeat(marks)}`,
  ];
  if (suggestion !== undefined) lines.push(`${gutter} = write: ${suggestion}`);
  if (theorem !== undefined) lines.push(`${gutter} = because: ${theorem.says}`, `${gutter}   ${theorem.source}`);
  for (const [index, possible] of (nearest ?? []).entries())
    lines.push(`${gutter} = possible (${index + 1}):`, ...possible.split("\n").map((row) => `${gutter}     ${row}`));
  return lines.join("\n");
}

/** The candidate that was probably meant, by the least number of edits; undefined: none is near. */
export function nearestName(word: string, candidates: Iterable<string>): string | undefined {
  // Nobody meant a name by something that long.
  if (word.length > 60) return undefined;
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const name = candidate.toLowerCase();
    // Who writes the beginning of a long name means that name.
    const distance = wanted.length >= 4 && name.startsWith(wanted) ? 1 : edits(wanted, name);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + Number(a[i - 1] !== b[j - 1]);
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}
