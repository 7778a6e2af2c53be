/**
 * Source text without its comments and, on request, without what its strings and regular expressions say.
 * Line numbers stay as they are. Good enough for rules about words and imports; it is no parser.
 */
export function stripSource(text: string, options: { readonly strings: boolean }): string {
  const blank = (part: string): string => part.replace(/[^\n]/g, " ");
  const keep = (part: string): string =>
    options.strings ? `${part[0]}${blank(part.slice(1, -1))}${part.at(-1)}` : part;
  let out = "";
  let at = 0;
  // Template literals nest through `${ … }`: each level remembers how many braces it has open.
  const templates: number[] = [];

  const template = (): void => {
    const chunk = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;
    chunk.lastIndex = at;
    const body = chunk.exec(text)?.[0] ?? "";
    out += options.strings ? blank(body) : body;
    at += body.length;
    if (text.startsWith("${", at)) {
      out += "${";
      at += 2;
      templates.push(0);
    } else if (at < text.length) {
      out += "`";
      at += 1;
    }
  };

  while (at < text.length) {
    const token = nextToken(text, at, out);
    if (token.kind === "comment") out += blank(token.text);
    else if (token.kind === "literal") out += keep(token.text);
    else out += token.text;
    at += token.text.length;
    if (token.kind !== "code") continue;
    const depth = templates.length - 1;
    if (token.text === "`") template();
    else if (depth >= 0 && token.text === "{") templates[depth]!++;
    else if (depth >= 0 && token.text === "}") {
      if (templates[depth]! > 0) templates[depth]!--;
      else {
        templates.pop();
        template();
      }
    }
  }
  return out;
}

interface Token {
  readonly kind: "comment" | "literal" | "code";
  readonly text: string;
}

const patterns: readonly (readonly [Token["kind"], RegExp])[] = [
  ["comment", /\/\/[^\n]*|\/\*[\s\S]*?\*\//y],
  ["literal", /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y],
  ["code", /[A-Za-z_$][\w$]*|[\s\S]/y],
];
const regularExpression = /\/(?![/*])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
/** After these a slash begins a regular expression; after anything else it divides. */
const beforeRegularExpression = /(?:^|[(,=:[!&|?{};+\-*<>~^]|\breturn|\bcase|\btypeof)\s*$/;

function nextToken(text: string, at: number, before: string): Token {
  if (text[at] === "/" && beforeRegularExpression.test(before.slice(-40))) {
    regularExpression.lastIndex = at;
    const match = regularExpression.exec(text);
    if (match) return { kind: "literal", text: match[0] };
  }
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { kind, text: match[0] };
  }
  return { kind: "code", text: text[at]! };
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Gone when the code runs. */
  readonly typeOnly: boolean;
}

/** Every module that a source text names: imports, re-exports and dynamic imports. */
export function importsOf(text: string): Import[] {
  const code = stripSource(text, { strings: false });
  const statement =
    /(?<![\w.$])(?:(import|export)\s+(type\s+)?(?:[\w*${},\s]+?\s+from\s*)?|import\s*\(\s*)["']([^"'\n]+)["']/g;
  return Array.from(code.matchAll(statement), (match) => ({
    specifier: match[3]!,
    line: lineOf(code, match.index),
    typeOnly: match[2] !== undefined,
  }));
}

export function lineOf(text: string, at: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < at; i = text.indexOf("\n", i + 1)) line++;
  return line;
}
