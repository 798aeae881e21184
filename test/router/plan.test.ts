// The steps from every half-done state to the wanted one, and what undoes each of them.
import { describe, expect, test } from "bun:test";
import { Cidr } from "../../src/address/cidr.ts";
import { IpAddress } from "../../src/address/ip_address.ts";
import { CommandFailure } from "../../src/errors.ts";
import { readRouterSettings } from "../../src/router/environment.ts";
import { type NetworkState, planSteps } from "../../src/router/plan.ts";
import { defaultRouteBody, hostRouteBody } from "../../src/router/requests.ts";
import { type InterfaceAddress, type Link, parseRoute, type Route, TYPE } from "../../src/router/rtnetlink.ts";

const ip = (text: string) => IpAddress.parse(text)!;
const ETH0 = 2;
const MACVLAN0 = 3;
const GATEWAY = ip("192.168.12.1");

function link(index: number, name: string, changes: Partial<Link> = {}): Link {
  return { index, name, isUp: true, isEthernet: true, hardwareAddress: new Uint8Array(6), ...changes };
}

function route(body: Uint8Array, changes: Partial<Route> = {}): Route {
  return { ...parseRoute(body)!, ...changes };
}

const ETH0_DEFAULT = route(defaultRouteBody(ip("10.128.0.1"), ETH0));
const ETH0_METRIC = { ...ETH0_DEFAULT, metric: 100 };
const OWN_DEFAULT = route(defaultRouteBody(GATEWAY, MACVLAN0));
const OWN_HOST = route(hostRouteBody(GATEWAY, MACVLAN0));
const ETH0_HOST = route(hostRouteBody(GATEWAY, ETH0));
const CLUSTER = { ...ETH0_DEFAULT, destination: ip("172.30.0.0"), prefixLength: 16 };
const OWN_DEFAULT_FROM = route(defaultRouteBody(GATEWAY, MACVLAN0, ip("192.168.12.99")));
const ADDRESS: InterfaceAddress = { interfaceIndex: MACVLAN0, address: ip("192.168.12.99"), prefixLength: 24 };

interface Given {
  readonly up?: boolean;
  readonly addresses?: readonly InterfaceAddress[];
  readonly routes?: readonly Route[];
}

function stateOf({ up = false, addresses = [], routes = [] }: Given): NetworkState {
  return { links: [link(1, "lo"), link(ETH0, "eth0"), link(MACVLAN0, "macvlan0", { isUp: up })], addresses, routes };
}

function plan(state: NetworkState, clusterNetworks = "", name = "macvlan0", changes = {}) {
  const env = { EGRESS_SOURCE: "192.168.12.99/24", EGRESS_GATEWAY: "192.168.12.1" };
  const networks = clusterNetworks === "" ? [] : [Cidr.parse(clusterNetworks)!.cidr];
  return planSteps(state, readRouterSettings({ ...env, ...changes }, networks), name);
}

const ADD_ADDRESS = "add the address 192.168.12.99/24 to macvlan0";
const UP = "bring macvlan0 up";
const HOST = "a route to the gateway 192.168.12.1 straight out of macvlan0";
const DEFAULT = "the default route through 192.168.12.1 by macvlan0";
const OTHER = { ...ADDRESS, address: ip("192.168.12.50") };
const TO_CLUSTER = "a route to the cluster network 172.30.0.0/16 through 10.128.0.1 by eth0";

