import { describe, expect, test } from "bun:test";
import { parseOptions } from "../../bench/options.ts";
import { formatRuleText } from "../../bench/rule_text.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";

describe("parseOptions()", () => {
  test("runs everything, four rounds, where nothing is said", () => {
    expect(parseOptions([])).toMatchObject({ quick: false, only: [], rounds: 4, seconds: 2, fresh: false });
  });

  test("runs shorter where --quick is given, and rounds are still as given", () => {
    expect(parseOptions(["--quick"])).toMatchObject({ quick: true, rounds: 3, seconds: 1 });
    expect(parseOptions(["--quick", "--rounds", "7"])).toMatchObject({ rounds: 7 });
  });

  test("takes lists with commas and repeats", () => {
    expect(parseOptions(["--only", "bulk, ping-1", "--only", "http", "--peers", "ours,squid"]))
      .toMatchObject({ only: ["bulk", "ping-1", "http"], peers: ["ours", "squid"] });
  });

  test("measures another build beside the first", () => {
    const options = parseOptions(["--peers", "ours", "--other", "/other/egress-http-proxy"]);
    expect(options).toMatchObject({ peers: ["ours", "other"], other: "/other/egress-http-proxy" });
    expect(parseOptions([])).toMatchObject({ other: undefined });
  });

  test("takes new processes for each round", () => expect(parseOptions(["--fresh"])).toMatchObject({ fresh: true }));

  test("takes smokescreen's path from the flag before the variable", () => {
    const environment = { SMOKESCREEN: "/a" };
    expect(parseOptions([], environment)).toMatchObject({ smokescreen: "/a" });
    expect(parseOptions(["--smokescreen", "/b"], environment)).toMatchObject({ smokescreen: "/b" });
  });

  const faults = [
    { args: ["--rounds", "0"], text: "Cannot run with --rounds '0': give a whole number from 1" },
    { args: ["--rounds", "x"], text: "Cannot run with --rounds 'x'" },
    { args: ["--seconds", "0.5"], text: "Cannot run with --seconds '0.5'" },
    { args: ["--no-such"], text: "--no-such" },
    { args: ["word"], text: "word" },
  ];
  for (const { args, text } of faults) {
    test(`refuses ${args.join(" ")}`, () => {
      const outcome = parseOptions(args);
      expect(outcome).toMatchObject({ code: 2 });
      expect("text" in outcome && outcome.text).toContain(text);
    });
  }

  test("--help succeeds", () => expect(parseOptions(["--help"])).toMatchObject({ code: 0 }));
});

describe("formatRuleText()", () => {
  for (const count of [1, 10, 1_000]) {
    test(`makes ${count} rules that this proxy takes without a warning, the last of them the origins'`, () => {
      const text = formatRuleText(count);
      expect(text.trimEnd().split("\n")).toHaveLength(count);
      expect(text).toEndWith("\n127.0.0.0/8\n".slice(count === 1 ? 1 : 0));
      expect(parseRules(text)).toMatchObject({ errors: [], warnings: [] });
    });
  }
});
