// Owns the fewest ranges that hold given addresses and not one more.
import { Cidr } from "../address/cidr.ts";
import { IpAddress } from "../address/ip_address.ts";

/** An address or a range, as a line of rule text, with the addresses that it holds. */
export interface Cover {
  readonly text: string;
  readonly addresses: readonly IpAddress[];
}

/** Finds the ranges, IPv4 before IPv6, in the order of the addresses. Duplicates count once. */
export function coverAddresses(addresses: readonly IpAddress[]): Cover[] {
  return ([4, 6] as const).flatMap((family) => coverFamily(addresses.filter((one) => one.family === family), family));
}

function coverFamily(addresses: readonly IpAddress[], family: 4 | 6): Cover[] {
  const bits = family === 4 ? 32 : 128;
  const byNumber = new Map(addresses.map((address) => [numberOf(address), address]));
  const numbers = [...byNumber.keys()].sort((one, other) => one < other ? -1 : 1);
  const covers: Cover[] = [];
  for (let at = 0; at < numbers.length;) {
    let run = 1;
    while (numbers[at + run] === numbers[at]! + BigInt(run)) run++;
    for (const end = at + run; at < end;) {
      // The largest block that begins here and ends within the run.
      let size = 1;
      let length = bits;
      while (numbers[at]! % BigInt(size * 2) === 0n && at + size * 2 <= end) {
        size *= 2;
        length--;
      }
      const held = numbers.slice(at, at + size).map((number) => byNumber.get(number)!);
      covers.push({ text: size === 1 ? held[0]!.text : rangeText(held[0]!, length), addresses: held });
      at += size;
    }
  }
  return covers;
}

function rangeText(first: IpAddress, length: number): string {
  return Cidr.parse(`${first.text}/${length}`)?.cidr.text ?? first.text;
}

function numberOf(address: IpAddress): bigint {
  let number = 0n;
  for (const octet of address.bytes) number = number << 8n | BigInt(octet);
  return number;
}
