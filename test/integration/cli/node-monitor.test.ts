import { describe, expect, it } from 'vitest';

import type { OperationOutput } from '../../../src/contract/registry.js';
import type { Answers } from '../../support/scripted-daemon.js';

import { documentOf, runCli, runOnTerminal, startCli } from '../../support/cli.js';
import { nodeNamed, scriptedDaemon } from '../../support/scripted-daemon.js';
import { waitFor } from '../../support/wait-for.js';

const node = nodeNamed('node-01');
type Finding = OperationOutput<'nodes.health'>['nodes'][number]['findings'][number];

/** A daemon that knows one node, which fared so over the last hour, and has these findings. */
function answers(findings: Finding[] = []): Answers {
  const stepMs = 60_000;
  const now = Math.floor(Date.now() / stepMs) * stepMs;
  const points = Array.from({ length: 30 }, (_, index) => ({
    at: new Date(now - (29 - index) * stepMs).toISOString(),
    cpuPercent: index < 15 ? 10 : 90,
    memoryUsedBytes: 4e9,
    memoryTotalBytes: 8e9,
  }));
  const health = { id: node.id, name: node.name, status: 'online' as const, findings };
  return {
    'nodes.get': () => ({ ...node, sample: { at: new Date().toISOString(), cpuPercent: 42 } }),
    'nodes.health': ({ query }) =>
      query['node'] === undefined
        ? { nodes: [health, { ...health, name: 'node-02', findings: [] }] }
        : { nodes: [health] },
    'nodes.samples': () => ({
      node: { id: node.id, name: node.name },
      resolutionSeconds: 60,
      points,
    }),
    'events.list': () => ({ events: [], cursor: '1' }),
    'events.follow': (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      return undefined;
    },
  };
}

const hot: Finding = {
  code: 'too-hot',
  severity: 'critical',
  message: 'It is 93 °C hot.\u001B[2J',
  hint: 'Look after its fans.',
};
const outdated: Finding = {
  code: 'agent-outdated',
  severity: 'warning',
  message: 'Its agent is old.',
  hint: 'Update it.',
};

// Goal: a person sees at a glance how a node fares, and a script learns it from a number.
describe('node status', () => {
  it('tells a pipe in numbers how it fared, with no marks', async () => {
    await using daemon = await scriptedDaemon(answers([outdated]));

    const { stdout } = await runCli(['node', 'status', 'node-01', '--history', '1h'], daemon);

    expect(stdout).toMatch(/^CPU use: +42 %$/m);
    expect(stdout).toMatch(/^Measured: +\d+s ago$/m);
    expect(stdout).toContain('The last 1h, a point for 1m:\n');
    expect(stdout).toMatch(/^CPU +least 10 %, mean 50 %, most 90 %$/m);
    expect(stdout).toMatch(/^warning {2}node-01: Its agent is old\. \(agent-outdated\)$/m);
  });

  it('shows a terminal marks, with gaps for silence, in ASCII where there is no more', async () => {
    await using daemon = await scriptedDaemon(answers());
    const argv = ['node', 'status', 'node-01', '--history', '1h'];

    const utf8 = await runOnTerminal(argv, daemon);
    const ascii = await runOnTerminal(argv, { ...daemon, env: { LANG: 'C' } });

    expect(utf8.stdout).toMatch(/CPU {11,}▁{14,15}█{15} {2}least/);
    expect(ascii.stdout).toMatch(/CPU {11,}_{14,15}#{15} {2}least/);
  });

  it('is a stream of documents with --watch --json', async () => {
    await using daemon = await scriptedDaemon(answers([hot]));
    const child = startCli(['node', 'status', 'node-01', '--watch', '--json'], daemon);
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));

    // The first at once, the second though nothing has happened.
    await waitFor('two documents', () => said.split('\n').length > 2, 25_000);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');

    const [first = ''] = said.split('\n');
    expect(JSON.parse(first)).toMatchObject({
      schemaVersion: 1,
      node: { name: 'node-01', sample: { cpuPercent: 42 } },
      findings: [{ code: 'too-hot' }],
    });
    expect(await ended).toBe(130);
  }, 40_000);

  it('refuses what is no duration, and more than there can be', async () => {
    await using daemon = await scriptedDaemon(answers());

    const bad = await runCli(['node', 'status', 'node-01', '--history', 'a day'], daemon);

    expect(bad.status).toBe(2);
    expect(bad.stderr).toContain('--history');
  });
});

describe('node health', () => {
  it('ends with 1 for what is critical, and says what to do', async () => {
    await using daemon = await scriptedDaemon(answers([hot, outdated]));

    const all = await runCli(['node', 'health'], daemon);
    const one = await runCli(['node', 'health', 'node-01', '--json'], daemon);

    expect([all.status, one.status]).toEqual([1, 1]);
    expect(all.stdout).toBe(
      [
        'critical node-01: It is 93 °C hot.[2J (too-hot)',
        '         Look after its fans.',
        'warning  node-01: Its agent is old. (agent-outdated)',
        '         Update it.\n',
      ].join('\n'),
    );
    expect(documentOf(one)).toMatchObject({ nodes: [{ findings: [hot, outdated] }] });
  });

  it('ends with 0 for warnings, and when nothing is wrong', async () => {
    await using warned = await scriptedDaemon(answers([outdated]));
    await using well = await scriptedDaemon(answers());

    const warning = await runCli(['node', 'health'], warned);
    const nothing = await runCli(['node', 'health'], well);

    expect([warning.status, nothing.status]).toEqual([0, 0]);
    expect(nothing.stdout).toBe('Nothing is wrong with 2 nodes.\n');
  });
});
