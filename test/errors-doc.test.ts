/** docs/errors.md is written from the catalogue: no error can be missing there. */
import { expect, test } from "vitest";
import { errorCatalogue, type ErrorEntry } from "../src/contract/index.ts";

const definite: Readonly<Record<ErrorEntry["definite"], string>> = { yes: "yes", no: "no", depends: "each says so" };

const preface = `# Errors

Every error that a user can meet, on every surface, is one of these. Over HTTP it arrives as
\`application/problem+json\` with \`type\` (\`urn:cohort:problem:CODE\`), \`title\`, \`status\`, \`code\`, \`detail\`,
\`definite\` and \`advice\`; the client library throws a \`CohortError\` with the same \`code\` and \`definite\`.

**Definite** says whether the operation certainly did not happen. Where it may have happened, a retry is safe
under a session (the client library does that by itself) or with the same \`Idempotency-Key\`.
**Retry** says whether the same request may succeed later without a change.

This page is written by \`test/errors-doc.test.ts\`; after a change of the catalogue run \`npx vitest run test/errors-doc -u\`.

`;

test("docs/errors.md lists the whole catalogue", async () => {
  const entries: [string, ErrorEntry][] = Object.entries(errorCatalogue);
  const sections = entries
    .sort(([, a], [, b]) => a.status - b.status)
    .map(([code, entry]) =>
      [
        `## ${code}`,
        "",
        `${entry.title}. ${entry.advice}`,
        "",
        `HTTP status ${entry.status}. Definite: ${definite[entry.definite]}. Retry: ${entry.retryable ? "yes" : "no"}.`,
        "",
      ].join("\n"),
    );
  await expect(preface + sections.join("\n")).toMatchFileSnapshot("../docs/errors.md");
});
