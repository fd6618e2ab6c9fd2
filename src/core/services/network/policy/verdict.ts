import type { Service } from '../../../types/models/network.js';
import type { MeshRule } from '../mesh-inputs.js';
import type { Policy, PolicySubject } from './policy.js';

import { AppError } from '../../../types/errors/app-error.js';
import { matches } from '../selector.js';

/** Failures that are told one by one. */
const MAX_TOLD = 8;

/** Why traffic passes, or that nothing lets it. */
export type Verdict =
  | { readonly kind: 'own' }
  | { readonly kind: 'rule'; readonly rule: MeshRule }
  | { readonly kind: 'denied' };

/** Whether a node may begin to talk to another. A member's own nodes always may; else some rule has to allow all of it. */
export function verdictOf(
  from: PolicySubject,
  to: PolicySubject,
  service: Service,
  rules: readonly MeshRule[],
): Verdict {
  if (from.ownerId === to.ownerId) return { kind: 'own' };
  const rule = rules.find(
    (one) =>
      matches(one.from, from) &&
      matches(one.to, to) &&
      (one.services.length === 0 || one.services.some((allowed) => covers(allowed, service))),
  );
  return rule ? { kind: 'rule', rule } : { kind: 'denied' };
}

function covers(allowed: Service, asked: Service): boolean {
  if (allowed.protocol !== asked.protocol) return false;
  if (!allowed.ports) return true;
  if (!asked.ports) return false;
  return allowed.ports.first <= asked.ports.first && asked.ports.last <= allowed.ports.last;
}

/** Whether anything of what is asked gets through: what a test denies must be denied wholly. */
function touches(allowed: Service, asked: Service): boolean {
  if (allowed.protocol !== asked.protocol) return false;
  if (!allowed.ports || !asked.ports) return true;
  return allowed.ports.first <= asked.ports.last && asked.ports.first <= allowed.ports.last;
}

/**
 * Holds the tests of a policy against its rules. One that names a node which is not there fails: it would prove nothing.
 * @throws {AppError} POLICY_TEST_FAILED, with what each says that fails.
 */
export function requireTestsPass(
  policy: Policy,
  rules: readonly MeshRule[],
  nodeNamed: (name: string) => PolicySubject | undefined,
): void {
  const failures = policy.tests.flatMap(({ from, to, allow, deny }) => {
    const [source, target] = [nodeNamed(from), nodeNamed(to)];
    const missing = [...(source ? [] : [from]), ...(target ? [] : [to])];
    if (!source || !target) return missing.map((name) => `There is no node "${name}".`);
    return [
      ...allow
        .filter((service) => verdictOf(source, target, service, rules).kind === 'denied')
        .map((service) => `"${from}" cannot reach ${serviceText(service)} of "${to}".`),
      ...deny
        .filter((service) => isReached(source, target, service, rules))
        .map((service) => `"${from}" can reach ${serviceText(service)} of "${to}".`),
    ];
  });
  if (failures.length === 0) return;
  const told = failures.slice(0, MAX_TOLD);
  const more = failures.length - told.length;
  const rest = more > 0 ? [`So do ${more} more.`] : [];
  throw new AppError(
    'POLICY_TEST_FAILED',
    ['Tests of the policy fail.', ...told, ...rest].join(' '),
    { failures: failures.length },
  );
}

function isReached(
  from: PolicySubject,
  to: PolicySubject,
  service: Service,
  rules: readonly MeshRule[],
): boolean {
  if (from.ownerId === to.ownerId) return true;
  return rules.some(
    (one) =>
      matches(one.from, from) &&
      matches(one.to, to) &&
      (one.services.length === 0 || one.services.some((allowed) => touches(allowed, service))),
  );
}

/** As the file writes it: `tcp/443`, `udp/6000-6010`, `icmp`. */
export function serviceText({ protocol, ports }: Service): string {
  if (!ports) return protocol;
  const { first, last } = ports;
  return `${protocol}/${first === last ? first : `${first}-${last}`}`;
}
