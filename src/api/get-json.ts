import { get } from "node:http";

const maxBytes = 4 * 1024 * 1024;

/** Fetches a JSON document. Rejects with an Error that names what went wrong, within `timeoutMs`. */
export async function getJson(url: string, timeoutMs: number): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void =>
      reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error);
    const request = get(url, { signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes) request.destroy(new Error(`more than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on("error", failed);
      response.on("end", () => {
        if (response.statusCode !== 200) return reject(new Error(`HTTP status ${response.statusCode}`));
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    request.on("error", failed);
  });
}
