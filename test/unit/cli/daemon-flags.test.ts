import path from 'node:path';
import { expect, it } from 'vitest';

import { daemonArguments } from '../../../src/cli/daemon-flags.js';
import { parseDaemonOptions } from '../../../src/daemon/options.js';

// Goal: what a start is told arrives at the daemon as the setting that it is.
it('hands on every flag as a setting, and files by their whole path', () => {
  const flags = {
    'log-level': 'debug',
    'public-url': 'https://grid.example.org',
    listen: '0.0.0.0:8080',
    tls: 'off',
    'tls-cert': 'grid.pem',
    'tls-key': '/etc/grid.key',
  };
  expect(parseDaemonOptions(daemonArguments(flags)).flags).toEqual({
    'log.level': 'debug',
    publicUrl: 'https://grid.example.org',
    'api.listen': '0.0.0.0:8080',
    'api.tls': 'off',
    'api.tlsCert': path.resolve('grid.pem'),
    'api.tlsKey': '/etc/grid.key',
  });
});

it('hands on nothing that was not given', () => {
  expect(daemonArguments({})).toEqual([]);
  expect(parseDaemonOptions([]).flags).toEqual({});
});
