// Owns the inside of the network namespace: addresses, origins, name server, and both proxies for one rule text at a time.
// Started by world_client.ts under `unshare --net`; ends with its standard input.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { type DnsStub, encodeName, encodeRecord, startDnsStub } from "../support/dns_stub.ts";
import { formatOriginalConf } from "../support/squid_conf.ts";
import { ask, REACHED_FIELD } from "./ask.ts";
import {
  ADDRESSES,
  INSIDE_NAMES,
  MISSING_NAME,
  MULTI_NAMES,
  ODD_NAMES,
  PORTS,
  REVERSE_NAMES,
  SINGLE_NAMES,
} from "./universe.ts";
import type { Account, Accounts, Case, Order, Outcome } from "./world_protocol.ts";

const SQUID_PORT = 3128;
const OWN_PORT = 8080;
/** squid names its name server without a port. */
const SQUID_RESOLVER = "127.0.0.53";
const START_LIMIT_MS = 10_000;
const CASES_AT_ONCE = 16;

const [folder = "/nonexistent", squidProgram = "squid", ...ownCommand] = process.argv.slice(2);
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true }); // the test does so too, unless it was killed
});

hideSharedMemory();
setUpAddresses();
await Promise.all(PORTS.map(startOrigin));
const squidDns = await startNames();
const ownDns = await startNames();
await relayDns(squidDns.port);

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await carryOut(JSON.parse(line) as Order)));
}
process.exit(0);

async function carryOut(order: Order): Promise<Accounts> {
  const [squid, ours] = await Promise.all([
    runSquid(order),
    runProxy(order.cases, OWN_PORT, ownDns, [
      ...ownCommand,
      ...["--destination", order.rules, "--listen", `:${OWN_PORT}`, "--resolver", `127.0.0.1:${ownDns.port}`],
      ...["--access-log", "off", "--log-format", "json"],
    ]),
  ]);
  return { squid, ours };
}

async function runSquid({ rules, cases }: Order): Promise<Account> {
  const conf = formatOriginalConf(rules, SQUID_PORT, [
    `dns_nameservers ${SQUID_RESOLVER}`,
    "hosts_file none",
    "pinger_enable off",
    "visible_hostname squid.invalid",
  ]);
  if ("error" in conf) return { refusal: conf.error, outcomes: cases.map(() => "not started"), queries: [] };
  const file = join(folder, "squid.conf");
  writeFileSync(file, conf.text);
  return await runProxy(cases, SQUID_PORT, squidDns, [squidProgram, "-N", "-f", file]);
}

async function runProxy(
  cases: readonly Case[],
  port: number,
  dns: DnsStub,
  [file = "", ...args]: readonly string[],
): Promise<Account> {
  dns.queries.length = 0;
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"], cwd: folder });
  children.add(child);
  let stderr = "";
  child.stderr.on("data", (bytes) => stderr += bytes);
  const exit = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(String(error)));
    child.on("close", (code, signal) => resolve(`exit ${code ?? signal}: ${stderr.trim()}`));
  });
  const late = untilListening(port).then((reason) => reason === undefined ? undefined : `${reason}: ${stderr.trim()}`);
  const refusal = await Promise.race([exit, late]);
  const outcomes: Outcome[] = [];
  for (let i = 0; i < cases.length; i += CASES_AT_ONCE) {
    const some = cases.slice(i, i + CASES_AT_ONCE);
    outcomes.push(...await Promise.all(some.map((each) => refusal === undefined ? ask(port, each) : "not started")));
  }
  child.kill("SIGKILL");
  await exit;
  children.delete(child);
  return { refusal, outcomes, queries: [...new Set(dns.queries.map(({ name }) => name))].sort() };
}

/** Resolves to undefined once the port accepts, or to a reason after the time limit. */
async function untilListening(port: number): Promise<string | undefined> {
  const deadlineMs = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadlineMs) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.on("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
    if (isOpen) return undefined;
    await Bun.sleep(10);
  }
  return `nothing listened on port ${port} after ${START_LIMIT_MS} ms`;
}

/** squid keeps segments there under fixed names; a squid of the machine's own must not meet them. */
function hideSharedMemory(): void {
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "tmpfs", "/dev/shm"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot mount a /dev/shm: ${stderr}`);
}

function setUpAddresses(): void {
  const lines = [
    "link set lo up",
    ...ADDRESSES.map((address) => `addr add ${address} dev lo${/:/.test(address) ? " nodad" : ""}`),
  ];
  const { status, stderr } = spawnSync("ip", ["-batch", "-"], { input: lines.join("\n"), encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot set up addresses: ${stderr}`);
}

async function startOrigin(port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      if (!text.includes("\r\n\r\n")) return;
      const address = socket.localAddress?.replace(/^::ffff:/, "") ?? "";
      socket.end(`HTTP/1.1 200 OK\r\n${REACHED_FIELD}: ${address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "::", resolve);
  });
}

/** A name server of the world's own for each proxy, so that it is known who asked what. */
async function startNames(): Promise<DnsStub> {
  const stub = await startDnsStub();
  for (const [name, address] of Object.entries({ ...SINGLE_NAMES, ...ODD_NAMES, ...INSIDE_NAMES })) {
    stub.set(name, { addresses: [address] });
  }
  for (const [name, addresses] of Object.entries(MULTI_NAMES)) stub.set(name, { addresses });
  stub.set(MISSING_NAME, { failure: "NXDOMAIN" });
  for (const [address, name] of Object.entries(REVERSE_NAMES)) {
    const owner = `${address.split(".").reverse().join(".")}.in-addr.arpa`;
    stub.set(owner, { mangle: (message) => addPointer(message, owner, name) });
  }
  return stub;
}

/** Adds a PTR record to a message that ends behind its question. */
function addPointer(message: Uint8Array, owner: string, name: string): Uint8Array {
  const record = encodeRecord(owner, 12, 60, encodeName(name));
  const whole = new Uint8Array(message.length + record.length);
  whole.set(message);
  whole.set(record, message.length);
  whole[7] = 1;
  return whole;
}

/** Hands what comes to squid's name server on to a port, since its configuration can't name one. */
async function relayDns(port: number): Promise<void> {
  const relay = createSocket("udp4");
  relay.on("message", (query, client) => {
    const upstream = createSocket("udp4");
    upstream.on("message", (answer) => {
      relay.send(answer, client.port, client.address);
      upstream.close();
    });
    upstream.send(query, port, "127.0.0.1");
  });
  await new Promise<void>((resolve, reject) => {
    relay.on("error", reject);
    relay.bind(53, SQUID_RESOLVER, () => resolve());
  });
}
