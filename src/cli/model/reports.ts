/** Each model as a report: its table, its source, its chart. */
import { seededRandom } from "../../base/index.ts";
import {
  antiEntropyMeanMs,
  availabilityOf,
  consistencyDelay,
  consistencyProbability,
  correlationPrice,
  domainSizing,
  gossipConvergence,
  gossipModes,
  impactsOf,
  percentile,
  tradeOffSurface,
  wars,
  type Distribution,
  type DomainEconomics,
  type Quorums,
  type Replication,
  type Topology,
  type Wars,
} from "../../model/index.ts";
import { ms, percent, type ModelReport } from "./report.ts";

const quorumName = ({ n, r, w }: Quorums): string => `N=${n}, R=${r}, W=${w}`;

export function stalenessReport(quorums: Quorums, delays: Wars, name: string, seed: number): ModelReport {
  const afterMs = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
  const result = wars(quorums, delays, afterMs, seededRandom(seed));
  const needed = [0.9, 0.99, 0.999].map((share) => percentile(result.needed, share));
  return {
    title: `Probabilistically bounded staleness, ${quorumName(quorums)}, delays of ${name}`,
    source:
      "Bailis et al., Probabilistically Bounded Staleness for Practical Partial Quorums, VLDB 2012, section 4 (WARS)",
    columns: ["read begins after", "sees the write", "95 % confidence"],
    rows: result.visible.map(({ afterMs: after, share }) => [
      ms(after),
      percent(share.value),
      `${percent(share.low)} – ${percent(share.high)}`,
    ]),
    notes: [
      `90 %, 99 % and 99.9 % of the reads see a write that was acknowledged ${needed.map(ms).join(", ")} before.`,
      `Latency p50/p99: reads ${ms(percentile(result.reads, 0.5))}/${ms(percentile(result.reads, 0.99))}, writes ${ms(percentile(result.writes, 0.5))}/${ms(percentile(result.writes, 0.99))}.`,
    ],
    charts: [
      {
        name: "staleness",
        chart: {
          kind: "lines",
          title: `Reads that see the last write, ${quorumName(quorums)}`,
          x: { label: "milliseconds after the acknowledgement", scale: "log" },
          y: {
            label: "share of reads",
            as: "percent",
            from: Math.floor(result.visible[0]!.share.value * 20) / 20,
            to: 1,
          },
          series: [
            {
              name,
              points: [...result.needed.keys()]
                .filter((i) => i % 50 === 0 && result.needed[i]! > 0.01)
                .map((i) => [result.needed[i]!, (i + 1) / result.needed.length]),
            },
          ],
        },
      },
    ],
    data: { quorums, visible: result.visible, neededMs: needed },
  };
}

export function reliabilityReport(n: number): ModelReport {
  const pairs = [1, Math.floor(n / 2) + 1, n].flatMap((r) => [1, Math.floor(n / 2) + 1].map((w) => ({ n, r, w })));
  const chosen = [...new Map(pairs.map((one) => [`${one.r}/${one.w}`, one])).values()];
  const at = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999];
  const many = Array.from({ length: 51 }, (_, i) => 0.5 + i / 100);
  return {
    title: `Consistency probability by reliability of the network, ${n} replicas`,
    source: "Gifford, Weighted Voting, SOSP 1979; Bailis et al., VLDB 2012, equation 1, with messages that get lost",
    columns: ["quorums", ...at.map((p) => `p=${p}`)],
    rows: chosen.map((q) => [quorumName(q), ...at.map((p) => percent(consistencyProbability(q, p).consistent))]),
    notes: ["Given that the write was acknowledged and the read answered; each message arrives with probability p."],
    charts: [
      {
        name: "reliability",
        chart: {
          kind: "lines",
          title: `Consistency by network reliability, ${n} replicas`,
          x: { label: "probability that a message arrives", from: 0.5, to: 1 },
          y: { label: "probability that a read sees the last write", as: "percent", to: 1 },
          series: chosen.slice(0, 5).map((q) => ({
            name: `R=${q.r} W=${q.w}`,
            points: many.map((p) => [p, consistencyProbability(q, p).consistent]),
          })),
        },
      },
    ],
    data: chosen.map((q) => ({ ...q, by: at.map((p) => ({ p, ...consistencyProbability(q, p) })) })),
  };
}

export function delayReport(n: number, oneWay: Distribution, seed: number): ModelReport {
  const strategies: readonly (readonly [string, Replication])[] = [
    ["asynchronous", { kind: "async" }],
    ["quorum, W=2", { kind: "quorum", w: Math.min(2, n) }],
    ["Raft", { kind: "raft" }],
    ["synchronous", { kind: "sync" }],
  ];
  const rows = strategies.map(([name, strategy]) => ({
    name,
    ...consistencyDelay(strategy, n, oneWay, seededRandom(seed)),
  }));
  return {
    title: `Expected consistency delay, ${n} replicas`,
    source: "Gray et al., The Dangers of Replication, SIGMOD 1996; Ongaro, 2014, section 3.5",
    columns: ["replication", "write takes", "then inconsistent for", "everywhere after"],
    rows: rows.map(({ name, writeMs, windowMs, everywhereMs }) => [
      name,
      ms(writeMs.value),
      ms(windowMs.value),
      ms(everywhereMs.value),
    ]),
    data: rows,
  };
}

