// Owns the way from the network as it is to the network as it is wanted: which steps, in which order, how each is undone.
// Pure: reads and changes nothing.
import { Cidr } from "../address/cidr.ts";
import type { IpAddress } from "../address/ip_address.ts";
import { formatQuotedText } from "../address/quoted_text.ts";
import { CommandFailure } from "../errors.ts";
import type { RouterSettings } from "./environment.ts";
import * as ask from "./requests.ts";
import {
  type InterfaceAddress,
  type Link,
  MAIN_TABLE,
  type Request,
  type Route,
  ROUTE_UNICAST,
  SCOPE_LINK,
} from "./rtnetlink.ts";

/** The network of a pod, as the kernel shows it. */
export interface NetworkState {
  readonly links: readonly Link[];
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly Route[];
}

/** One change. */
export interface Step {
  /** What it does, as an infinitive: "add the address 192.0.2.5/24 to macvlan0". */
  readonly words: string;
  readonly request: Request;
  /** What brings back the state before it. */
  readonly undo: Request;
}

/** What is to be done, and by which interface the address is then announced. */
export interface Plan {
  readonly link: Link;
  readonly steps: readonly Step[];
}

const HARDWARE_ADDRESS_BYTES = 6;

/** Plans the steps from `state` to what `settings` want on the interface; none where all is there. Throws CommandFailure where it cannot be. */
export function planSteps(state: NetworkState, settings: RouterSettings, interfaceName: string): Plan {
  const link = findLink(state, interfaceName);
  const { source, prefixLength, gateway } = settings;
  const routes = state.routes.filter((route) => route.table === MAIN_TABLE);
  const nameOf = (index: number | undefined) => state.links.find((one) => one.index === index)?.name ?? `#${index}`;
  checkGateway(state, routes, settings, link, nameOf);
  const steps = planClusterRoutes(routes, settings, link, nameOf);

  const wanted: InterfaceAddress = { interfaceIndex: link.index, address: source, prefixLength };
  if (!state.addresses.some((one) => isSameAddress(one, wanted))) {
    steps.push({
      words: `add the address ${source.text}/${prefixLength} to ${link.name}`,
      request: ask.addAddress(wanted),
      undo: ask.deleteAddress(wanted),
    });
  }
  if (!link.isUp) {
    steps.push({
      words: `bring ${link.name} up`,
      request: ask.setLinkUp(link.index, true),
      undo: ask.setLinkUp(link.index, false),
    });
  }

  const hostRoutes = routes.filter((route) => route.prefixLength === 32 && route.destination.equals(gateway));
  const [used] = byMetric(hostRoutes);
  if (used === undefined || !isHostRoute(used, link)) {
    const words = `a route to the gateway ${gateway.text} straight out of ${link.name}`;
    steps.push(putRoute(ask.hostRouteBody(gateway, link.index), words, hostRoutes, nameOf).step);
  }

  // Of several addresses the kernel would pick one that the settings do not name.
  const isAlone = state.addresses.every((one) => one.interfaceIndex !== link.index || one.address.equals(source));
  steps.push(...planDefaultRoute(routes, { gateway, source, isAlone }, link, nameOf));
  return { link, steps };
}

function findLink({ links }: NetworkState, name: string): Link {
  const link = links.find((one) => one.name === name);
  if (link === undefined) {
    const hint = name === "macvlan0"
      ? "the pod needs the annotation pod.network.openshift.io/assign-macvlan"
      : "--interface names it";
    throw new CommandFailure(
      `Cannot find the interface ${formatQuotedText(name)}: there is none of that name; ${hint}`,
    );
  }
  if (!link.isEthernet || link.hardwareAddress.length !== HARDWARE_ADDRESS_BYTES) {
    throw new CommandFailure(`Cannot use the interface ${formatQuotedText(name)}: it is not an Ethernet interface`);
  }
  return link;
}

/** A gateway on the link that the pod is to leave would be sought in vain on the other. What a source's length covers was said to be on its own link. */
function checkGateway(
  { addresses }: NetworkState,
  routes: readonly Route[],
  { source, prefixLength, gateway }: RouterSettings,
  link: Link,
  nameOf: (index: number) => string,
): void {
  if (Cidr.of(source, prefixLength).cidr.contains(gateway)) return;
  const others = routes.filter(isDefault).map((route) => route.interfaceIndex).filter((index) => index !== link.index);
  for (const one of addresses) {
    const { cidr } = Cidr.of(one.address, one.prefixLength);
    if (!others.includes(one.interfaceIndex) || !cidr.contains(gateway)) continue;
    const name = nameOf(one.interfaceIndex);
    throw new CommandFailure(
      `Cannot use the gateway ${gateway.text}: it is on the link of ${name}, in ${cidr.text}, not on that of ${link.name}`,
    );
  }
}

