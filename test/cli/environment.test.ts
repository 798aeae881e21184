// Misspelt variables are told of; those that Kubernetes makes are not.
import { describe, expect, test } from "bun:test";
import { findUnknownVariables } from "../../src/cli/environment.ts";
import { type Option, OPTIONS } from "../../src/cli/options.ts";

describe("findUnknownVariables()", () => {
  const known = (Object.values(OPTIONS) as readonly Option<unknown>[]).flatMap((option) => option.variable ?? []);
  for (const name of [...known, "EGRESS_HTTP_PROXY_MODE"]) {
    test(`knows ${name}`, () => expect(findUnknownVariables({ [name]: "x" })).toEqual([]));
  }

  const unknown = [
    { name: "EGRESS_HTTP_PROXY_LISEN", value: "x", expected: "did you mean 'EGRESS_HTTP_PROXY_LISTEN'?" },
    { name: "EGRESS_HTTP_PROXY_DESTINATIONS", value: "x", expected: "did you mean 'EGRESS_HTTP_PROXY_DESTINATION'?" },
    {
      name: "EGRESS_HTTP_PROXY_DESTINATION_FIEL",
      value: "x",
      expected: "did you mean 'EGRESS_HTTP_PROXY_DESTINATION_FILE'?",
    },
    { name: "EGRESS_HTTP_PROXY_log_level", value: "x", expected: "did you mean 'EGRESS_HTTP_PROXY_LOG_LEVEL'?" },
    { name: "EGRESS_HTTP_PROXY_ZZZZZZZZ", value: "x", expected: "it has no effect" },
    { name: "EGRESS_HTTP_PROXY_PORT", value: "8080", expected: "did you mean 'EGRESS_HTTP_PROXY_LISTEN'?" },
    // The end of a variable that begins otherwise, EGRESS_CLUSTER_NETWORKS, is no suggestion.
    { name: "EGRESS_HTTP_PROXY_NETWORKS", value: "x", expected: "it has no effect" },
    { name: "EGRESS_HTTP_PROXY_WORKS", value: "x", expected: "did you mean 'EGRESS_HTTP_PROXY_WORKERS'?" },
    { name: "EGRESS_HTTP_PROXY_SERVICE", value: "x", expected: "it has no effect" },
    { name: "EGRESS_HTTP_PROXY_PORT_8080_TCP_HOST", value: "x", expected: "it has no effect" },
  ];
  for (const { name, value, expected } of unknown) {
    test(`tells of ${name}`, () => {
      expect(findUnknownVariables({ [name]: value })).toEqual([`Unknown variable '${name}': ${expected}`]);
    });
  }

  test("tells of all of them in order, on one line each", () => {
    const warnings = findUnknownVariables({ "EGRESS_HTTP_PROXY_LISTEN\n": "x", EGRESS_HTTP_PROXY_ADMINN: "x" });
    expect(warnings).toEqual([
      "Unknown variable 'EGRESS_HTTP_PROXY_ADMINN': did you mean 'EGRESS_HTTP_PROXY_ADMIN'?",
      "Unknown variable 'EGRESS_HTTP_PROXY_LISTEN\\x0a': did you mean 'EGRESS_HTTP_PROXY_LISTEN'?",
    ]);
  });

  // As the kubelet makes them for Services named egress-http-proxy and egress-http-proxy-admin.
  const silent: Readonly<Record<string, string>> = {
    EGRESS_HTTP_PROXY_SERVICE_HOST: "10.0.0.1",
    EGRESS_HTTP_PROXY_SERVICE_PORT: "8080",
    EGRESS_HTTP_PROXY_SERVICE_PORT_HTTP: "8080",
    EGRESS_HTTP_PROXY_PORT: "tcp://10.0.0.1:8080",
    EGRESS_HTTP_PROXY_PORT_8080_TCP: "tcp://10.0.0.1:8080",
    EGRESS_HTTP_PROXY_PORT_8080_TCP_ADDR: "10.0.0.1",
    EGRESS_HTTP_PROXY_PORT_8080_TCP_PORT: "8080",
    EGRESS_HTTP_PROXY_PORT_8080_TCP_PROTO: "tcp",
    EGRESS_HTTP_PROXY_PORT_53_UDP: "udp://10.0.0.1:53",
    EGRESS_HTTP_PROXY_PORT_53_UDP_PORT: "53",
    EGRESS_HTTP_PROXY_ADMIN_SERVICE_HOST: "10.0.0.2",
    EGRESS_HTTP_PROXY_ADMIN_PORT: "tcp://10.0.0.2:8081",
    EGRESS_HTTP_PROXY_ADMIN_PORT_8081_TCP_ADDR: "10.0.0.2",
    EGRESS_ROUTER_MODE: "http-proxy",
    EGRESS_HTTP_PROXY_LISEN: "",
    PATH: "/bin",
  };
  for (const [name, value] of Object.entries(silent)) {
    test(`passes over ${name}=${value}`, () => expect(findUnknownVariables({ [name]: value })).toEqual([]));
  }
});
