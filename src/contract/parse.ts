/**
 * The contract language.
 *
 *     contract   = clause { (";" | newline) clause }
 *     clause     = [ "ReadConsistency" ":" ] read { join read }          the name may be left out in the first clause
 *                | "WriteConsistency" ":" write
 *                | "PartitionBehavior" ":" ( "AvailabilityPreferred" | "ConsistencyPreferred" )
 *                | "Latency" ":" latency { join latency }
 *                | "Availability" ":" PERCENT [ "over" DURATION ]        over 30 days where none is given
 *     read       = NAME | "BoundedStaleness" "(" DURATION ")" | "Quorum" "(" [ "R" "=" ] NUMBER ")"
 *     write      = "Linearizable" | "Causal" | "Eventual" | "Quorum" "(" [ "W" "=" ] NUMBER ")"
 *     latency    = [ "reads" | "writes" ] "p" NUMBER "<" DURATION
 *     join       = "∧" | "and" | "&" | "&&" | ","
 *
 * Case, hyphens and spaces within names do not matter, `#` begins a comment, and a line that begins or ends with a
 * join goes on. What is left out is as strong as it can be: linearizable, ConsistencyPreferred, no objectives.
 */
import { contradictionsOf, nearestPossible, type ClauseName } from "./contradictions.ts";
import { diagnosticAt, nearestName, type Diagnostic, type Span } from "./diagnostics.ts";
import {
  partitionBehaviors,
  type AvailabilityObjective,
  type Contract,
  type LatencyObjective,
  type PartitionBehavior,
  type ReadGuarantee,
  type WriteGuarantee,
} from "./guarantees.ts";
import { implies, normalReads } from "./lattice.ts";
import { clauseNames, findRead, findWrite, nearestRead, plain, readNames, writeNames } from "./names.ts";
import { contractText, readText } from "./print.ts";
import { isJoiner, parseDurationMs, tokensOf, type Token } from "./tokens.ts";

export interface Parsed {
  /** Undefined where there is an error. */
  readonly contract: Contract | undefined;
  /** In the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
  /** Which clauses are written, and where. */
  readonly clauses: ReadonlyMap<ClauseName, Span>;
}

/** Reads a contract, and says everything that is wrong with it. */
export function parse(text: string): Parsed {
  return new Parser(text).contract();
}

/** Stops reading the clause; the diagnostic is recorded. */
class Stop extends Error {
  override readonly name = "Stop";
}

interface Clauses {
  reads?: { readonly guarantee: ReadGuarantee; readonly span: Span }[];
  write?: WriteGuarantee;
  partition?: PartitionBehavior;
  latency?: LatencyObjective[];
  availability?: AvailabilityObjective;
}

/** Two names with nothing between them, joined; undefined where they are no names. */
function splitNames(text: string): string | undefined {
  const words = text.split(/\s+/);
  for (let at = 1; at < words.length; at++) {
    const parts = [words.slice(0, at).join(" "), words.slice(at).join(" ")];
    if (parts.every((part) => findRead(part) !== undefined)) return parts.join(" ∧ ");
  }
  return undefined;
}

