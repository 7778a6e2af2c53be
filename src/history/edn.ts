import { HistoryError, excerpt } from "./error.ts";
import { isList, isScalar } from "./value.ts";
import type { Value } from "./value.ts";

/** A keyword, kept apart from text while a form is being read. */
export interface Keyword {
  readonly keyword: string;
}

/** An EDN form: scalars, keywords, sequences (lists, vectors, sets) and maps. Tags are dropped, ratios refused. */
export type Form = null | boolean | number | string | Keyword | readonly Form[] | FormMap;

export interface FormMap extends ReadonlyMap<Form, Form> {}

function isMap(form: Form): form is FormMap {
  return form instanceof Map;
}

export function isKeyword(form: Form): form is Keyword {
  return typeof form === "object" && form !== null && "keyword" in form;
}

const maxDepth = 200;
const delimiters = new Set(' \t\r\n,()[]{}";');
const closers: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

class Reader {
  readonly #text: string;
  readonly #line: number;
  at = 0;

  constructor(text: string, line: number) {
    this.#text = text;
    this.#line = line;
  }

  fail(problem: string, expected?: string): HistoryError {
    return new HistoryError(this.#line, `${problem} at column ${this.at + 1}`, expected);
  }

  skipSpace(): void {
    for (;;) {
      const char = this.#text[this.at];
      if (char === undefined) return;
      if (char === ";") {
        const end = this.#text.indexOf("\n", this.at);
        this.at = end < 0 ? this.#text.length : end;
      } else if (char === "#" && this.#text[this.at + 1] === "_") {
        this.at += 2;
        this.form(0);
      } else if (char === " " || char === "," || char === "\t" || char === "\n" || char === "\r") {
        this.at++;
      } else {
        return;
      }
    }
  }

  form(depth: number): Form {
    if (depth > maxDepth) throw this.fail("nested too deeply", `at most ${maxDepth} levels`);
    this.skipSpace();
    const char = this.#text[this.at];
    if (char === undefined) throw this.fail("the line ends early", "an EDN value");
    if (char === "[" || char === "(") return this.sequence(closers[char] ?? "]", depth);
    if (char === "{") return this.map(depth);
    if (char === '"') return this.string();
    if (char === "#") return this.dispatch(depth);
    if (char === "\\") return this.character();
    if (char === "]" || char === ")" || char === "}") throw this.fail(`unexpected "${char}"`, "an EDN value");
    return this.atom();
  }

  sequence(closer: string, depth: number): Form[] {
    this.at++;
    const items: Form[] = [];
    for (;;) {
      this.skipSpace();
      const char = this.#text[this.at];
      if (char === undefined) throw this.fail("the line ends early", `"${closer}"`);
      if (char === closer) {
        this.at++;
        return items;
      }
      items.push(this.form(depth + 1));
    }
  }

  map(depth: number): Map<Form, Form> {
    const items = this.sequence("}", depth);
    if (items.length % 2 !== 0) throw this.fail("a map with a name and no value", "pairs");
    const map = new Map<Form, Form>();
    for (let i = 0; i < items.length; i += 2) map.set(items[i] ?? null, items[i + 1] ?? null);
    return map;
  }

  string(): string {
    let end = this.at + 1;
    while (this.#text[end] !== '"') {
      if (end >= this.#text.length) throw this.fail("a text without an end", '"');
      end += this.#text[end] === "\\" ? 2 : 1;
    }
    const raw = this.#text.slice(this.at, end + 1);
    try {
      const parsed: unknown = JSON.parse(raw.replaceAll("\n", "\\n").replaceAll("\t", "\\t"));
      if (typeof parsed !== "string") throw this.fail("not a text", "a quoted text");
      this.at = end + 1;
      return parsed;
    } catch (error) {
      if (error instanceof SyntaxError)
        throw this.fail(`cannot read the text ${excerpt(raw)}`, 'escapes such as \\n and \\"');
      throw error;
    }
  }

  dispatch(depth: number): Form {
    if (this.#text[this.at + 1] === "{") {
      this.at++;
      return this.sequence("}", depth);
    }
    // A tag, or a record such as #jepsen.history.Op{…}: what follows is the value.
    this.at++;
    this.token();
    return this.form(depth + 1);
  }

  token(): string {
    const start = this.at;
    while (this.at < this.#text.length && !delimiters.has(this.#text[this.at] ?? " ")) this.at++;
    return this.#text.slice(start, this.at);
  }

  character(): string {
    this.at++;
    const start = this.at;
    this.at++;
    const name = this.#text.slice(start, start + 1) + this.token();
    const named: Readonly<Record<string, string>> = { newline: "\n", space: " ", tab: "\t", return: "\r" };
    return named[name] ?? name;
  }

  atom(): Form {
    const token = this.token();
    if (token === "nil") return null;
    if (token === "true") return true;
    if (token === "false") return false;
    if (token.startsWith(":") && token.length > 1) return { keyword: token.slice(1) };
    if (/^[+-]?\d+N?$/.test(token)) return wholeNumber(token.replace(/N$/, ""));
    if (/^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?M?$/.test(token)) return Number(token.replace(/M$/, ""));
    if (/^[a-zA-Z*!_?$%&=<>.+/-][\w*!?$%&=<>.+/#:'-]*$/.test(token)) return token;
    throw this.fail(`cannot read ${excerpt(token)}`, "nil, true, a number, a text, a :keyword, a vector or a map");
  }
}

/** The number; beyond exact whole numbers its decimal text, so that different numbers stay different. */
export function wholeNumber(token: string): number | string {
  const number = Number(token);
  return Number.isSafeInteger(number) ? number : token.replace(/^\+/, "");
}

/** All forms of a text. Throws a HistoryError that names the line and column. */
export function readForms(text: string, line: number): Form[] {
  const reader = new Reader(text, line);
  const forms: Form[] = [];
  for (;;) {
    reader.skipSpace();
    if (reader.at >= text.length) return forms;
    forms.push(reader.form(0));
  }
}

/** The plain value of a form: keywords become text, sets become lists, names of maps become text. */
export function valueOfForm(form: Form): Value {
  if (form === null || typeof form !== "object") return form;
  if (isKeyword(form)) return form.keyword;
  if (isMap(form)) {
    const entries = [...form].map(([name, value]): [string, Value] => {
      const plain = valueOfForm(name);
      return [typeof plain === "string" ? plain : JSON.stringify(plain), valueOfForm(value)];
    });
    return Object.fromEntries(entries);
  }
  return form.map(valueOfForm);
}

/** A value as EDN. Names of maps that are whole numbers are written as numbers, as Jepsen has them. */
export function writeValue(value: Value): string {
  if (value === null) return "nil";
  if (isScalar(value)) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(writeValue).join(" ")}]`;
  const names = Object.keys(value);
  const pair = (name: string): string =>
    `${/^-?\d{1,15}$/.test(name) ? name : JSON.stringify(name)} ${writeValue(value[name] ?? null)}`;
  return `{${names.map(pair).join(", ")}}`;
}
