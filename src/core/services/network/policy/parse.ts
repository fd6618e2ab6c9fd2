import { isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';

import type { Protocol, Service } from '../../../types/models/network.js';
import type { Policy, PolicyParty, PolicyRule, PolicyTest } from './policy.js';

import { LABEL_KEY } from '../../../types/constants/label-key.js';
import { AppError } from '../../../types/errors/app-error.js';
import { quoted } from '../../../utils/quoted.js';

const MAX_CHARACTERS = 1 << 18;
const MAX_RULES = 1_000;
/** Of a rule's parties on one side, and of services. */
const MAX_ENTRIES = 100;
const MAX_PORT = 65_535;
const PROTOCOLS: Readonly<Record<string, Protocol>> = { tcp: 'tcp', udp: 'udp', icmp: 'icmp' };
const PARTY = 'all, node:<name>, member:<name> or label:<key>=<value>';
const SERVICE = 'icmp, tcp, tcp/443 or udp/6000-6010';

type Reader = (value: unknown) => void;
type Refuse = (node: unknown, message: string) => AppError;

/**
 * Reads a policy: `rules`, each with `name`, `from`, `to` and `allow`, and `tests`, each with `from`, `to`, `allow` and `deny`. Words of a party that
 * stand together have all to fit; of parties in a list, any. A key that is not known is an error, for it might have been a rule.
 * @throws {AppError} POLICY_INVALID, with line and column.
 */
export function parsePolicy(text: string): Policy {
  if (text.length > MAX_CHARACTERS) {
    throw new AppError('POLICY_INVALID', `The policy is longer than ${MAX_CHARACTERS} characters.`);
  }
  const lines = new LineCounter();
  const refuse: Refuse = (node, message) => refusal(lines, offsetOf(node), message);
  const options = { lineCounter: lines, prettyErrors: false, stringKeys: true } as const;
  const [document, second] = parseAllDocuments(text, options);
  if (!document || !('contents' in document) || document.contents === null) {
    throw new AppError('POLICY_INVALID', 'The policy is empty.');
  }
  const [error] = document.errors;
  if (error) throw refusal(lines, error.pos[0], `This is no YAML: ${error.message}`);
  if (second) throw refuse(second.contents, 'A second document is not supported.');
  const rules: PolicyRule[] = [];
  const tests: PolicyTest[] = [];
  readKeys(document.contents, 'A policy', refuse, {
    rules: (value) => {
      for (const one of listOf(value, 'rules', refuse, MAX_RULES)) {
        const rule = ruleFrom(one, refuse);
        if (rules.some(({ name }) => name === rule.name)) {
          throw refuse(one, `There are two rules with the name ${quoted(rule.name)}.`);
        }
        rules.push(rule);
      }
    },
    tests: (value) => {
      for (const one of listOf(value, 'tests', refuse, MAX_RULES))
        tests.push(testFrom(one, refuse));
    },
  });
  return { rules, tests };
}

function ruleFrom(item: unknown, refuse: Refuse): PolicyRule {
  const said: { name?: string; from?: PolicyParty[]; to?: PolicyParty[]; allow?: Service[] } = {};
  readKeys(item, 'A rule', refuse, {
    name: (value) => (said.name = textOf(value, 'name', refuse)),
    from: (value) => (said.from = partiesOf(value, 'from', refuse)),
    to: (value) => (said.to = partiesOf(value, 'to', refuse)),
    allow: (value) => (said.allow = servicesOf(value, 'allow', refuse)),
  });
  const { name, from, to, allow } = said;
  // Without `allow`, a slip of the indentation would open everything.
  if (name === undefined || !from || !to || !allow) {
    throw refuse(item, 'A rule needs name, from, to and allow.');
  }
  return { name, from, to, services: allow };
}

function testFrom(item: unknown, refuse: Refuse): PolicyTest {
  const said: { from?: string; to?: string; allow: Service[]; deny: Service[] } = {
    allow: [],
    deny: [],
  };
  readKeys(item, 'A test', refuse, {
    from: (value) => (said.from = textOf(value, 'from', refuse)),
    to: (value) => (said.to = textOf(value, 'to', refuse)),
    allow: (value) => (said.allow = testedOf(value, 'allow', refuse)),
    deny: (value) => (said.deny = testedOf(value, 'deny', refuse)),
  });
  const { from, to, allow, deny } = said;
  if (from === undefined || to === undefined || allow.length + deny.length === 0) {
    throw refuse(item, 'A test needs from, to, and allow or deny.');
  }
  return { from, to, allow, deny };
}

/** A text, or a list of them. */
function textsOf(
  value: unknown,
  path: string,
  refuse: Refuse,
): readonly { node: unknown; text: string }[] {
  const nodes = isScalar(value) ? [value] : listOf(value, path, refuse, MAX_ENTRIES);
  const texts = nodes.map((node) => ({ node, text: textOf(node, path, refuse) }));
  if (texts.length === 0) throw refuse(value, `${path} names nothing.`);
  return texts;
}

function partiesOf(value: unknown, path: string, refuse: Refuse): PolicyParty[] {
  return textsOf(value, path, refuse).map(({ node, text }) => partyFrom(node, text, refuse));
}

function partyFrom(at: unknown, text: string, refuse: Refuse): PolicyParty {
  const party: { node?: string; member?: string; labels?: Record<string, string> } = {};
  for (const word of text.split(/\s+/)) {
    const [, kind, rest = ''] = /^(node|member|label):(\S+)$/.exec(word) ?? [];
    const [, key, value] = /^([^=]+)=(.*)$/.exec(rest) ?? [];
    if (word === 'all' && text === word) continue;
    if (kind === 'node' && party.node === undefined) party.node = rest;
    else if (kind === 'member' && party.member === undefined) party.member = rest;
    else if (kind === 'label' && key !== undefined && value !== undefined && isLabelKey(key)) {
      party.labels = { ...party.labels, [key]: value };
    } else throw refuse(at, `${quoted(text)} names no nodes; write ${PARTY}.`);
  }
  return party;
}

function isLabelKey(key: string): boolean {
  return new RegExp(LABEL_KEY).test(key);
}

/** `all` alone is everything, which a rule writes as nothing. */
function servicesOf(value: unknown, path: string, refuse: Refuse): Service[] {
  const texts = textsOf(value, path, refuse);
  if (texts.length === 1 && texts[0]?.text === 'all') return [];
  return texts.map(({ node, text }) => serviceFrom(node, text, refuse));
}

function testedOf(value: unknown, path: string, refuse: Refuse): Service[] {
  return textsOf(value, path, refuse).map(({ node, text }) => serviceFrom(node, text, refuse));
}

function serviceFrom(at: unknown, text: string, refuse: Refuse): Service {
  const [, word = '', from, to = from] =
    /^([a-z]+)(?:\/(\d{1,5})(?:-(\d{1,5}))?)?$/.exec(text) ?? [];
  const protocol = Object.hasOwn(PROTOCOLS, word) ? PROTOCOLS[word] : undefined;
  const wrong = () => refuse(at, `${quoted(text)} is nothing that can pass; write ${SERVICE}.`);
  if (!protocol || (protocol === 'icmp' && from !== undefined)) throw wrong();
  if (from === undefined) return { protocol };
  const ports = { first: Number(from), last: Number(to) };
  if (ports.first < 1 || ports.last > MAX_PORT || ports.first > ports.last) throw wrong();
  return { protocol, ports };
}

function readKeys(
  item: unknown,
  what: string,
  refuse: Refuse,
  readers: Readonly<Record<string, Reader>>,
): void {
  if (!isMap(item)) throw refuse(item, `${what} is to be keys and values.`);
  for (const { key, value } of item.items) {
    const name = isScalar(key) ? String(key.value) : '';
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (!read) {
      const known = Object.keys(readers).join(', ');
      throw refuse(key, `${what} has no ${quoted(name)}; it has ${known}.`);
    }
    read(value);
  }
}

function listOf(value: unknown, path: string, refuse: Refuse, most: number): readonly unknown[] {
  if (value === null) return [];
  if (!isSeq(value)) throw refuse(value, `${path} is to be a list.`);
  if (value.items.length > most) throw refuse(value, `${path} has more than ${most} entries.`);
  return value.items;
}

function textOf(value: unknown, path: string, refuse: Refuse): string {
  if (isScalar(value) && typeof value.value === 'string') return value.value;
  throw refuse(value, `${path} is to be a text.`);
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function refusal(lines: LineCounter, offset: number, message: string): AppError {
  const { line, col } = lines.linePos(offset);
  const [atLine, column] = [Math.max(1, line), Math.max(1, col)];
  return new AppError('POLICY_INVALID', `Line ${atLine}, column ${column}: ${message}`, {
    line: atLine,
    column,
  });
}
