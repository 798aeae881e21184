// Owns a throw-away certificate authority for loopback origins. Every use makes new keys; nothing of it is kept.
import { mustRun } from "./run_program.ts";

/** A certificate for some names and the authority that clients must trust for it, as PEM files. */
export interface Certificate {
  readonly keyFile: string;
  readonly certFile: string;
  readonly authorityFile: string;
}

/** Makes an authority and a certificate for `names` in `folder`. */
export async function makeCertificate(folder: string, names: readonly string[]): Promise<Certificate> {
  const authorityFile = `${folder}/authority.pem`;
  const authorityKey = `${folder}/authority.key`;
  const keyFile = `${folder}/origin.key`;
  const request = `${folder}/origin.csr`;
  const certFile = `${folder}/origin.pem`;
  const extensions = `${folder}/origin.ext`;
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await mustRun([
    ...["openssl", "req", "-x509", ...ec, "-days", "2", "-subj", "/CN=Test authority"],
    ...["-addext", "keyUsage=critical,keyCertSign", "-keyout", authorityKey, "-out", authorityFile],
  ]);
  await mustRun(["openssl", "req", ...ec, "-subj", `/CN=${names[0]}`, "-keyout", keyFile, "-out", request]);
  await Bun.write(extensions, `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}\n`);
  await mustRun([
    ...["openssl", "x509", "-req", "-in", request, "-days", "2", "-extfile", extensions],
    ...["-CA", authorityFile, "-CAkey", authorityKey, "-CAcreateserial", "-out", certFile],
  ]);
  return { keyFile, certFile, authorityFile };
}
