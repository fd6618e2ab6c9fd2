import { createHash } from 'node:crypto';

import type { CheckedTunnel } from '../../../services/network/tunnel-rules.js';
import type { TunnelRule, TunnelService } from '../../../services/network/tunnel.ports.js';

import { type IpPrefix } from '../../../utils/ip-prefix.js';

const FAMILIES = [
  { family: 4, type: 'ipv4_addr', word: 'ip', echo: 'icmp type echo-request' },
  { family: 6, type: 'ipv6_addr', word: 'ip6', echo: 'icmpv6 type echo-request' },
] as const;
type Family = (typeof FAMILIES)[number];
/** No set of a configuration has this name. */
const GATEWAY = '';

/** What of a tunnel its firewall is made of. */
export interface FirewallPlan extends Pick<
  CheckedTunnel,
  'sets' | 'rules' | 'gateway' | 'addresses'
> {
  /** Interfaces that forward for our sake only: nothing else is to pass from there. */
  readonly opened: readonly string[];
}

/** The name of our table for an interface. */
export function tableName(device: string): string {
  return `syntropy_${device}`;
}

/** The members of each set of nft, by its name: what is put into the rules without changing them. */
export function elementsOf(plan: FirewallPlan): ReadonlyMap<string, ReadonlySet<string>> {
  const sets = new Map<string, ReadonlySet<string>>();
  const add = (name: string, members: readonly IpPrefix[]) => {
    for (const { family } of FAMILIES) {
      const own = members.filter((member) => member.family === family);
      sets.set(setName(name, family), new Set(own.map(({ text }) => text)));
    }
  };
  for (const [name, members] of plan.sets) add(name, members);
  add(GATEWAY, plan.gateway);
  return sets;
}

/** All but the members: sets, chains and rules, as the body of a table. */
export function shapeOf(device: string, plan: FirewallPlan): readonly string[] {
  return [
    ...[...plan.sets.keys(), GATEWAY].flatMap((name) =>
      FAMILIES.map(
        ({ family, type }) => `set ${setName(name, family)} { type ${type}; flags interval; }`,
      ),
    ),
    ...chain('input', 'filter hook input priority filter', inputRules(device, plan)),
    ...chain('forward', 'filter hook forward priority filter', forwardRules(device, plan)),
    ...chain('postrouting', 'nat hook postrouting priority srcnat', [
      `iifname "${device}" oifname != "${device}" ip daddr @${setName(GATEWAY, 4)} masquerade`,
    ]),
  ];
}

function inputRules(device: string, plan: FirewallPlan): readonly string[] {
  const own = (family: number) =>
    plan.addresses.filter((address) => address.family === family).map(({ address }) => address);
  return [
    // What is for our address in the mesh comes by the mesh, where keys prove who sent it, or from this machine.
    ...FAMILIES.filter(({ family }) => own(family).length > 0).map(
      ({ family, word }) =>
        `iifname != "${device}" ${word} daddr { ${own(family).join(', ')} } fib saddr type != local drop`,
    ),
    `iifname != "${device}" accept`,
    'ct state established,related accept',
    ...plan.rules.filter(({ to }) => to === undefined).flatMap((rule) => accepts(rule, portMatch)),
    'drop',
  ];
}

function forwardRules(device: string, plan: FirewallPlan): readonly string[] {
  return [
    ...plan.opened.map((other) => `iifname "${other}" oifname != "${device}" drop`),
    `iifname != "${device}" oifname != "${device}" accept`,
    // Paths outside may take less than the two ends believe.
    'tcp flags syn tcp option maxseg size set rt mtu',
    'ct state established,related accept',
    `iifname != "${device}" drop`,
    ...plan.rules.filter(({ to }) => to !== undefined).flatMap((rule) => accepts(rule, portMatch)),
    // A published port of a container: it was for us, until the engine gave it another destination.
    ...plan.rules
      .filter(({ to }) => to === undefined)
      .flatMap((rule) => accepts(rule, originalPortMatch))
      .map((line) => `ct status dnat ${line}`),
    'drop',
  ];
}

function accepts(
  { from, to, services }: TunnelRule,
  ports: (service: TunnelService) => string,
): readonly string[] {
  return FAMILIES.flatMap((family) => {
    const { word } = family;
    const ends = [
      `${word} saddr @${setName(from, family.family)}`,
      ...(to === undefined ? [] : [`${word} daddr @${setName(to, family.family)}`]),
    ].join(' ');
    if (services.length === 0) return [`${ends} accept`];
    return services.map((service) => `${ends} ${serviceMatch(service, family, ports)} accept`);
  });
}

function serviceMatch(
  service: TunnelService,
  { echo }: Family,
  ports: (service: TunnelService) => string,
): string {
  if (service.protocol === 'icmp') return echo;
  return `meta l4proto ${service.protocol}${ports(service)}`;
}

function portMatch({ protocol, ports }: TunnelService): string {
  return ports ? ` ${protocol} dport ${ports.first}-${ports.last}` : '';
}

function originalPortMatch({ ports }: TunnelService): string {
  return ports ? ` ct original proto-dst ${ports.first}-${ports.last}` : '';
}

function chain(name: string, hook: string, rules: readonly string[]): readonly string[] {
  return [`chain ${name} {`, `type ${hook}; policy accept;`, ...rules, '}'];
}

/** A name may be anything; in a firewall only this stands for it. */
function setName(name: string, family: 4 | 6): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 24);
  return name === GATEWAY ? `gateway_${family}` : `s_${hash}_${family}`;
}
