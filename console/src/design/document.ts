/** What an architect takes away: the contract, what it means, and what it costs, as Markdown. */
import type { Contract, Explanation } from "../../../src/contract/index.ts";
import type { Price, Topology } from "./messages.ts";

const ms = (value: number): string => `${Number(value.toPrecision(3))} ms`;
const percent = (share: number): string => `${(100 * share).toFixed(5)} %`;

export function designDocument(contract: Contract, meaning: Explanation, topology: Topology, price: Price): string {
  const { staleness, availability } = price;
  return `# Design: ${topology.title}

## Contract
\`\`\`
${contract.text}
\`\`\`
Reads are ${meaning.cap.reads} (${meaning.pacelc.reads}), writes ${meaning.cap.writes} (${meaning.pacelc.writes}). It rules out the anomalies of
${meaning.rulesOut.join(", ")}${meaning.leavesOpen.length > 0 ? `; it leaves open those of ${meaning.leavesOpen.join(", ")}` : ""}.

In a partition:
${meaning.inPartition.map((line) => `- ${line}`).join("\n")}

## Predicted on \`${topology.name}\`, led by \`${topology.leader}\`
| | half | 95 of 100 | 99 of 100 | 999 of 1000 |
|---|---|---|---|---|
| reads | ${ms(price.reads.p50Ms)} | ${ms(price.reads.p95Ms)} | ${ms(price.reads.p99Ms)} | ${ms(price.reads.p999Ms)} |
| writes | ${ms(price.writes.p50Ms)} | ${ms(price.writes.p95Ms)} | ${ms(price.writes.p99Ms)} | ${ms(price.writes.p999Ms)} |
| answers are at most this old | ${ms(staleness.proved.p50Ms)} | ${ms(staleness.proved.p95Ms)} | ${ms(staleness.proved.p99Ms)} | ${ms(staleness.proved.p999Ms)} |

- ${percent(staleness.local.value)} of reads are answered by the first node alone; ${percent(staleness.fresh.value)} miss no acknowledged write.
- Reads are available ${percent(availability.reads)} of the time (${percent(availability.degraded)} degraded), writes ${percent(availability.writes)}.
- A majority is lost ${Number(availability.outagesPerYear.toPrecision(2))} times a year, for ${Number(availability.outageHours.toPrecision(2))} hours on average.

${price.sites.map(({ site, share, reads, writes }) => `- ${site} (${Math.round(share * 100)} %): reads ${ms(reads.p50Ms)} / ${ms(reads.p99Ms)}, writes ${ms(writes.p50Ms)} / ${ms(writes.p99Ms)} (half / 99 of 100)`).join("\n")}
${price.objectives.length === 0 ? "" : `\n## Objectives\n${price.objectives.map(({ objective, predicted, risk, kept }) => `- ${kept ? "kept" : "**missed**"}: ${objective}; predicted ${Number(predicted.toPrecision(4))}, risk ${percent(risk)}`).join("\n")}\n`}`;
}
