/** Turns the timeline of a run into lists that a canvas can draw from, and that travel between threads at no cost. */
import {
  describeFault,
  type MessageKind,
  type Plan,
  type RunResult,
  type Timeline,
  type TimelineMoment,
  type Tone,
} from "../../../src/sim/index.ts";
import type { Band, FaultBand, Light, Mark, Messages, OperationBar } from "./messages.ts";

export const kinds: readonly MessageKind[] = [
  "append",
  "vote",
  "snapshot",
  "read",
  "request",
  "reply",
  "routine",
  "other",
];

/** Texts are told once. */
class Texts {
  readonly list: string[] = [];
  readonly #places = new Map<string, number>();

  place(text: string): number {
    let place = this.#places.get(text);
    if (place === undefined) {
      place = this.list.push(text) - 1;
      this.#places.set(text, place);
    }
    return place;
  }
}

export interface Drawn {
  readonly messages: Messages;
  readonly texts: readonly string[];
  readonly marks: readonly Mark[];
  readonly bands: readonly Band[];
  readonly bars: readonly OperationBar[];
  readonly barFrom: Float64Array<ArrayBuffer>;
  readonly longestBarMs: number;
  readonly notes: readonly { readonly at: number; readonly text: string }[];
  readonly stepAt: Float64Array<ArrayBuffer>;
  readonly stepLane: Int16Array<ArrayBuffer>;
}

export function drawnOf(timeline: Timeline, endMs: number): Drawn {
  const { moments, steps = [] } = timeline;
  const texts = new Texts();
  const marks: Mark[] = [];
  const notes: { readonly at: number; readonly text: string }[] = [];
  for (const moment of moments) {
    if (moment.kind === "mark" || moment.kind === "leads" || moment.kind === "follows") {
      const tone: Tone = moment.kind === "mark" ? moment.tone : "plain";
      marks.push({ at: moment.at, lane: moment.lane, tone, text: moment.text });
    } else if (moment.kind === "note") notes.push({ at: moment.at, text: moment.text });
  }
  const bars = barsOf(moments, endMs);
  return {
    messages: messagesOf(moments, texts),
    texts: texts.list,
    marks,
    bands: bandsOf(moments, endMs),
    bars,
    barFrom: Float64Array.from(bars, ({ from }) => from),
    longestBarMs: bars.reduce((most, { from, to }) => Math.max(most, to - from), 0),
    notes,
    stepAt: Float64Array.from(steps, ({ at }) => at),
    stepLane: Int16Array.from(steps, ({ lane }) => lane),
  };
}

function messagesOf(moments: readonly TimelineMoment[], texts: Texts): Messages {
  const rows: { sent: number; got: number; message: Extract<TimelineMoment, { kind: "sent" }>["message"] }[] = [];
  const rowOf = new Map<object, number>();
  for (const moment of moments) {
    if (moment.kind === "sent")
      rowOf.set(moment.message, rows.push({ sent: moment.at, got: Number.NaN, message: moment.message }) - 1);
    else if (moment.kind === "received") {
      const row = rows[rowOf.get(moment.message) ?? -1];
      // The network may have repeated it: the first arrival counts.
      if (row !== undefined && Number.isNaN(row.got)) row.got = moment.at;
    }
  }
  let longestMs = 0;
  for (const { sent, got } of rows) if (got - sent > longestMs) longestMs = got - sent;
  return {
    longestMs,
    sentAt: Float64Array.from(rows, ({ sent }) => sent),
    gotAt: Float64Array.from(rows, ({ got }) => got),
    from: Int16Array.from(rows, ({ message }) => message.from),
    to: Int16Array.from(rows, ({ message }) => message.to),
    kind: Uint8Array.from(rows, ({ message }) => kinds.indexOf(message.kind)),
    text: Uint32Array.from(rows, ({ message }) => texts.place(message.text)),
  };
}

/** While a node led, and while it was down. */
function bandsOf(moments: readonly TimelineMoment[], endMs: number): Band[] {
  const bands: Band[] = [];
  const open = new Map<number, { kind: Band["kind"]; from: number; text: string }>();
  const close = (lane: number, to: number): void => {
    const band = open.get(lane);
    if (band !== undefined) bands.push({ lane, to, ...band });
    open.delete(lane);
  };
  for (const moment of moments) {
    if (moment.kind === "up" || moment.kind === "follows") close(moment.lane, moment.at);
    else if (moment.kind === "down") {
      close(moment.lane, moment.at);
      open.set(moment.lane, { kind: "down", from: moment.at, text: "down" });
    } else if (moment.kind === "leads") {
      close(moment.lane, moment.at);
      open.set(moment.lane, { kind: "leads", from: moment.at, text: moment.text });
    }
  }
  for (const lane of Array.from(open.keys())) close(lane, endMs);
  return bands.sort((a, b) => a.from - b.from);
}

