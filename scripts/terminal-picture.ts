/** Text with ANSI colours as an SVG picture of a terminal. */
const lineHeight = 20;
const charWidth = 8.43;
const margin = 20;

const colours: Readonly<Record<string, string>> = {
  "31": "#ff7b72",
  "32": "#7ee787",
  "33": "#e3b341",
  "35": "#d2a8ff",
  "36": "#79c0ff",
};

export function terminalPicture(lines: readonly string[], title: string): string {
  const plain = lines.map((line) => line.replaceAll(ansi, ""));
  const width = Math.ceil(Math.max(...plain.map((line) => line.length)) * charWidth + 2 * margin);
  const height = lines.length * lineHeight + 2 * margin;
  const rows = lines.map(
    (line, i) => `<text x="${margin}" y="${margin + (i + 0.75) * lineHeight}">${spans(line)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escape(title)}</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g fill="#e6edf3" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">
${rows.join("\n")}
</g>
</svg>
`;
}

const ansi = new RegExp(String.raw`${String.fromCharCode(27)}\[([\d;]*)m`, "g");

/** One line as spans of one look each. */
function spans(line: string): string {
  let look = new Set<string>();
  let out = "";
  // Odd places hold the codes between the texts.
  for (const [i, part] of line.split(ansi).entries()) {
    if (i % 2 === 0) {
      if (part !== "") out += `<tspan${attributes(look)}>${escape(part)}</tspan>`;
    } else {
      for (const code of part.split(";")) look = next(look, code);
    }
  }
  return out;
}

function next(look: ReadonlySet<string>, code: string): Set<string> {
  if (code === "" || code === "0") return new Set();
  const ends: Readonly<Record<string, readonly string[]>> = {
    "22": ["1", "2"],
    "24": ["4"],
    "39": Object.keys(colours),
  };
  const ended = ends[code];
  return ended === undefined ? new Set([...look, code]) : new Set([...look].filter((one) => !ended.includes(one)));
}

function attributes(look: ReadonlySet<string>): string {
  const colour =
    [...look].map((code) => colours[code]).find((found) => found !== undefined) ??
    (look.has("2") ? "#8b949e" : undefined);
  return [
    colour === undefined ? "" : ` fill="${colour}"`,
    look.has("1") ? ' font-weight="bold"' : "",
    look.has("4") ? ' text-decoration="underline"' : "",
  ].join("");
}

function escape(text: string): string {
  // Viewers fold plain spaces, however they are told not to.
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(" ", "\u00A0");
}
