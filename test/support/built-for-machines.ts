import { readFileSync } from 'node:fs';
import path from 'node:path';

const deploy = path.resolve('deploy/agent');

/** What a daemon has for machines that become nodes, from the build and its sources. */
export const builtForMachines = {
  agentRelease: path.resolve('dist/agent'),
  enrolment: {
    script: readFileSync(path.join(deploy, 'enrol.sh'), 'utf8'),
    unit: readFileSync(path.join(deploy, 'syntropy-enrol.service'), 'utf8'),
  },
};
