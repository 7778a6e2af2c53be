/** The configurations in which predictions are held against the simulator, and the table of them. */
import { readKinds, type Domain, type Topology } from "../../model/index.ts";
import { compareAvailability, compareTrial, type Compared } from "./against-simulator.ts";
import { ms, percent, tableMarkdown, type ModelReport } from "./report.ts";
import { loadTopology, shippedTopologies } from "./topology-file.ts";

const boundsMs: Readonly<Record<string, number>> = { "one-rack": 20, "three-zones": 20, "three-regions": 300 };

/** The failures of years in minutes: rates so high that a short run meets many of them. */
function failingOften(topology: Topology): Topology {
  const hours: Readonly<Record<string, readonly [number, number]>> = {
    region: [120, 15],
    zone: [60, 12],
    rack: [100, 15],
    node: [40, 10],
  };
  const often = (domain: Domain): Domain => {
    const [mtbfHours, mttrHours] = hours[domain.kind] ?? [40, 10];
    return { ...domain, mtbfHours, mttrHours, ...(domain.domains && { domains: domain.domains.map(often) }) };
  };
  return { ...topology, domains: topology.domains.map(often) };
}

/** Every figure of every configuration; `onStep` is told before each one. */
export function validate(onStep: (name: string) => void = () => {}): Compared[] {
  return shippedTopologies().flatMap((name, place) => {
    const topology = loadTopology(name);
    const slow = topology.load.writesPerSecond < 50;
    const latencies = readKinds.flatMap((reads, index) => {
      onStep(`${name}, ${reads}`);
      const seed = 10 * place + index + 1;
      return compareTrial({
        topology,
        reads,
        boundMs: boundsMs[name] ?? 100,
        seed,
        durationMs: slow ? 120_000 : 20_000,
      });
    });
    onStep(`${name}, failures`);
    const failures = compareAvailability({
      name: `${name}, failing often`,
      topology: failingOften(topology),
      hourMs: slow ? 4000 : 1000,
      durationMs: slow ? 4_000_000 : 2_000_000,
      seed: 3,
    });
    return [...latencies, ...failures];
  });
}

export const comparedColumns = [
  "configuration",
  "figure",
  "predicted",
  "simulated",
  "95 % confidence",
  "agree",
] as const;

export function comparedRow({
  configuration,
  figure,
  unit,
  predicted,
  simulated,
  low,
  high,
  agrees,
}: Compared): string[] {
  const show = unit === "ms" ? ms : percent;
  const bounds = low === high ? "" : `${show(low)} – ${show(high)}`;
  return [configuration, figure, show(predicted), show(simulated), bounds, agrees ? "yes" : "NO"];
}

export function validationReport(all: readonly Compared[]): ModelReport {
  const configurations = new Set(all.map(({ configuration }) => configuration)).size;
  const good = all.filter(({ agrees }) => agrees).length;
  return {
    title: `Predictions against the simulator: ${configurations} configurations, ${good} of ${all.length} figures agree`,
    source: "the models of `cohort model`, and the engine itself in simulated time",
    columns: comparedColumns,
    rows: all.map(comparedRow),
    notes: ["Agree: within 10 % of what was simulated, or within its 95 % confidence."],
    data: all,
  };
}

export function validationMarkdown(all: readonly Compared[]): string {
  const { notes = [] } = validationReport(all);
  return `# Predictions against the simulator

The models of \`cohort model\` beside what the simulator measured: the engine itself, on the topologies that come with
Cohort, in virtual time. \`cohort model validate --write docs/predictions.md\` writes this page; a test runs the same
comparison.

${notes.join(" ")} Availability is measured with failures thousands of times as frequent as the topologies name them, so
that a short run meets many. "Proved age" is what answers say of their own age.

One thing is known to be pessimistic: where a bound is close to the delay plus the heartbeat interval (120 ms between
continents), reads that have to ask the leader bring fresh closed timestamps along for those that follow, which the model
leaves out; it then predicts up to a third more such questions than there are.

${tableMarkdown(comparedColumns, all.map(comparedRow))}
`;
}