const table: { name: string; given: Given; cluster?: string; expected: string[] }[] = [
  {
    name: "nothing done",
    given: { routes: [ETH0_DEFAULT] },
    expected: [ADD_ADDRESS, UP, `add ${HOST}`, `put ${DEFAULT} in place of that through 10.128.0.1 by eth0`],
  },
  {
    name: "no default route",
    given: {},
    expected: [ADD_ADDRESS, UP, `add ${HOST}`, `add ${DEFAULT}`],
  },
  {
    name: "all done",
    given: { up: true, addresses: [ADDRESS], routes: [OWN_DEFAULT, OWN_HOST] },
    expected: [],
  },
  {
    name: "all done; what eth0 has is its own",
    given: {
      up: true,
      addresses: [{ interfaceIndex: ETH0, address: ip("10.128.0.9"), prefixLength: 23 }, ADDRESS],
      routes: [OWN_DEFAULT, OWN_HOST],
    },
    expected: [],
  },
  {
    name: "the old default route is for one kind of service: it goes once the new one is there",
    given: { up: true, addresses: [ADDRESS], routes: [{ ...ETH0_DEFAULT, tos: 16 }, OWN_HOST] },
    expected: [`add ${DEFAULT}`, "remove the default route through 10.128.0.1 by eth0"],
  },
  {
    name: "all done, the cluster too",
    given: { up: true, addresses: [ADDRESS], routes: [OWN_DEFAULT, OWN_HOST, CLUSTER] },
    cluster: "172.30.0.0/16",
    expected: [],
  },
  {
    name: "the link is up and has the address",
    given: { up: true, addresses: [ADDRESS], routes: [ETH0_DEFAULT] },
    expected: [`add ${HOST}`, `put ${DEFAULT} in place of that through 10.128.0.1 by eth0`],
  },
  {
    name: "the address has another length, or is another interface's",
    given: {
      up: true,
      addresses: [{ ...ADDRESS, prefixLength: 32 }, { ...ADDRESS, interfaceIndex: ETH0 }],
      routes: [OWN_DEFAULT, OWN_HOST],
    },
    expected: [ADD_ADDRESS],
  },
  {
    name: "the gateway has a route by eth0",
    given: { up: true, addresses: [ADDRESS], routes: [ETH0_HOST, OWN_DEFAULT] },
    expected: [`put ${HOST} in place of that by eth0`],
  },
  {
    name: "the gateway has a route by eth0 with a metric, which is no hindrance",
    given: { up: true, addresses: [ADDRESS], routes: [{ ...ETH0_HOST, metric: 5 }, OWN_DEFAULT] },
    expected: [`add ${HOST}`],
  },
  {
    name: "the gateway has a route by macvlan0 that one by eth0 comes before",
    given: { up: true, addresses: [ADDRESS], routes: [{ ...OWN_HOST, metric: 5 }, ETH0_HOST, OWN_DEFAULT] },
    expected: [`put ${HOST} in place of that by eth0`],
  },
  {
    name: "the gateway has a route by macvlan0 with a metric, and no better one",
    given: {
      up: true,
      addresses: [ADDRESS],
      routes: [{ ...ETH0_HOST, metric: 6 }, { ...OWN_HOST, metric: 5 }, OWN_DEFAULT],
    },
    expected: [],
  },
  {
    name: "the old default route is still there",
    given: { up: true, addresses: [ADDRESS], routes: [OWN_DEFAULT, ETH0_METRIC, OWN_HOST] },
    expected: ["remove the default route through 10.128.0.1 by eth0 with metric 100"],
  },
  {
    name: "the old default route has a metric: it goes once the new one is there",
    given: { up: true, addresses: [ADDRESS], routes: [ETH0_METRIC, OWN_HOST] },
    expected: [`add ${DEFAULT}`, "remove the default route through 10.128.0.1 by eth0 with metric 100"],
  },
  {
    name: "two old default routes",
    given: { up: true, addresses: [ADDRESS], routes: [ETH0_DEFAULT, ETH0_METRIC, OWN_HOST] },
    expected: [
      `put ${DEFAULT} in place of that through 10.128.0.1 by eth0`,
      "remove the default route through 10.128.0.1 by eth0 with metric 100",
    ],
  },
  {
    name: "the default route leads through another gateway",
    given: {
      up: true,
      addresses: [ADDRESS],
      routes: [route(defaultRouteBody(ip("192.168.12.2"), MACVLAN0)), OWN_HOST],
    },
    expected: [`put ${DEFAULT} in place of that through 192.168.12.2 by macvlan0`],
  },
  {
    name: "the link has another address too, which the kernel could pick",
    given: { up: true, addresses: [OTHER, ADDRESS], routes: [OWN_DEFAULT, OWN_HOST] },
    expected: [`put ${DEFAULT} from 192.168.12.99 in place of that through 192.168.12.1 by macvlan0`],
  },
  {
    name: "the link has another address too, and the default route says which",
    given: { up: true, addresses: [OTHER, ADDRESS], routes: [OWN_DEFAULT_FROM, OWN_HOST] },
    expected: [],
  },
  {
    name: "the default route says from where, though there is one address",
    given: { up: true, addresses: [ADDRESS], routes: [OWN_DEFAULT_FROM, OWN_HOST] },
    expected: [],
  },
  {
    name: "the default route is from another address",
    given: {
      up: true,
      addresses: [ADDRESS],
      routes: [route(defaultRouteBody(GATEWAY, MACVLAN0, OTHER.address)), OWN_HOST],
    },
    expected: [`put ${DEFAULT} in place of that through 192.168.12.1 by macvlan0`],
  },
  {
    name: "routes of other tables are nobody's business",
    given: { up: true, addresses: [ADDRESS], routes: [{ ...ETH0_DEFAULT, table: 100 }, OWN_DEFAULT, OWN_HOST] },
    expected: [],
  },
  {
    name: "the cluster comes first",
    given: { routes: [ETH0_DEFAULT] },
    cluster: "172.30.0.0/16",
    expected: [
      `add ${TO_CLUSTER}`,
      ADD_ADDRESS,
      UP,
      `add ${HOST}`,
      `put ${DEFAULT} in place of that through 10.128.0.1 by eth0`,
    ],
  },
  {
    name: "the cluster's way is that of the least metric",
    given: { up: true, addresses: [ADDRESS], routes: [OWN_DEFAULT, ETH0_METRIC, ETH0_DEFAULT, OWN_HOST] },
    cluster: "172.30.0.0/16",
    expected: [
      `add ${TO_CLUSTER}`,
      "remove the default route through 10.128.0.1 by eth0 with metric 100",
      "remove the default route through 10.128.0.1 by eth0",
    ],
  },
];

