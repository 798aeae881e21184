// Holds docs/operating.md to the program: every metric, alert, flag, error, variable and log line that it quotes is there.
import { describe, expect, test } from "bun:test";
import { Glob } from "bun";
import { METRICS } from "../../src/admin/metrics.ts";
import { OPTIONS } from "../../src/cli/options.ts";
import { ERROR_TABLE } from "../../src/errors.ts";
import { readAlertQueries } from "../support/deployed_queries.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGE = await Bun.file(new URL("docs/operating.md", ROOT)).text();
const SOURCES = (await Promise.all(
  [...new Glob("src/**/*.ts").scanSync(ROOT.pathname)].map((path) => Bun.file(new URL(path, ROOT)).text()),
)).join("\n");
const ALERTS = (await readAlertQueries()).map(({ owner }) => owner);

/** What stands in backquotes, a line end in it being a blank. */
const QUOTED = [...PAGE.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text.replaceAll(/\s+/g, " "));

/** Log lines, answers and reasons that are quoted in words; the commands of other programs are not the program's. */
const WORDS = QUOTED.filter((text) =>
  /^[a-z][a-z ':;,-]+ [a-z ':;,-]+$/.test(text) || /^(Cannot|closed by) /.test(text)
)
  .filter((text) => !/^(kubectl|curl|egress-http-proxy) /.test(text));

/** As the sources have it what they put together. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  "reset by the client": ["reset by the ${"],
  "reset by the upstream": ["reset by the ${"],
  "not ready: starting": ["not ready: ", '"starting"'],
  "not ready: draining": ["not ready: ", '"draining"'],
};

describe("docs/operating.md", () => {
  for (const alert of ALERTS) {
    test(`says what ${alert} means`, () => expect(PAGE.includes(`\`${alert}\``)).toBe(true));
  }

  test("names no alert that there is not", () => {
    const named = new Set([...PAGE.matchAll(/EgressHttpProxy[A-Za-z]+/g)].map(([name]) => name));
    expect([...named].filter((name) => !ALERTS.includes(name))).toEqual([]);
  });

  test("names metrics that there are", () => {
    const named = [...PAGE.matchAll(/\b(?:egress_http_proxy|process)_[a-z_]+/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(20);
    const known = new Set(METRICS.map(({ name }) => name));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test("names flags that there are", () => {
    const known = new Set<string>(Object.values(OPTIONS).map(({ flag }) => flag));
    // Those of other programs.
    for (const foreign of ["--previous", "--raw"]) known.add(foreign);
    const named = [...PAGE.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((flag) => !known.has(flag))).toEqual([]);
  });

  test("has every error but that of a malformed request", () => {
    const codes = Object.keys(ERROR_TABLE).filter((code) => code !== "http_request_error");
    expect(codes.filter((code) => !PAGE.includes(`\`${code}\``))).toEqual([]);
  });

  test("quotes words that the program says", () => expect(WORDS.length).toBeGreaterThan(12));

  for (const words of new Set(WORDS)) {
    test(`quotes what the program says: ${words}`, () => {
      const parts = TEMPLATES[words] ?? [words];
      expect(parts.filter((part) => !SOURCES.includes(part))).toEqual([]);
    });
  }
});