/** The cluster's networks go the way that the default route went, before it moves. */
function planClusterRoutes(
  routes: readonly Route[],
  { clusterNetworks }: RouterSettings,
  link: Link,
  nameOf: (index: number | undefined) => string,
): Step[] {
  const defaults = routes.filter((route) =>
    isDefault(route) && route.type === ROUTE_UNICAST && route.interfaceIndex !== link.index
  );
  const [old] = byMetric(defaults);
  const steps: Step[] = [];
  for (const network of clusterNetworks) {
    const isThere = routes.some((route) =>
      route.prefixLength === network.prefixLength && route.destination.equals(network.network) &&
      route.interfaceIndex !== link.index && route.type === ROUTE_UNICAST
    );
    if (isThere) continue;
    if (old === undefined) {
      throw new CommandFailure(
        `Cannot keep the cluster network ${network.text} reachable: there is no default route but by ${link.name}, and so no way to take over`,
      );
    }
    const body = ask.sameWayBody(network.network, network.prefixLength, old);
    steps.push({
      words: `add a route to the cluster network ${network.text}${formatWay(old, nameOf)}`,
      request: ask.addRoute(body),
      undo: ask.deleteRoute(body),
    });
  }
  return steps;
}

/** The way to the outside that is wanted. */
interface Way {
  readonly gateway: IpAddress;
  readonly source: IpAddress;
  /** Whether the interface has no other address than the source. */
  readonly isAlone: boolean;
}

/** The new route is there before the last old one goes: there is no moment without any. */
function planDefaultRoute(
  routes: readonly Route[],
  way: Way,
  link: Link,
  nameOf: (index: number | undefined) => string,
): Step[] {
  const defaults = routes.filter(isDefault);
  const steps: Step[] = [];
  let kept = defaults.find((route) => isDefaultBy(route, way, link));
  if (kept === undefined) {
    const { gateway, source, isAlone } = way;
    const words = `the default route through ${gateway.text} by ${link.name}`;
    const put = isAlone
      ? putRoute(ask.defaultRouteBody(gateway, link.index), words, defaults, nameOf)
      : putRoute(ask.defaultRouteBody(gateway, link.index, source), `${words} from ${source.text}`, defaults, nameOf);
    steps.push(put.step);
    kept = put.replaced;
  }
  for (const route of defaults) {
    if (route === kept) continue;
    steps.push({
      words: `remove the default route${formatWay(route, nameOf)}`,
      request: ask.deleteRoute(route.body),
      undo: ask.appendRoute(route.body),
    });
  }
  return steps;
}

/** Adds a route; where one for the same network stands at the same place, puts it there instead. */
function putRoute(
  body: Uint8Array,
  words: string,
  present: readonly Route[],
  nameOf: (index: number | undefined) => string,
): { step: Step; replaced: Route | undefined } {
  const replaced = present.find((route) => route.metric === 0 && route.tos === 0);
  if (replaced === undefined) {
    return {
      step: { words: `add ${words}`, request: ask.addRoute(body), undo: ask.deleteRoute(body) },
      replaced,
    };
  }
  return {
    step: {
      words: `put ${words} in place of that${formatWay(replaced, nameOf)}`,
      request: ask.replaceRoute(body),
      undo: ask.replaceRoute(replaced.body),
    },
    replaced,
  };
}

function isSameAddress(one: InterfaceAddress, other: InterfaceAddress): boolean {
  return one.interfaceIndex === other.interfaceIndex && one.prefixLength === other.prefixLength &&
    one.address.equals(other.address);
}

function isHostRoute(route: Route, link: Link): boolean {
  return route.interfaceIndex === link.index && route.gateway === undefined && route.scope === SCOPE_LINK &&
    route.type === ROUTE_UNICAST && route.tos === 0;
}

/** The routes in the order in which the kernel tries them. */
function byMetric(routes: readonly Route[]): Route[] {
  return [...routes].sort((one, other) => one.metric - other.metric);
}

function isDefault(route: Route): boolean {
  return route.prefixLength === 0;
}

function isDefaultBy(route: Route, { gateway, source, isAlone }: Way, link: Link): boolean {
  return route.interfaceIndex === link.index && route.gateway?.equals(gateway) === true &&
    (route.preferredSource?.equals(source) ?? isAlone) && route.type === ROUTE_UNICAST && route.tos === 0;
}

function formatWay(route: Route, nameOf: (index: number | undefined) => string): string {
  let words = "";
  if (route.gateway !== undefined) words += ` through ${route.gateway.text}`;
  if (route.interfaceIndex !== undefined) words += ` by ${nameOf(route.interfaceIndex)}`;
  if (words === "") words = " with a way of its own";
  return route.metric === 0 ? words : `${words} with metric ${route.metric}`;
}
