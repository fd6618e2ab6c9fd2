// Plain old JavaScript, for the Node that a fresh machine has: installs what is missing, then hands over to the Node 24 that is
// installed with it.
'use strict';

var childProcess = require('child_process');
var fs = require('fs');
var path = require('path');

var root = path.join(__dirname, '..');

/** Installs the dependencies unless they are as package-lock.json has them. */
function ensureInstalled() {
  var marker = path.join(root, 'node_modules', '.package-lock.json');
  var lock = path.join(root, 'package-lock.json');
  if (fs.existsSync(marker) && fs.statSync(marker).mtimeMs >= fs.statSync(lock).mtimeMs) return;
  console.log('Installing dependencies…');
  run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund']);
  var now = new Date();
  fs.utimesSync(marker, now, now);
}

/** Runs a script of ours on the packaged Node 24, and ends with its status. */
function handOver(script) {
  var os = process.platform === 'win32' ? 'win' : process.platform;
  var packaged = path.join(
    root,
    'node_modules',
    'node-' + os + '-' + process.arch,
    'bin',
    os === 'win' ? 'node.exe' : 'node',
  );
  var node = fs.existsSync(packaged) ? packaged : process.execPath;
  var bin = path.join(root, 'node_modules', '.bin') + path.delimiter + path.dirname(node);
  run(node, [path.join(__dirname, script)].concat(process.argv.slice(2)), {
    PATH: bin + path.delimiter + process.env.PATH,
  });
}

function run(command, args, env) {
  var result = childProcess.spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: Object.assign({}, process.env, env || {}),
  });
  if (result.error) {
    console.error('Error: ' + command + ' cannot be run: ' + result.error.message);
    process.exit(1);
  }
  if (result.status !== 0) process.exit(result.status === null ? 1 : result.status);
}

ensureInstalled();
handOver(process.argv.splice(2, 1)[0]);
