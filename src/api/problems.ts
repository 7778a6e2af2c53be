/** Every error of the HTTP surface as `application/problem+json` (RFC 9457), from the one catalogue. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { CohortError, errorCatalogue, fail, type ErrorCode, type Failure } from "../contract/index.ts";
import { InvalidRequest } from "./validation.ts";

export const problemType = "application/problem+json";

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly definite: boolean;
  readonly advice: string;
}

export function problemOf({ code, detail, definite }: Failure): Problem {
  const { status, title, advice } = errorCatalogue[code];
  return { type: `urn:cohort:problem:${code}`, title, status, code, detail, definite, advice };
}

/** What the HTTP framework reports, by its error code. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "too-large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported-media-type",
  FST_ERR_CTP_INVALID_TYPE: "unsupported-media-type",
  FST_ERR_CTP_EMPTY_JSON_BODY: "bad-request",
  FST_ERR_CTP_INVALID_JSON_BODY: "bad-request",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "bad-request",
  FST_ERR_BAD_URL: "bad-request",
  FST_ERR_ASYNC_CONSTRAINT: "bad-request",
};

/** The catalogue's view of anything that a handler or the framework threw. */
export function asCohortError(error: unknown, bodyLimit: number): CohortError {
  if (error instanceof CohortError) return error;
  if (error instanceof InvalidRequest) return error.reason;
  if (error instanceof Error) {
    const code = "code" in error && typeof error.code === "string" ? frameworkCodes[error.code] : undefined;
    if (code === "too-large") return fail(code, `a body on this route has at most ${bodyLimit} bytes`);
    if (code !== undefined) return fail(code, error.message);
  }
  return new CohortError(
    { code: "internal", detail: error instanceof Error ? error.message : String(error), definite: false },
    { cause: error },
  );
}

/** Answers a connection whose bytes are no HTTP request, and closes it. */
export function answerMalformed(error: { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const { code, detail } =
    error.code === "HPE_HEADER_OVERFLOW"
      ? { code: "too-large" as const, detail: "the request line and headers together have at most 16 KiB" }
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? { code: "bad-request" as const, detail: "the request did not arrive in time" }
        : { code: "bad-request" as const, detail: `this is no HTTP/1.1 request (${error.code ?? "unknown"})` };
  const problem = problemOf({ code, detail, definite: true });
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: ${problemType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