const maxTextLength = 16_384;

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  readonly #diagnostics: Diagnostic[] = [];
  readonly #clauses = new Map<ClauseName, Span>();
  readonly #said: Clauses = {};

  constructor(text: string) {
    this.#text = text;
    this.#tokens = text.length <= maxTextLength ? tokensOf(text) : tokensOf("");
    if (text.length > maxTextLength)
      this.#error({ from: 0, to: 1 }, `a contract has at most ${maxTextLength} characters, this one ${text.length}`);
  }

  contract(): Parsed {
    for (let first = true; ; first = false) {
      while (this.#peek.kind === "newline") this.#at++;
      if (this.#peek.kind === "end") break;
      try {
        this.#clause(first);
      } catch (error) {
        if (!(error instanceof Stop)) throw error;
      }
      while (!this.#clauseEnds()) this.#at++;
    }
    const failed = this.#diagnostics.some(({ severity }) => severity === "error");
    const contract = failed ? undefined : this.#whole();
    const contradicted = this.#diagnostics.some(({ severity }) => severity === "error");
    const diagnostics = [...this.#diagnostics].sort((a, b) => a.from - b.from);
    return { contract: contradicted ? undefined : contract, diagnostics, clauses: this.#clauses };
  }

  #whole(): Contract {
    const { reads = [], write = { guarantee: "Linearizable" }, latency = [], availability } = this.#said;
    const partition = this.#said.partition ?? "ConsistencyPreferred";
    const all = reads.map(({ guarantee }) => guarantee);
    const content = {
      reads: normalReads(all.length === 0 ? [{ guarantee: "Linearizable" }] : all),
      write,
      partition,
      latency,
      availability,
    };
    this.#warnOfImplied(reads);
    const contradictions = contradictionsOf(content);
    const nearest = contradictions.length === 0 ? [] : nearestPossible(content).map(({ text }) => text);
    for (const { theorem, clauses, message } of contradictions) {
      const span = clauses.map((name) => this.#clauses.get(name)).find((place) => place !== undefined);
      this.#report(span ?? { from: 0, to: this.#text.length }, "error", `${message} (${theorem.name})`, {
        code: "contradiction",
        theorem,
        nearest,
      });
    }
    return { ...content, text: contractText(content) };
  }

  #warnOfImplied(reads: NonNullable<Clauses["reads"]>): void {
    for (const [index, { guarantee, span }] of reads.entries()) {
      const rest = reads.filter((_, place) => place !== index);
      const by = rest.find((other, place) => {
        const stronger = implies([other.guarantee], guarantee);
        // Of two that are the same, the second is one too many.
        return stronger && (place < index || !implies([guarantee], other.guarantee));
      });
      if (by !== undefined)
        this.#report(span, "warning", `${readText(guarantee)} adds nothing: ${readText(by.guarantee)} is there`);
    }
  }

  // ---- Clauses -----------------------------------------------------------------------------------------

  #clause(first: boolean): void {
    const start = this.#at;
    const words = this.#words();
    const name = clauseNames.find((candidate) => plain(candidate) === plain(words.text));
    if (this.#peek.text !== ":") {
      this.#at = start;
      const begun = words.text.split(/\s+/)[0] ?? "";
      const meant = words.text === "" ? undefined : clauseNames.find((candidate) => plain(candidate) === plain(begun));
      if (meant !== undefined) {
        const span = { from: words.from, to: words.from + begun.length };
        return this.#fail(span, `a colon is missing after ${meant}`, `${meant}:`);
      }
      if (!first) return this.#unknownClause(words.text === "" ? this.#peek : words, words.text);
      return this.#body("ReadConsistency", this.#peek.from);
    }
    if (name === undefined) return this.#unknownClause(words, words.text);
    this.#at++;
    if (this.#clauses.has(name))
      return this.#fail(
        words,
        `${name} is said twice: join guarantees with ∧ in one clause`,
        undefined,
        "contradiction",
      );
    this.#skipNewlinesBefore((token) => isJoiner(token));
    this.#body(name, words.from);
  }

  #unknownClause(span: Span, word: string): void {
    const near = nearestName(word, clauseNames);
    return this.#fail(
      span,
      `"${this.#text.slice(span.from, span.to)}" is not a clause of a contract; there are ${clauseNames.join(", ")}`,
      near,
    );
  }

  #body(name: ClauseName, from: number): void {
    // Also where the clause is wrong: a second one of the name is a second mistake.
    this.#clauses.set(name, { from, to: this.#tokens[this.#at]!.to });
    const said = this.#said;
    if (name === "ReadConsistency") said.reads = this.#joined(() => this.#read());
    else if (name === "WriteConsistency") said.write = this.#write();
    else if (name === "PartitionBehavior") said.partition = this.#partition();
    else if (name === "Latency") said.latency = this.#joined(() => this.#latency());
    else said.availability = this.#availability();
    this.#clauses.set(name, { from, to: this.#tokens[this.#at - 1]!.to });
    if (!this.#clauseEnds())
      this.#fail(this.#peek, `"${this.#peek.text}" is not expected here; the clause could end before it`);
  }

  #joined<T>(item: () => T): T[] {
    const items = [item()];
    for (;;) {
      this.#skipNewlinesBefore(isJoiner);
      if (!isJoiner(this.#peek)) return items;
      this.#at++;
      while (this.#peek.kind === "newline" && this.#peek.text === "\n") this.#at++;
      items.push(item());
    }
  }

  /** A line that begins with a join goes on. */
  #skipNewlinesBefore(wanted: (token: Token) => boolean): void {
    let ahead = this.#at;
    while (this.#tokens[ahead]!.kind === "newline" && this.#tokens[ahead]!.text === "\n") ahead++;
    if (wanted(this.#tokens[ahead]!)) this.#at = ahead;
  }

  // ---- Guarantees --------------------------------------------------------------------------------------

  #read(): { guarantee: ReadGuarantee; span: Span } {
    const words = this.#words();
    const name = findRead(words.text);
    if (name === undefined) {
      const parts = splitNames(words.text);
      if (parts !== undefined) return this.#fail(words, "guarantees are joined by ∧ or and", parts);
      return this.#unknown(words, "read guarantee", readNames);
    }
    const span = { from: words.from, to: words.to };
    if (name === "BoundedStaleness") {
      const boundMs = this.#argument(words, "BoundedStaleness(100ms)", () => this.#duration("100ms"));
      return { guarantee: { guarantee: name, boundMs }, span: this.#since(words.from) };
    }
    if (name === "Quorum") {
      const r = this.#argument(words, "Quorum(R=2)", () => this.#replicas("R"));
      return { guarantee: { guarantee: name, r }, span: this.#since(words.from) };
    }
    this.#noArgument(words, name);
    return { guarantee: { guarantee: name }, span };
  }

  #write(): WriteGuarantee {
    const words = this.#words();
    const name = findWrite(words.text);
    if (name === undefined) {
      if (findRead(words.text) === undefined) return this.#unknown(words, "write guarantee", writeNames);
      return this.#fail(words, `${findRead(words.text)} is for reads; writes are ${writeNames.join(", ")}`);
    }
    if (name !== "Quorum") {
      this.#noArgument(words, name);
      return { guarantee: name };
    }
    return { guarantee: name, w: this.#argument(words, "Quorum(W=2)", () => this.#replicas("W")) };
  }

  #partition(): PartitionBehavior {
    const words = this.#words();
    const found = partitionBehaviors.find((behavior) => plain(behavior) === plain(words.text));
    return found ?? this.#unknown(words, "partition behaviour", partitionBehaviors);
  }

  #latency(): LatencyObjective {
    const operation = (["reads", "writes"] as const).find((name) => name === this.#peek.text.toLowerCase());
    if (operation !== undefined) this.#at++;
    const token = this.#next();
    const percentile = Number(/^p(\d+(?:\.\d+)?)$/i.exec(token.text)?.[1] ?? Number.NaN);
    if (!(percentile > 0 && percentile < 100))
      return this.#fail(token, `"${token.text}" is no percentile between 0 and 100`, "p99");
    const { from } = this.#peek;
    if (!this.#take("<")) return this.#fail({ from, to: from }, `"<" is missing here, as in p99 < 20ms`, "< ");
    return { operation: operation ?? "all", percentile, belowMs: this.#duration("20ms") };
  }

  #availability(): AvailabilityObjective {
    const token = this.#next();
    const percent = Number(/^(\d+(?:\.\d+)?)%?$/.exec(token.text)?.[1] ?? Number.NaN);
    this.#take("%");
    if (!(percent > 0 && percent <= 100)) return this.#fail(token, `"${token.text}" is no share up to 100%`, "99.99%");
    if (this.#peek.text.toLowerCase() !== "over") return { percent, overMs: 30 * 86_400_000 };
    this.#at++;
    return { percent, overMs: this.#duration("30d") };
  }

  // ---- Arguments ---------------------------------------------------------------------------------------

  #argument<T>(name: Span & { readonly text: string }, example: string, value: () => T): T {
    if (!this.#take("(")) return this.#fail(name, `${name.text} needs an argument in parentheses`, example);
    const result = value();
    const { from } = this.#peek;
    if (!this.#take(")")) return this.#fail({ from, to: from }, '")" is missing here', ")");
    return result;
  }

  #noArgument({ from }: Span, name: string): void {
    if (!this.#take("(")) return;
    while (!this.#clauseEnds() && !this.#take(")")) this.#at++;
    this.#fail(this.#since(from), `${name} takes no argument`, name);
  }

  #take(symbol: string): boolean {
    const found = this.#peek.text === symbol;
    if (found) this.#at++;
    return found;
  }

  #duration(example: string): number {
    const token = this.#next();
    const ms = parseDurationMs(token.text);
    if (ms === undefined) {
      const instead = /^\d+(\.\d+)?$/.test(token.text) ? `${token.text}ms` : example;
      return this.#fail(token, `"${token.text}" is not a duration (us, ms, s, m, h, d)`, instead);
    }
    if (ms < 0.001 || ms > 3650 * 86_400_000)
      return this.#fail(token, `${token.text} is out of range: from 1us to 3650d`, example);
    return ms;
  }

  #replicas(letter: "R" | "W"): number {
    if (this.#peek.text.toUpperCase() === letter && this.#tokens[this.#at + 1]!.text === "=") this.#at += 2;
    const token = this.#next();
    const count = /^\d+$/.test(token.text) ? Number(token.text) : 0;
    if (count < 1 || count > 99) return this.#fail(token, `"${token.text}" is no number of replicas`, "2");
    return count;
  }

  // ---- Tokens ------------------------------------------------------------------------------------------

  get #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #clauseEnds(): boolean {
    const { kind } = this.#peek;
    return kind === "newline" || kind === "end";
  }

  #next(): Token {
    const token = this.#peek;
    if (token.kind !== "end") this.#at++;
    return token;
  }

  #since(from: number): Span {
    return { from, to: this.#tokens[this.#at - 1]!.to };
  }

  /** A name may be written in several words: `monotonic read`. */
  #words(): Span & { readonly text: string } {
    const { from } = this.#peek;
    let to = from;
    while (this.#peek.kind === "word" && !isJoiner(this.#peek)) to = this.#next().to;
    return { from, to, text: this.#text.slice(from, to) };
  }

  #unknown(words: Span & { readonly text: string }, what: string, names: readonly string[]): never {
    if (words.text === "") {
      const { text } = this.#peek;
      const found = this.#clauseEnds() ? "nothing" : `"${text}"`;
      return this.#fail(this.#peek, `a ${what} is missing here, there is ${found}; write one of ${names.join(", ")}`);
    }
    const near = names === readNames ? nearestRead(words.text) : nearestName(words.text, names);
    return this.#fail(words, `"${words.text}" is not a ${what}; there are ${names.join(", ")}`, near);
  }

  #fail(span: Span, message: string, suggestion?: string, code: Diagnostic["code"] = "bad-consistency"): never {
    this.#report(span, "error", message, { code, suggestion });
    throw new Stop();
  }

  #error(span: Span, message: string): void {
    this.#report(span, "error", message);
  }

  #report(span: Span, severity: Diagnostic["severity"], message: string, rest: Partial<Diagnostic> = {}): void {
    const { code = "bad-consistency", suggestion, ...more } = rest;
    this.#diagnostics.push(diagnosticAt(this.#text, span, { ...more, severity, code, message, suggestion }));
  }
}