describe("planSteps()", () => {
  for (const { name, given, cluster, expected } of table) {
    test(`plans: ${name}`, () => {
      expect(plan(stateOf(given), cluster).steps.map(({ words }) => words)).toEqual(expected);
    });
  }

  test("a route that leads nowhere does not keep the cluster reachable", () => {
    const { steps } = plan(stateOf({ routes: [ETH0_DEFAULT, { ...CLUSTER, type: 7 }] }), "172.30.0.0/16");
    expect(steps[0]?.words).toBe(`add ${TO_CLUSTER}`);
  });

  describe("a gateway in a network of another interface", () => {
    const addresses = [{ interfaceIndex: ETH0, address: ip("10.128.0.9"), prefixLength: 23 }];
    const gateway = { EGRESS_GATEWAY: "10.128.1.1" };
    const near = { ...gateway, EGRESS_SOURCE: "192.168.12.99" };
    test("is refused where the default route leads out of that interface", () => {
      expect(() => plan(stateOf({ addresses, routes: [ETH0_DEFAULT] }), "", "macvlan0", near)).toThrow(
        new CommandFailure(
          "Cannot use the gateway 10.128.1.1: it is on the link of eth0, in 10.128.0.0/23, not on that of macvlan0",
        ),
      );
    });
    const taken = [
      { name: "which has no default route", state: { addresses, routes: [] }, changes: near },
      {
        name: "which is the wanted one itself",
        state: { addresses: [{ ...addresses[0]!, interfaceIndex: MACVLAN0 }], routes: [OWN_DEFAULT, ETH0_DEFAULT] },
        changes: near,
      },
      {
        name: "and in the source's too",
        state: { addresses, routes: [ETH0_DEFAULT] },
        changes: { ...gateway, EGRESS_SOURCE: "10.128.1.2/24" },
      },
    ];
    for (const { name, state, changes } of taken) {
      test(`is taken: ${name}`, () => {
        expect(plan(stateOf(state), "", "macvlan0", changes).steps.length).toBeGreaterThan(0);
      });
    }
  });

  test("undoes each step by its opposite, a route by the very one that was there", () => {
    const { steps } = plan(stateOf({ routes: [ETH0_HOST, ETH0_DEFAULT, ETH0_METRIC] }), "172.30.0.0/16");
    const pairs = steps.map(({ request, undo }) => [request.type, undo.type]);
    expect(pairs).toEqual([
      [TYPE.NEWROUTE, TYPE.DELROUTE],
      [TYPE.NEWADDR, TYPE.DELADDR],
      [TYPE.NEWLINK, TYPE.NEWLINK],
      [TYPE.NEWROUTE, TYPE.NEWROUTE],
      [TYPE.NEWROUTE, TYPE.NEWROUTE],
      [TYPE.DELROUTE, TYPE.NEWROUTE],
    ]);
    const bodies = [ETH0_HOST.body, ETH0_DEFAULT.body, ETH0_METRIC.body];
    expect(steps.slice(3).map(({ undo }) => undo.body)).toEqual(bodies);
  });

  const failures: { name: string; state: NetworkState; cluster?: string; interfaceName?: string; expected: string }[] =
    [
      {
        name: "there is no macvlan0",
        state: { links: [link(1, "lo")], addresses: [], routes: [] },
        expected: "Cannot find the interface 'macvlan0': there is none of that name; " +
          "the pod needs the annotation pod.network.openshift.io/assign-macvlan",
      },
      {
        name: "there is no such interface",
        state: stateOf({}),
        interfaceName: "net1",
        expected: "Cannot find the interface 'net1': there is none of that name; --interface names it",
      },
      {
        name: "the interface has no Ethernet address",
        state: { links: [link(3, "macvlan0", { hardwareAddress: new Uint8Array(4) })], addresses: [], routes: [] },
        expected: "Cannot use the interface 'macvlan0': it is not an Ethernet interface",
      },
      {
        name: "the interface is of another kind",
        state: { links: [link(3, "macvlan0", { isEthernet: false })], addresses: [], routes: [] },
        expected: "Cannot use the interface 'macvlan0': it is not an Ethernet interface",
      },
      {
        name: "the old default route is gone before the cluster has its own",
        state: stateOf({ routes: [OWN_DEFAULT] }),
        cluster: "172.30.0.0/16",
        expected: "Cannot keep the cluster network 172.30.0.0/16 reachable: " +
          "there is no default route but by macvlan0, and so no way to take over",
      },
    ];
  for (const { name, state, cluster, interfaceName, expected } of failures) {
    test(`refuses where ${name}`, () => {
      expect(() => plan(state, cluster, interfaceName)).toThrow(new CommandFailure(expected));
    });
  }
});
