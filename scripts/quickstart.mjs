// From a clean clone to two nodes: builds, starts the daemon in the user's state directory, writes node-01's image, joins this machine as node-02, shows both.
// May be repeated: what is there already is kept and said.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

import { freePort } from './free-port.mjs';
import { isBuilt } from './is-built.mjs';

const NAME = 'node-01';
const HERE = 'node-02';
/** Where agents look for the daemon, unless somebody else is there. */
const PORT = 8080;
// Another folder for the image may be given: npm run quickstart -- <folder>.
const image = path.resolve(process.argv[2] ?? '.', `${NAME}.img`);
const syntropy = path.resolve('bin/syntropy.cjs');

function step(text) {
  console.log(`\n▸ ${text}`);
}

/** Runs a command with its output shown; ends this script with its status unless it succeeds. */
function show(args) {
  console.log(`  $ syntropy ${args.join(' ')}`);
  const { status } = spawnSync(process.execPath, [syntropy, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Runs a command for its document. */
function ask(args, input = '') {
  const { stdout, status } = spawnSync(process.execPath, [syntropy, ...args, '--json'], {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'inherit'],
    input,
  });
  return { status, document: stdout === '' ? {} : JSON.parse(stdout) };
}

/** The name that this machine is a node by, or undefined where it cannot be one. */
function joinHere({ api }) {
  const known = ask(['agent', 'status']).document.agent;
  if (known) {
    console.log(`  It is ${known.node.name} already.`);
    return known.node.name;
  }
  const isTaken = ask(['node', 'status', HERE]).status === 0;
  if (!api || isTaken) {
    const why = isTaken ? `There is a ${HERE} already` : 'The daemon listens on no address';
    console.log(`  ${why}, so this machine is left alone; see docs/NODES.md.`);
    return undefined;
  }
  console.log('  $ syntropy node token create | syntropy agent join - --name node-02');
  const { token } = ask(['node', 'token', 'create', '--daemon-url', api.url]).document;
  const joined = ask(['agent', 'join', '-', '--name', HERE], token);
  if (joined.status === 0) return HERE;
  console.error(`  ${joined.document.error?.message}`);
  process.exit(joined.status ?? 1);
}

/** In the background, until the machine stops; its log is in the state directory. */
function runAgent() {
  if (ask(['agent', 'status']).document.agent?.isRunning) return;
  console.log('  $ syntropy agent run &');
  const agent = spawn(process.execPath, [syntropy, 'agent', 'run'], {
    detached: true,
    stdio: 'ignore',
  });
  agent.unref();
}

if (!(await isBuilt())) {
  step('Building');
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

step('The daemon');
const running = ask(['daemon', 'status']);
if (running.status === 0) console.log(`  It runs already (pid ${running.document.daemon.pid}).`);
else {
  // On loopback, and the same after each start: the agent beside it goes on looking there.
  const { setting } = ask(['config', 'get', 'api.listen']).document;
  if (!setting?.value) {
    show(['config', 'set', 'api.listen', `127.0.0.1:${await freePort(PORT)}`]);
  }
  show(['daemon', 'start']);
}

step(`The node ${NAME}`);
const { node } = ask(['node', 'status', NAME]).document;
const isOurs = node?.provisioning?.target === image;
if (node && !isOurs) {
  // Perhaps a machine that is in use: its record is worth more than this demonstration.
  console.log(
    `  It is there already, made at ${node.provisioning?.target ?? 'another place'}: kept as it is.`,
  );
} else if (!node && existsSync(image)) {
  console.error(
    `  ${image} is there, and belongs to no node of this daemon: it is not overwritten.`,
  );
  console.error('  Move or delete it, then run this again.');
  process.exit(1);
} else if (node?.status === 'provisioned' && existsSync(image)) {
  console.log(`  It is there already, and so is ${image}.`);
} else {
  if (node?.status === 'provisioned') {
    console.log(`  Its image is gone: it is made anew.`);
    show(['node', 'delete', NAME, '--yes']);
  }
  show(['node', 'create', '--name', NAME, '--output', image, '--yes']);
}

step(`This machine as ${HERE}`);
const { daemon } = ask(['daemon', 'status']).document;
const here = joinHere(daemon);
if (here) {
  runAgent();
  show(['node', 'wait', here, '--for', 'online', '--timeout', '60s']);
}

step('What there is now');
show(['node', 'list']);

console.log(`
What happened
  A daemon runs in the background (pid ${daemon.pid}) with a PostgreSQL of its own.
  It keeps everything in ${daemon.stateDir}.
${
  node && !isOurs
    ? `  ${NAME} was there before and was left alone; no image was written.`
    : `  It wrote the built-in seed image for ${NAME} to ${image}, with the node's name
  and a single-use join token in it, and read every byte back.`
}
${
  here
    ? `  This machine is ${here}: its agent runs in the background${process.getuid?.() === 0 ? '' : ', without root'}.`
    : '  This machine was not joined.'
}

How to go on
  npx syntropy usb list              the sticks you could write
  npx syntropy node status ${here ?? NAME}   all that is known of ${here ? 'this machine' : 'it'}
  npx syntropy container deploy --help   run something here, once this machine has Docker or Podman
                                     and lends a part of itself (docs/CONTAINERS.md)
  npx syntropy help                  everything else
  Writing a real stick needs a daemon that runs as root, and commands that talk to it:
  sudo npx syntropy daemon start
  sudo npx syntropy node create --usb /dev/sdX --name node-03

How to undo it${here ? '\n  npx syntropy agent leave --yes' : ''}
  npx syntropy daemon stop
  rm -r ${daemon.stateDir}${node && !isOurs ? '' : ` ${image}`}${daemon.database.location.startsWith(daemon.stateDir) ? '' : `\n  rm -r ${path.dirname(daemon.database.location)}`}
`);
