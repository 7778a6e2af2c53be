/** What the page and the simulator's worker tell each other. */
import type { MessageKind, NodeState, SimFailure, Tone } from "../../../src/sim/index.ts";

export type { NodeState, SimFailure };

export interface Choice {
  readonly scenario: string;
  readonly seed: number;
  /** Undefined: as the seed draws it. */
  readonly nodes: number | undefined;
  /** Simulated time until all faults end; undefined: as the scenario says. */
  readonly seconds: number | undefined;
  /** A planted mistake. */
  readonly plant: string | undefined;
}

export type Order =
  | { readonly kind: "list" }
  | {
      readonly kind: "run";
      readonly choice: Choice;
      /** Try up to so many further seeds until one fails. */
      readonly search: number;
      /** Make a failure as small as it gets. */
      readonly shrink: boolean;
    }
  | { readonly kind: "replay"; readonly text: string }
  /** Where everyone stands before and after a step. */
  | { readonly kind: "inspect"; readonly step: number };

export interface Listed {
  readonly name: string;
  readonly title: string;
  readonly nodes: readonly number[];
}

export interface Catalogue {
  readonly scenarios: readonly Listed[];
  readonly mistakes: readonly { readonly name: string; readonly title: string; readonly scenario: string }[];
}

/** Lists of equal length; what belongs together has the same place. Times in milliseconds of the simulated world. */
export interface Messages {
  /** The longest that any was under way, milliseconds. */
  readonly longestMs: number;
  readonly sentAt: Float64Array<ArrayBuffer>;
  /** NaN: it never arrived. */
  readonly gotAt: Float64Array<ArrayBuffer>;
  readonly from: Int16Array<ArrayBuffer>;
  readonly to: Int16Array<ArrayBuffer>;
  /** Places in `kinds`. */
  readonly kind: Uint8Array<ArrayBuffer>;
  /** Places in `texts`. */
  readonly text: Uint32Array<ArrayBuffer>;
}

export interface Mark {
  readonly at: number;
  readonly lane: number;
  readonly tone: Tone;
  readonly text: string;
}

export interface Band {
  readonly lane: number;
  readonly kind: "leads" | "down";
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** A line of the story of a failure. */
export interface StoryLine {
  readonly at: number;
  readonly text: string;
}

export interface FaultBand {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

export interface OperationBar {
  readonly lane: number;
  readonly from: number;
  readonly to: number;
  readonly tone: Tone;
  readonly text: string;
}

/** An invariant, or a clause of the contract, along time. */
export interface Light {
  readonly clause: string;
  /** When it was put to the test. */
  readonly tested: readonly number[];
  readonly brokenAt: number | undefined;
}

export interface Run {
  readonly choice: Choice;
  /** It is the schedule of a file: its choice alone does not make it again. */
  readonly replayed: boolean;
  readonly title: string;
  readonly nodes: number;
  readonly clients: readonly number[];
  /** Of what is shown. */
  readonly digest: string;
  /** Of the seed as it was drawn, where what is shown was made smaller. */
  readonly drawn: { readonly digest: string; readonly steps: number } | undefined;
  readonly steps: number;
  /** More than `steps` where only the beginning is drawn. */
  readonly stepsInAll: number;
  readonly simulatedMs: number;
  /** Events of cores a second, in this page, without the drawing. */
  readonly eventsPerSecond: number;
  readonly failure: SimFailure | undefined;
  /** What the failure means, for people. */
  readonly explanation: string | undefined;
  /** How it came to the failure; empty where there is none. */
  readonly story: readonly StoryLine[];
  readonly shrunk: { readonly runs: number; readonly from: number; readonly to: number } | undefined;
  readonly faults: readonly FaultBand[];
  readonly operations: number;
  readonly mistakes: readonly string[];
  readonly messages: Messages;
  readonly kinds: readonly MessageKind[];
  readonly texts: readonly string[];
  readonly marks: readonly Mark[];
  readonly bands: readonly Band[];
  readonly bars: readonly OperationBar[];
  /** When each of them begins, in order, and how long the longest takes. */
  readonly barFrom: Float64Array<ArrayBuffer>;
  readonly longestBarMs: number;
  readonly notes: readonly { readonly at: number; readonly text: string }[];
  readonly lights: readonly Light[];
  readonly stepAt: Float64Array<ArrayBuffer>;
  readonly stepLane: Int16Array<ArrayBuffer>;
  /** The plan as a file that `cohort sim replay` takes. */
  readonly file: string;
}

export interface Inspected {
  readonly step: number;
  readonly at: number;
  readonly lines: string;
  readonly before: readonly NodeState[];
  readonly after: readonly NodeState[];
}

export type Report =
  | { readonly kind: "catalogue"; readonly catalogue: Catalogue }
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "run"; readonly run: Run }
  | { readonly kind: "nothing"; readonly text: string }
  | { readonly kind: "inspected"; readonly inspected: Inspected }
  | { readonly kind: "failed"; readonly text: string };
