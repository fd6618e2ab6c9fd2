/** One rule per arrow of docs/ARCHITECTURE.md: a room may import itself and what is listed, nothing else of ours. */
const room = (name, path, may) => ({
  name,
  severity: 'error',
  from: { path },
  to: { path: '^src/', pathNot: [path, ...may].join('|') },
});

const types = '^src/core/types/';
const utils = '^src/core/utils/';
const config = '^src/core/config/';
const contract = '^src/contract/';
const client = '^src/client/';
const services = '^src/core/services/';

export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    room('types-are-leaf', types, []),
    room('utils', utils, [types]),
    room('config', config, [types, utils]),
    room('contract', contract, [types]),
    room('client', client, [contract, types]),
    room('cli', '^src/cli/', [client, contract, types, utils, config]),
    room('commands', '^src/commands/', ['^src/cli/', contract, types, utils]),
    room('services', services, [types, utils]),
    room('platform', '^src/core/platform/', [services, types, utils]),
    room('storage', '^src/core/storage/', [services, types, utils, config]),
    room('daemon', '^src/daemon/', ['^src/core/', contract]),
    room('agent', '^src/agent/', [
      contract,
      types,
      utils,
      config,
      services,
      '^src/core/platform/',
      '^src/core/storage/files/',
    ]),
    {
      name: 'slices-do-not-touch',
      severity: 'error',
      from: { path: '^src/core/services/([^/]+)/' },
      to: { path: '^src/core/services/([^/]+)/', pathNot: '^src/core/services/$1/' },
    },
    {
      name: 'services-no-frameworks',
      severity: 'error',
      comment: 'Rules must not know how they are stored, shown or carried.',
      from: { path: services },
      to: {
        path: '(^|/)node_modules/(fastify|@oclif|pg|kysely|ioredis|execa|undici|pino|inquirer|ora)(/|$)',
      },
    },
    {
      name: 'services-no-io',
      severity: 'error',
      comment: 'I/O reaches a service through its ports only.',
      from: { path: services },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'client-and-contract-run-in-a-browser',
      severity: 'error',
      from: { path: '^src/(client|contract)/', pathNot: '^src/client/node/' },
      to: { dependencyTypes: ['core'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node'],
    },
  },
};