/** What clients asked, from question to answer. */
function barsOf(moments: readonly TimelineMoment[], endMs: number): OperationBar[] {
  const bars: OperationBar[] = [];
  const asked = new Map<object, Extract<TimelineMoment, { kind: "asks" }>>();
  for (const moment of moments) {
    if (moment.kind === "asks") asked.set(moment.operation, moment);
    else if (moment.kind === "answered") {
      const question = asked.get(moment.operation);
      if (question === undefined) continue;
      asked.delete(moment.operation);
      bars.push({
        lane: question.lane,
        from: question.at,
        to: moment.at,
        tone: moment.tone,
        text: `${question.text} ${moment.text}`,
      });
    }
  }
  for (const { lane, at, text } of asked.values())
    bars.push({ lane, from: at, to: endMs, tone: "plain", text: `${text}, no answer` });
  return bars.sort((a, b) => a.from - b.from);
}

export function faultBandsOf(plan: Plan): FaultBand[] {
  return plan.faults.map((fault) => ({
    from: fault.at,
    to: "forMs" in fault && fault.kind !== "crashAt" ? Math.min(fault.at + fault.forMs, plan.durationMs) : fault.at + 5,
    text: describeFault(fault),
  }));
}

const everyClause = [
  "election safety",
  "log matching",
  "leader completeness",
  "state-machine safety",
  "equal states",
  "exactly once",
  "linearizable",
  "session",
  "bounded staleness",
  "fencing",
  "lease",
  "liveness",
] as const;

/** How often a digest of the whole state is compared, in entries: as the simulator does. */
const compareEvery = 64;

/** When each invariant and each clause of the contract was put to the test, as far as the run tells. */
export function lightsOf(result: RunResult, timeline: Timeline): Light[] {
  const tested = new Map<string, number[]>(everyClause.map((clause) => [clause, []]));
  const test = (clause: string, at: number): void => {
    const times = tested.get(clause);
    if (times === undefined) tested.set(clause, [at]);
    else times.push(at);
  };
  for (const moment of timeline.moments) {
    if (moment.kind === "leads") {
      test("election safety", moment.at);
      test("leader completeness", moment.at);
    } else if (moment.kind === "mark") {
      const applied = /^applied (\d+)/.exec(moment.text)?.[1];
      if (moment.text.startsWith("appends")) test("log matching", moment.at);
      if (applied !== undefined) test("state-machine safety", moment.at);
      if (applied !== undefined && Number(applied) % compareEvery === 0) test("equal states", moment.at);
    }
  }
  for (const { operation, completedAt, outcome } of result.records) {
    if (outcome !== "ok") continue;
    if (operation.kind === "increment") test("exactly once", completedAt);
    if (operation.kind === "increment" || operation.kind === "put" || operation.kind === "delete")
      test("linearizable", completedAt);
    else if (operation.kind === "transaction") test(operation.isolation, completedAt);
    else if (!("consistency" in operation)) {
      test("fencing", completedAt);
      test("lease", completedAt);
    } else if (operation.consistency === "promised") test("the promised contract", completedAt);
    else if (operation.consistency === "linearizable") test("linearizable", completedAt);
    else if (operation.consistency === "session") test("session", completedAt);
    else if (operation.consistency === "bounded") test("bounded staleness", completedAt);
  }
  const { failure } = result;
  if (failure === undefined) test("liveness", result.simulatedMs);
  if (failure !== undefined && !tested.has(failure.clause)) tested.set(failure.clause, []);
  // What a scenario has no operations for, it says nothing about.
  for (const clause of ["fencing", "lease", "session", "bounded staleness"])
    if (tested.get(clause)?.length === 0 && failure?.clause !== clause) tested.delete(clause);
  return Array.from(tested, ([clause, times]) => ({
    clause,
    tested: times,
    brokenAt: failure?.clause === clause ? failure.atMs : undefined,
  }));
}
