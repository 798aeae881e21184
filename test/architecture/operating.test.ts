// Holds docs/operating.md to the program, and the program to it: every metric, label, alert, flag, variable, error, field
// and log line that it names is there, and every alert and every warning of the program's is explained.
import { describe, expect, test } from "bun:test";
import { Glob } from "bun";
import { METRICS } from "../../src/admin/metrics.ts";
import { OPTIONS } from "../../src/cli/options.ts";
import { ERROR_TABLE } from "../../src/errors.ts";
import { readAlerts } from "../support/deployed_queries.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGE = await Bun.file(new URL("docs/operating.md", ROOT)).text();
const SOURCES = (await Promise.all(
  [...new Glob("src/**/*.ts").scanSync(ROOT.pathname)].map((path) => Bun.file(new URL(path, ROOT)).text()),
)).join("\n");
const ALERTS = await readAlerts();

/** What stands in backquotes, a line end in it being a blank. */
const QUOTED = [...new Set([...PAGE.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text.replaceAll(/\s+/g, " ")))];

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

/** Names that stand on the page and are not the program's: of Kubernetes, of clients, of examples. */
const FOREIGN = ["db", "no_proxy", "subPath", "terminationGracePeriodSeconds", "macvlan0"];

/** Fields, labels, commands, reasons: names of one word. */
const NAMES = QUOTED.filter((text) => /^[A-Za-z][A-Za-z0-9_]*$/.test(text) && !FOREIGN.includes(text))
  .filter((text) => !/^(egress_http_proxy_|process_|EgressHttpProxy|EGRESS_)/.test(text));

/** The page's parts by the anchor that their heading has. */
const PARTS = new Map(
  PAGE.split(/^(?=##+ )/m).map((part) => {
    const [heading = ""] = part.split("\n", 1);
    const words = heading.replace(/^#+ /, "").toLowerCase();
    return [words.replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-"), part];
  }),
);

/** Whether the sources have a name as a text or as a key of an object. */
function isNamed(name: string): boolean {
  return new RegExp(`["'\`]${name}["'\`]|(?<![\\w.])${name}(?=[:,?]| \\})`).test(SOURCES);
}

describe("docs/operating.md", () => {
  for (const { alert, annotations: { runbook = "" } } of ALERTS) {
    test(`says what ${alert} means, where its runbook is`, () => {
      expect(runbook).toStartWith("docs/operating.md#");
      expect(PARTS.get(runbook.slice(runbook.indexOf("#") + 1)) ?? `no part for ${runbook}`).toContain(`\`${alert}\``);
    });
  }

  test("names no alert that there is not", () => {
    const named = new Set([...PAGE.matchAll(/EgressHttpProxy[A-Za-z]+/g)].map(([name]) => name));
    expect([...named].filter((name) => !ALERTS.some(({ alert }) => alert === name))).toEqual([]);
  });

  test("names metrics that there are", () => {
    const named = [...PAGE.matchAll(/\b(?:egress_http_proxy|process)_[a-z_]+/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(20);
    const known = new Set(METRICS.map(({ name }) => name));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test("names labels that they have, and values that there are", () => {
    const named = [...PAGE.matchAll(/\b((?:egress_http_proxy|process)_[a-z_]+)\{([a-z]+)="([a-z_0-9]+)"\}/g)];
    expect(named.length).toBeGreaterThan(1);
    for (const [text, metric, label = "", value = ""] of named) {
      const labels = METRICS.find(({ name }) => name === metric)?.labels ?? [];
      expect([text, labels.includes(label), isNamed(value)]).toEqual([text, true, true]);
    }
  });

  test("names flags that there are", () => {
    const known = new Set<string>(Object.values(OPTIONS).map(({ flag }) => flag));
    // Those of other programs.
    for (const foreign of ["--previous", "--raw"]) known.add(foreign);
    const named = [...PAGE.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((flag) => !known.has(flag) && flag !== "--allow-ffi")).toEqual([]);
  });

  test("names variables that there are", () => {
    const named = [...PAGE.matchAll(/\bEGRESS_[A-Z_]+/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((name) => !isNamed(name))).toEqual([]);
  });

  test("has every error but that of a malformed request", () => {
    const codes = Object.keys(ERROR_TABLE).filter((code) => code !== "http_request_error");
    expect(codes.filter((code) => !PAGE.includes(`\`${code}\``))).toEqual([]);
  });

  test("explains every warning and error of the log", () => {
    const told = [...SOURCES.matchAll(/\blog\.(?:warn|error)\(\s*(["'`])(.+?)\1/g)].map(([, , text = ""]) => text);
    expect(told.length).toBeGreaterThan(6);
    // That there are more of what it explains.
    expect(told.filter((text) => !text.startsWith("more ") && !QUOTED.includes(text))).toEqual([]);
  });

  test("quotes words that the program says", () => expect(WORDS.length).toBeGreaterThan(12));

  for (const words of WORDS) {
    test(`quotes what the program says: ${words}`, () => {
      const parts = TEMPLATES[words] ?? [words];
      expect(parts.filter((part) => !SOURCES.includes(part))).toEqual([]);
    });
  }

  test("names fields, labels and commands that there are", () => {
    expect(NAMES.length).toBeGreaterThan(25);
    expect(NAMES.filter((name) => !isNamed(name))).toEqual([]);
  });

  test("shows fields of the log as they are", () => {
    const shown = QUOTED.flatMap((text) => [...text.matchAll(/"([a-z_]+)":"([a-z_ ]+)"/g)]);
    expect(shown.length).toBeGreaterThan(2);
    for (const [text, field = "", value = ""] of shown) {
      expect([text, isNamed(field), SOURCES.includes(`"${value}"`) || value in ERROR_TABLE]).toEqual([
        text,
        true,
        true,
      ]);
    }
  });
});
