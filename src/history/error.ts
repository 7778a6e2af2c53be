/** Input that is not the history it claims to be. Names the line, what is wrong, and what was expected. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
  /** From 1; undefined where no single line is to blame. */
  readonly line: number | undefined;

  constructor(line: number | undefined, problem: string, expected?: string) {
    super(
      `${line === undefined ? "" : `line ${line}: `}${problem}${expected === undefined ? "" : `; expected ${expected}`}`,
    );
    this.line = line;
  }
}

/** At most 60 characters of input, for a message. */
export function excerpt(text: string): string {
  const clean = JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
  return clean;
}
