import { createHash, randomBytes, randomUUID } from 'node:crypto';

import { loadSource } from '../load-source.mjs';

/**
 * Groups are as large in both, and each is spoken of by as many rules, so that a node has as many peers: what differs is how many nodes there
 * are that a change does not concern.
 */
export const MANY = { nodes: 10_000, groups: 200, owners: 2_000 };
export const FEW = { nodes: 1_000, groups: 20, owners: 200 };

/** Two labels of a node, and of how many others each value of it is spoken of together with; 50 nodes have the same of each. */
const LABELS = { role: 2, site: 1 };

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** A grid of this shape, from the database as it were. */
export async function openMaps(shape) {
  const { NetworkMaps } = await loadSource('src/core/services/network/map/network-maps.ts');
  const { headOf } = await loadSource('src/core/services/network/map/frame.ts');
  const maps = new NetworkMaps(sha256);
  const nodes = Array.from({ length: shape.nodes }, (_, index) => nodeOf(index, shape));
  maps.load({ nodes, rules: rulesOf(shape), routes: [] }, 1);
  return { maps, headOf, nodes, shape, next: shape.nodes, sequence: 1 };
}

export function nodeOf(index, { groups, owners }) {
  return {
    id: randomUUID(),
    name: `node-${index}`,
    ownerId: `owner-${index % owners}`,
    // The second turns round once for each round of the first, so that no two labels have all their nodes in common.
    labels: {
      role: `r${index % groups}`,
      site: `s${(index + Math.floor(index / groups)) % groups}`,
    },
    publicKey: randomBytes(32).toString('base64'),
    addresses: {
      v4: `10.${77 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`,
      v6: `fd7a:115c:a1e0::${(index + 1).toString(16)}`,
    },
    endpoints: [{ host: `198.51.100.${index & 255}`, port: 51_820, kind: 'seen' }],
    isOnline: true,
    isTransit: false,
  };
}

/** The rules: each group of a label may talk to some others of the same label. */
function rulesOf({ groups }) {
  const services = [{ protocol: 'tcp', ports: { first: 443, last: 443 } }];
  return Object.entries(LABELS).flatMap(([label, rules]) =>
    Array.from({ length: groups * rules }, (_, index) => {
      const letter = label.slice(0, 1);
      const from = index % groups;
      const to = (from + 1 + Math.floor(index / groups) * 4) % groups;
      return {
        id: `${letter}${from}-${to}`,
        from: { labels: { [label]: `${letter}${from}` } },
        to: { labels: { [label]: `${letter}${to}` } },
        services,
      };
    }),
  );
}
