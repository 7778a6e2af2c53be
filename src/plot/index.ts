/**
 * Charts as SVG text: lines, points, bars and heat maps that read well on light and on dark pages, on paper and for
 * people who see few colours (series differ in dash and mark as well). Knows nothing of what it draws.
 */
export { chartSvg, type Chart, type HeatMap, type LineChart, type Series } from "./chart.ts";
