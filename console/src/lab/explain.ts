/** What broke and how it came to that, in words for someone who has not read the papers. */
import type { Drawn } from "./drawn.ts";
import type { FaultBand, StoryLine } from "./messages.ts";
import { nameOf } from "./places.ts";

const meanings: Readonly<Record<string, string>> = {
  "election safety":
    "Two nodes believed at the same time that they lead the same term. Each would have taken writes that the other does not know of.",
  "log matching":
    "Two nodes hold different entries at the same place of the log, under the same term. From there on they would apply different commands.",
  "leader completeness":
    "A node became leader without an entry that was already committed. What a client was told is safe would have been overwritten.",
  "state-machine safety":
    "Two nodes applied different commands at the same position. Their states have parted for good.",
  "equal states": "Two replicas applied the same log and hold different states.",
  linearizable:
    "A client got an answer that cannot be right if operations happen one after the other in real time: something older than what was already known, or an order that does not exist.",
  session: "A client went back in time: it read less than it had already seen, and the answer did not say so.",
  "bounded staleness": "An answer was older than it claimed to be.",
  fencing: "A fencing token did not grow: a client that lost its lock could not be told from the one that has it now.",
  lease: "Two clients held the same lock at the same time.",
  "exactly once": "A write that was sent again was counted again.",
  "read-committed":
    "A transaction read what another had not committed, or its writes were mixed with those of another one.",
  "repeatable-read":
    "The transactions fit into no order of snapshots: one of them read a state that never was, or overwrote what it had not seen.",
  serializable: "The transactions fit into no order, one after the other: some of them form a circle.",
  "strict-serializable":
    "The transactions fit into no order that agrees with real time: one did not see what was acknowledged before it began.",
  "external consistency": "A transaction got a timestamp below that of one that was acknowledged before it began.",
  MonotonicRead: "A session read less than it had already seen, and the answer did not say so.",
  ReadYourWrites: "A session did not see its own write, and the answer did not say so.",
  liveness: "All faults are over, a majority is connected, and still the cluster does not answer.",
  recovery: "A node refuses its own disk after a crash that it should have survived.",
  invariant: "A node found its own state to be impossible and stopped.",
  "program error": "The program itself failed.",
};

export function meaningOf(clause: string): string {
  return (
    meanings[clause] ??
    "What was promised was not kept, and the answer did not say so. The operations that show it follow."
  );
}

const mostLines = 9;

/** The last things that mattered before a moment: faults, who led, who was away, votes, what was cut from logs. */
export function storyOf({ bands, marks }: Drawn, faults: readonly FaultBand[], untilMs: number): StoryLine[] {
  const lines: StoryLine[] = [];
  const add = (at: number, text: string): void => void (at <= untilMs && lines.push({ at, text }));
  for (const { from, text } of faults) add(from, text.replace(/^at [\d.]+ ms: /, ""));
  for (const { lane, kind, from, to, text } of bands) {
    if (kind === "leads") add(from, `${nameOf(lane)} becomes ${text.replace(/ t(\d+)$/, " of term $1")}`);
    else {
      add(from, `${nameOf(lane)} goes down`);
      if (to < untilMs) add(to, `${nameOf(lane)} is back`);
    }
  }
  for (const { at, lane, text } of marks)
    if (/^(?:votes|cuts|has the snapshot|voters)/.test(text))
      add(
        at,
        `${nameOf(lane)} ${text.replace(/ in t(\d+)$/, " in term $1").replace(/^votes for (\d+)/, "votes for node $1")}`,
      );
  return lines.sort((a, b) => a.at - b.at).slice(-mostLines);
}