export function gossipReport(n: number, intervalMs: number, loss: number): ModelReport {
  const all = gossipModes.map((mode) => ({ mode, ...gossipConvergence(n, mode, loss) }));
  return {
    title: `Gossip among ${n} nodes every ${ms(intervalMs)}, ${percent(loss)} of the contacts fail`,
    source: "Demers et al., Epidemic Algorithms for Replicated Database Maintenance, PODC 1987, section 1.3",
    columns: ["mode", "mean rounds", "99 % by round", "mean time", "99 % by"],
    rows: all.map(({ mode, meanRounds, p99Rounds }) => [
      mode,
      meanRounds.toFixed(2),
      `${p99Rounds}`,
      ms(meanRounds * intervalMs),
      ms(p99Rounds * intervalMs),
    ]),
    notes: [`Anti-entropy out of step (without loss): ${ms(antiEntropyMeanMs(n, intervalMs))} on average.`],
    charts: [
      {
        name: "gossip",
        chart: {
          kind: "lines",
          title: `Nodes that know, of ${n}`,
          x: { label: "round" },
          y: { label: "expected share of nodes", as: "percent", to: 1 },
          series: all.map(({ mode, informed }) => ({
            name: mode,
            points: informed.map((share, round) => [round, share]),
          })),
        },
      },
    ],
    data: all,
  };
}

export function availabilityReport(topology: Topology): ModelReport {
  const { majority, any, all, failover } = availabilityOf(topology);
  const rows = [
    ["any replica (eventual reads)", any],
    ["a majority (Raft)", majority],
    ["all replicas (synchronous)", all],
  ] as const;
  const { correlated, independent } = correlationPrice(topology);
  return {
    title: `Availability on ${topology.name}`,
    source: "Nath et al., NSDI 2006, section 3 (correlated failures); Birnbaum, 1969 (importance and frequency)",
    columns: ["needs", "available", "losses a year", "each lasts"],
    rows: rows.map(([name, { available, perYear, meanHours }]) => [
      name,
      percent(available),
      `${Number(perYear.toPrecision(3))}`,
      `${Number(meanHours.toPrecision(3))} h`,
    ]),
    notes: [
      `Without a leader while one is elected: ${percent(failover)} of the time.`,
      `A majority is missing ${percent(correlated)} of the time; were failures independent, ${percent(independent)}.`,
    ],
    data: { majority, any, all, failover, correlated, independent },
  };
}

export function surfaceReport(n: number, p: number): ModelReport {
  const points = tradeOffSurface(n, p);
  const cell = (r: number, w: number): (typeof points)[number] => points[(r - 1) * n + w - 1]!;
  const sizes = Array.from({ length: n }, (_, i) => i + 1);
  const worst = Math.min(...points.map(({ consistent }) => consistent));
  return {
    title: `Consistency and availability of ${n} replicas, messages arrive with ${percent(p)}`,
    source: "Yu and Vahdat, The Costs and Limits of Availability for Replicated Services, SOSP 2001",
    columns: ["R", "W", "consistent", "available", "best trade-off"],
    rows: points.map(({ r, w, consistent, available, onFrontier }) => [
      `${r}`,
      `${w}`,
      percent(consistent),
      percent(available),
      onFrontier ? "yes" : "",
    ]),
    charts: [
      {
        name: "surface",
        chart: {
          kind: "heat",
          title: `Consistent / available (darker: more consistent), p = ${p}`,
          xLabel: "W: replicas that acknowledge a write",
          yLabel: "R: replicas read",
          columns: sizes.map(String),
          rows: sizes.map(String),
          cells: sizes.map((r) =>
            sizes.map((w) => {
              const { consistent, available } = cell(r, w);
              const share = worst === 1 ? 1 : (consistent - worst) / (1 - worst);
              return { share, text: `${(100 * consistent).toFixed(1)} / ${(100 * available).toFixed(1)}` };
            }),
          ),
        },
      },
    ],
    data: points,
  };
}

export function domainsReport(topology: Topology): ModelReport {
  const impacts = impactsOf(topology);
  return {
    title: `Failure domains of ${topology.name}`,
    source: "the syllabus, module 1.1: impact(f), maximal domains, blast radius",
    columns: ["failure of", "kind", "impact", "blast radius", "a year", "majority left", "maximal"],
    rows: impacts.map(({ domain, kind, nodes, blastRadius, failuresPerYear, survives, maximal }) => [
      domain,
      kind,
      nodes.join(", "),
      percent(blastRadius),
      failuresPerYear.toFixed(2),
      survives ? "yes" : "no",
      maximal ? "yes" : "",
    ]),
    data: impacts,
  };
}

export function economicsReport(economics: DomainEconomics): ModelReport {
  const sizes = domainSizing(economics);
  const money = (amount: number): string => Math.round(amount).toString();
  return {
    title: "Economics of domain sizing, a year",
    source: "Barroso, Hölzle and Ranganathan, The Datacenter as a Computer, 3rd edition, chapters 6 and 7",
    columns: ["domains", "capacity", "overhead", "expected loss", "total", "best"],
    rows: sizes.map(({ domains, capacityCost, overhead, expectedLoss, total, best }) => [
      `${domains}`,
      money(capacityCost),
      money(overhead),
      money(expectedLoss),
      money(total),
      best ? "yes" : "",
    ]),
    charts: [
      {
        name: "economics",
        chart: {
          kind: "lines",
          title: "Cost of cutting a load into failure domains",
          x: { label: "domains", from: 1 },
          y: { label: "money a year" },
          series: (["total", "capacityCost", "overhead", "expectedLoss"] as const).map((part) => ({
            name: { total: "total", capacityCost: "capacity", overhead: "overhead", expectedLoss: "expected loss" }[
              part
            ],
            points: sizes.map((size) => [size.domains, size[part]] as const),
          })),
        },
      },
    ],
    data: sizes,
  };
}
