import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

import rules from '../.dependency-cruiser.mjs';

/** Fewer modules than this, and the cruiser has not understood the sources: "no violation" would then mean nothing. */
const FEWEST_MODULES = 100;

/** Violations of the import rules in a tree that has a `src`; the tree of this repository unless said otherwise. */
export async function violations(baseDir = process.cwd()) {
  const { output } = await cruise(
    ['src'],
    { ...rules.options, ruleSet: { forbidden: rules.forbidden }, validate: true, baseDir },
    undefined,
    { tsConfig: extractTSConfig('tsconfig.json') },
  );
  return {
    modules: output.summary.totalCruised,
    found: output.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`),
  };
}

/** @throws when an arrow is broken, or nothing was seen. */
export async function checkArrows() {
  const { modules, found } = await violations();
  if (modules < FEWEST_MODULES) throw new Error(`Only ${modules} modules were seen.`);
  if (found.length > 0) throw new Error(found.join('\n'));
}
