// Owns which part of a name somebody can register, by the Public Suffix List; and where no wildcard may be proposed.

/** Finds the registrable domain of a name; undefined where it has none, or where its top is in no list. */
export type FindDomain = (name: string) => string | undefined;

/**
 * Loads the list: ICANN's suffixes and those that companies have registered for their customers' names, such as github.io
 * or s3.amazonaws.com. Loaded when it is asked for, since the proxy itself has no use for it.
 */
export async function loadDomains(): Promise<FindDomain> {
  const { parse } = await import("tldts");
  return (name) => {
    const { domain, isIcann, isPrivate } = parse(name, {
      allowPrivateDomains: true,
      extractHostname: false,
      validateHostname: false,
    });
    return domain === null || !(isIcann === true || isPrivate === true) ? undefined : domain;
  };
}
