// Owns the self-test: whether this very executable works on this machine, tried on itself and on a child that serves. All
// that it dials is 127.0.0.1.
import { parseHosts } from "../dns/hosts_file.ts";
import { CommandFailure } from "../errors.ts";
import type { Runtime, TestBed } from "../runtime/runtime.ts";
import { answerWithLoopback } from "./loopback_answer.ts";
import { findHeadEnd, ORIGIN_ANSWER, SelfTestPeers } from "./peers.ts";
import { ServingChild } from "./serving_child.ts";

const LIMIT_MS = 60_000;
const DNS_NAME = "origin.self-test.example";
const BULK_BYTES = 4 * 1024 * 1024;

/** Tries everything in turn and tells a line of each. Throws CommandFailure at the first thing that does not work. */
export async function runSelfTest(runtime: Runtime, tell: (line: string) => void): Promise<void> {
  const bed = await runtime.openTestBed();
  const peers = new SelfTestPeers(runtime.createEngine);
  const dns = await bed.answerUdp(answerWithLoopback);
  const child = new ServingChild(bed, dns.port);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  let step = "start itself";
  try {
    const steps = runSteps(runtime, bed, peers, child, (next) => step = next, tell);
    await Promise.race([steps, deadline]);
  } catch (error) {
    const said = child.lastLine === "" ? "" : `; the proxy's last line: ${child.lastLine}`;
    throw new CommandFailure(
      `Self-test failed, cannot ${step}: ${error instanceof Error ? error.message : String(error)}${said}`,
    );
  } finally {
    clearTimeout(timer);
    child.kill();
    peers.close();
    dns.close();
  }
}

async function runSteps(
  runtime: Runtime,
  bed: TestBed,
  peers: SelfTestPeers,
  child: ServingChild,
  begin: (step: string) => void,
  tell: (line: string) => void,
): Promise<void> {
  const originPort = await peers.listen();
  const { port, engine } = await child.listening();
  tell(`ok: starts itself, listens on port ${port}, engine ${engine}`);
  if ("unavailable" in runtime.threads) {
    tell(`skipped: threads on the system's sockets: ${runtime.threads.unavailable}`);
  } else {
    begin("relay in a thread");
    if (engine !== "posix") throw new Error(`the proxy chose the engine '${engine}', not 'posix'`);
    tell("ok: relays in a thread of its own");
    begin("splice");
    const fault = bed.trySplice();
    if (fault !== undefined) throw new Error(fault);
    tell("ok: calls C, splices");
  }
  begin("reach a name by DNS");
  await get(peers, port, DNS_NAME, originPort);
  tell(`ok: reaches ${DNS_NAME} by its own name server`);
  begin("reach a name of /etc/hosts");
  const hosts = await runtime.files.readText("/etc/hosts");
  const name = findLoopbackName(hosts ?? "");
  if (name === undefined) {
    tell(`skipped: a name of /etc/hosts: ${hosts === undefined ? "there is no such file" : "none is 127.0.0.1"}`);
  } else {
    await get(peers, port, name, originPort);
    tell(`ok: reaches ${name} by /etc/hosts`);
  }
  begin("send bulk through a tunnel");
  await sendBulk(peers, port, `${DNS_NAME}:${originPort}`);
  tell(`ok: gets ${BULK_BYTES} octets back through a tunnel`);
  begin("end by SIGTERM");
  const code = await child.end();
  if (code !== 0) throw new Error(`the proxy ended with exit code ${code}`);
  tell("ok: ends by SIGTERM with exit code 0");
}

async function get(peers: SelfTestPeers, proxyPort: number, name: string, originPort: number): Promise<void> {
  const head = `GET http://${name}:${originPort}/ HTTP/1.1\r\nHost: ${name}:${originPort}\r\n\r\n`;
  const answer = await peers.ask(proxyPort, head, undefined, (bytes) => {
    const text = new TextDecoder().decode(bytes);
    return !text.startsWith("HTTP/1.1 200 ") && text.includes("\r\n\r\n") || text.includes(ORIGIN_ANSWER);
  });
  const [status = ""] = new TextDecoder().decode(answer).split("\r\n", 1);
  if (!status.startsWith("HTTP/1.1 200 ")) throw new Error(`the proxy answered '${status}'`);
}

async function sendBulk(peers: SelfTestPeers, proxyPort: number, target: string): Promise<void> {
  const bulk = new Uint8Array(BULK_BYTES);
  for (let at = 0; at < bulk.length; at++) bulk[at] = at ^ (at >> 8) ^ (at >> 16);
  const head = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`;
  const answer = await peers.ask(proxyPort, head, bulk, (bytes) => bytes.length >= findHeadEnd(bytes) + bulk.length);
  const start = findHeadEnd(answer);
  const isSame = bulk.every((octet, at) => octet === answer[start + at]);
  if (!isSame) throw new Error("other octets came back than were sent");
}

/** A name of a hosts file that is 127.0.0.1, and is in no list of names that are known without the file. */
function findLoopbackName(hosts: string): string | undefined {
  for (const [name, addresses] of parseHosts(hosts)) {
    const isLoopback = addresses.some((address) => address.text === "127.0.0.1");
    if (isLoopback && !/(^|\.)localhost$/.test(name)) return name;
  }
  return undefined;
}
