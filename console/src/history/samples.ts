import caughtStale from "../../../testdata/histories/cas-register-stale.log?raw";
import fine from "../../../testdata/histories/cas-register-timeout.log?raw";
import lost from "../../../testdata/histories/counter-lost.jsonl?raw";
import swapped from "../../../testdata/histories/kv-appends-swapped.edn?raw";
import overtaken from "../../../testdata/histories/queue-overtaken.jsonl?raw";
import back from "../../../testdata/histories/session-goes-back.jsonl?raw";
import stale from "../../../testdata/histories/stale-read.jsonl?raw";
import skew from "../../../testdata/histories/write-skew.edn?raw";

export interface Sample {
  readonly title: string;
  readonly text: string;
}

export const samples: readonly Sample[] = [
  { title: "A read that comes too late", text: stale },
  { title: "A time-out, and yet an order exists", text: fine },
  { title: "Write skew: two transactions in a circle", text: skew },
  { title: "An increment is lost", text: lost },
  { title: "A session goes back in time", text: back },
  { title: "A queue is overtaken", text: overtaken },
  { title: "A compare-and-set on an old value", text: caughtStale },
  { title: "Appends in the wrong order", text: swapped },
];
