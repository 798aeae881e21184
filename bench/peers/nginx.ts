// Owns nginx as a stand-in for plain requests: it judges nothing and leads to one fixed origin, so it is a bound, not a rival.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer } from "./peer.ts";
import { findProgram, firstLineOf } from "./program.ts";

export const nginx: Peer = {
  name: "nginx",
  text: "nginx as reverse proxy to one fixed origin, one worker, kept-alive upstreams, no buffering of uploads",
  plainHttp: true,
  tunnels: "none",
  rules: false,
  unavailable: () => findProgram("nginx") === undefined ? "nginx is not installed (apt-get install nginx)" : undefined,
  version: () => firstLineOf([findProgram("nginx") ?? "nginx", "-v"]),
  launch: ({ folder, port, originPort }) => {
    const file = join(folder, "nginx.conf");
    const text = `daemon off;
pid ${join(folder, "pid")};
error_log ${join(folder, "error.log")};
worker_processes 1;
worker_rlimit_nofile 18000;
events { worker_connections 9000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_buffer_size 64k;
  client_body_temp_path ${folder};
  proxy_temp_path ${folder};
  upstream origin { server 127.0.0.1:${originPort}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
      proxy_busy_buffers_size 128k;
    }
  }
}
`;
    writeFileSync(file, text);
    return { command: [findProgram("nginx") ?? "nginx", "-c", file] };
  },
};
