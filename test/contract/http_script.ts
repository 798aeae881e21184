// A server for a few requests whose limit of connections is above that of descriptors. Says its port, and when none is left.
import { closeSync, openSync } from "node:fs";
import { IpAddress } from "../../src/address/ip_address.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";

const { http } = await detectRuntime();
const address = IpAddress.parse("127.0.0.1")!;
const { port } = await http.serve(address, 0, () => new Response("here"), {
  maxConnections: 1000,
  patienceMs: 600_000,
});
console.log(`listening ${port}`);

const timer = setInterval(() => {
  try {
    closeSync(openSync("/dev/null", "r"));
  } catch {
    clearInterval(timer);
    console.log("no descriptor left");
  }
}, 10);
