// Owns the rule texts that proxies are measured with: many rules that do not match, and as the last the one that does.

const BEFORE_TARGET = ["exact", "exact", "subdomains", "subdomains", "address", "range", "deny"] as const;

/**
 * Formats a text of `count` rules of mixed kinds. Only the last, `127.0.0.0/8`, matches the loopback origins, so every
 * decision has to go past all the others.
 */
export function formatRuleText(count: number): string {
  const lines: string[] = [];
  for (let i = 0; i < count - 1; i++) {
    switch (BEFORE_TARGET[i % BEFORE_TARGET.length]) {
      case "exact":
        lines.push(`host${i}.example.com`);
        break;
      case "subdomains":
        lines.push(`*.zone${i}.example.net`);
        break;
      case "address":
        lines.push(`10.${octets(i)}`);
        break;
      case "range":
        lines.push(`11.${octets(i * 16)}/28`);
        break;
      default:
        lines.push(`!denied${i}.example.org`);
    }
  }
  lines.push("127.0.0.0/8");
  return `${lines.join("\n")}\n`;
}

function octets(value: number): string {
  return `${(value >> 16) & 255}.${(value >> 8) & 255}.${value & 255}`;
}
