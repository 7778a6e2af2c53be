import type { Broken, CycleWitness, OrderWitness, Shown, Verdict } from "./verdict.ts";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
/** Colours a text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

const plain: Paint = (_, text) => text;

function linesOf({ line, retLine }: Shown): string {
  if (retLine === undefined) return `line ${line}, no answer`;
  return line === retLine ? `line ${line}` : `lines ${line}–${retLine}`;
}

/** A table of operations with the number by which the rest of the text calls them. */
function tableOf(operations: readonly Shown[], mark: (at: number) => string, paint: Paint): string[] {
  const number = String(operations.length).length;
  const who = Math.max(...operations.map((operation) => String(operation.process).length));
  const what = Math.min(72, Math.max(...operations.map(({ text }) => text.length)));
  return operations.map((operation, at) => {
    const place = paint("cyan", `#${String(at + 1).padStart(number)}`);
    return ` ${mark(at)} ${place}  process ${String(operation.process).padEnd(who)}  ${operation.text.padEnd(what)}  ${paint("dim", linesOf(operation))}`;
  });
}

function orderText(witness: OrderWitness, paint: Paint): string[] {
  const mark = (at: number): string => (at === witness.stuck ? paint("red", "✗") : " ");
  const tries = witness.deadEnds.map(({ order, state, reason }, at) => {
    const steps = order.length === 0 ? "nothing before it" : order.map((place) => `#${place + 1}`).join(" → ");
    return `  ${witness.deadEnds.length > 1 ? `${at + 1}. ` : ""}${steps}${state === "" ? "" : ` ${paint("dim", "⇒")} ${paint("yellow", state)}`}\n     ${reason}`;
  });
  const heading = witness.deadEnds.length > 1 ? "Where every order gets stuck:" : "Where the order gets stuck:";
  return [
    ...tableOf(witness.operations, mark, paint),
    ...(tries.length === 0 ? [] : ["", paint("bold", heading), ...tries]),
  ];
}

function cycleText(witness: CycleWitness, paint: Paint): string[] {
  const steps = witness.steps.map(({ from, relation, explanation }, at) => {
    const to = witness.steps[(at + 1) % witness.steps.length]?.from ?? from;
    return `  #${from + 1} ${paint("yellow", `─${relation}→`)} #${to + 1}  ${explanation}`;
  });
  return [...tableOf(witness.operations, () => " ", paint), "", paint("bold", "Each must precede the next:"), ...steps];
}

function witnessText({ witness }: Broken, paint: Paint): string[] {
  if (witness.kind === "order") return orderText(witness, paint);
  if (witness.kind === "cycle") return cycleText(witness, paint);
  return tableOf(witness.operations, () => " ", paint);
}

/** A verdict for people: what was found, the operations that show it, and why. `subject` says what was judged. */
export function verdictText(verdict: Verdict, subject: string, paint: Paint = plain): string {
  if (verdict.verdict === "holds") return `${paint("green", "holds")}  ${subject}`;
  if (verdict.verdict === "undecided") return `${paint("yellow", "undecided")}  ${subject}\n  ${verdict.reason}`;
  const { witness } = verdict;
  const key = witness.kind === "order" && witness.key !== undefined ? `, key ${witness.key}` : "";
  return [
    `${paint("red", "broken")}  ${subject}${key}: ${paint("bold", witness.anomaly)}`,
    `  ${witness.summary}`,
    "",
    ...witnessText(verdict, paint),
  ].join("\n");
}
