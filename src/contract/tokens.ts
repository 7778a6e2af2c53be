import type { Span } from "./diagnostics.ts";

export interface Token extends Span {
  /** `quantity` is a number with its unit: `100ms`, `99.9%`, `2`. `end` closes every list of tokens. */
  readonly kind: "word" | "quantity" | "symbol" | "newline" | "end";
  readonly text: string;
}

const pattern =
  /(?<space>[^\S\n]+|#[^\n]*)|(?<newline>[\n;])|(?<quantity>\d+(?:\.\d+)?(?:[\p{L}%]+|\s(?:us|µs|ms|s|m|h|d)(?!\p{L}))?)|(?<word>[\p{L}_][\p{L}\d_-]*(?:\.\d+)?)|(?<symbol>&&|<=|.)/gsu;

/** Words, numbers and signs with their places; comments run from `#` to the end of the line. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(pattern)) {
    const { space, newline, quantity, word } = match.groups ?? {};
    if (space !== undefined) continue;
    const kind =
      newline !== undefined ? "newline" : quantity !== undefined ? "quantity" : word !== undefined ? "word" : "symbol";
    tokens.push({ kind, text: match[0], from: match.index, to: match.index + match[0].length });
  }
  tokens.push({ kind: "end", text: "", from: text.length, to: text.length });
  return tokens;
}

export function isJoiner({ kind, text }: Token): boolean {
  return kind === "symbol" ? ["∧", "&", "&&", ","].includes(text) : kind === "word" && text.toLowerCase() === "and";
}

const scales = { us: 0.001, µs: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration such as `100ms`, `2s`, `1m`, `30d`; undefined where it is none. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(us|µs|ms|s|m|h|d)$/.exec(text.trim());
  return match ? Number(match[1]) * scales[match[2] as keyof typeof scales] : undefined;
}
