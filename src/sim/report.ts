/** The page of a failure: what broke, the smallest schedule, where everyone stood, and the diagram. One file, nothing from elsewhere. */
import { diagramStyle, drawDiagram, escapeText } from "./diagram.ts";
import { describeFault } from "./faults.ts";
import { operationText } from "./label.ts";
import type { Plan } from "./plan.ts";
import { runPlan, timelineOf, type RunResult } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";

export interface ReportPage {
  readonly title: string;
  /** What broke; undefined: nothing did. */
  readonly failure: { readonly clause: string; readonly detail: string; readonly atMs: number } | undefined;
  /** The command that shows it again. */
  readonly again: string;
  /** Lists with a heading each. */
  readonly parts: readonly { readonly heading: string; readonly lines: readonly string[] }[];
  readonly timeline: Timeline;
}

const style = `:root{color-scheme:light dark;--own:#2563eb;--vote:#9333ea;--snap:#b45309;--good:#15803d;--bad:#c2261c;--quiet:#7c828c;--ink:#1b1d21;--paper:#fff;--soft:#d9dce1;--faint:#aab0b8}
@media(prefers-color-scheme:dark){:root{--own:#6ea0ff;--vote:#c792ff;--snap:#f0a94e;--good:#5fce85;--bad:#ff7a70;--quiet:#8d939d;--ink:#e8eaee;--paper:#16181c;--soft:#343940;--faint:#5d646e}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:90rem;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:1.6rem}.broken{color:var(--bad)}
pre,code,li{font:13px/1.5 ui-monospace,monospace}pre{white-space:pre-wrap;overflow-wrap:anywhere}ol{padding-left:2.4rem}${diagramStyle}`;

/** A history is judged in the end; what came long after the answer that shows it explains nothing. */
const afterMs = 20;

export function reportPage({ title, failure, again, parts, timeline }: ReportPage): string {
  const { svg, omitted } = drawDiagram(timeline, failure && failure.atMs + afterMs);
  const verdict = failure === undefined ? "holds" : failure.clause;
  const lists = parts
    .filter(({ lines }) => lines.length > 0)
    .map(
      ({ heading, lines }) =>
        `<h2>${escapeText(heading)}</h2><ol>${lines.map((line) => `<li>${escapeText(line)}</li>`).join("")}</ol>`,
    );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeText(`${title}: ${verdict}`)}</title><style>${style}</style></head><body><h1>${escapeText(title)}: <span class="${failure === undefined ? "" : "broken"}">${escapeText(verdict)}</span></h1>${failure === undefined ? "" : `<pre>${escapeText(failure.detail)}</pre>`}<p>Again: <code>${escapeText(again)}</code></p>${lists.join("")}<h2>What happened</h2><p>Time runs down. Arrows are messages, dashed with a cross where they never arrived; a green band is a leader, a dotted red line a node that is down; bars are what clients asked, from question to answer. Point at anything for its full text.${omitted === "" ? "" : ` Left out: ${escapeText(omitted)}.`}</p><div class="diagram">${svg}</div></body></html>\n`;
}

/** Runs a plan once more and draws what happens. `again`: the command that shows it. */
export async function drawPlanReport(
  scenario: Scenario,
  plan: Plan,
  again: string,
  stopAtStep?: number,
): Promise<{ page: string; result: RunResult }> {
  const timeline = timelineOf(plan);
  const result = await runPlan(scenario, plan, { timeline, ...(stopAtStep === undefined ? {} : { stopAtStep }) });
  const page = reportPage({
    title: `${scenario.name}, seed ${plan.seed}`,
    failure: result.failure,
    again,
    parts: [
      ...(plan.bugs.length > 0 ? [{ heading: "Mistakes that were planted", lines: plan.bugs }] : []),
      { heading: `${plan.faults.length} faults`, lines: plan.faults.map(describeFault) },
      {
        heading: `${plan.operations.length} operations`,
        lines: plan.operations.map(
          ({ at, client, operation }) => `at ${at} ms client ${client}: ${operationText(operation)}`,
        ),
      },
      { heading: "Where the nodes stand in the end", lines: result.state.split("; ") },
    ],
    timeline,
  });
  return { page, result };
}
