#!/usr/bin/env -S node --
// Entry point of the command. Plain old JavaScript, so that an old Node reads it to its end and can say what is wrong,
// or hand over to the Node 24 that is installed beside us as a dependency.
// The -- above keeps Node from an `--env-file` of ours, which it would take for its own wherever it stands.
'use strict';

var path = require('path');

/** The oldest Node that is supported, as in `engines` of package.json. */
var NEEDED = [24, 11];
/** "Not supported here", in the table of `syntropy help exit-codes`. */
var EXIT_UNSUPPORTED = 8;

var version = process.versions.node.split('.').map(Number);
if (version[0] > NEEDED[0] || (version[0] === NEEDED[0] && version[1] >= NEEDED[1])) run();
else handOver();

function run() {
  if (process.argv[2] === '__complete') {
    // Asked by the shell at each press of the tab key: nothing of oclif is loaded.
    built('complete').run(process.argv.slice(3));
    return;
  }
  // A directory of this user's own. Node's default is one under /tmp that anyone could have laid before us.
  require('module').enableCompileCache(process.env.NODE_COMPILE_CACHE || cacheDirectory());
  built('main').run(process.argv.slice(2));
}

function built(name) {
  var file = path.join(__dirname, '..', 'dist', 'cli', name + '.cjs');
  if (!require('fs').existsSync(file)) {
    process.stderr.write('Error: Syntropy is not built.\nBuild it with `npm run build`.\n');
    process.exit(EXIT_UNSUPPORTED);
  }
  return require(file);
}

function cacheDirectory() {
  var env = process.env;
  var home = require('os').homedir();
  if (process.platform === 'win32') {
    return path.join(env.LOCALAPPDATA || path.join(home, 'AppData', 'Local'), 'syntropy', 'cache');
  }
  if (process.platform === 'darwin') return path.join(home, 'Library', 'Caches', 'syntropy');
  var xdg = env.XDG_CACHE_HOME;
  return path.join(xdg && path.isAbsolute(xdg) ? xdg : path.join(home, '.cache'), 'syntropy');
}

function handOver() {
  var node = packagedNode();
  if (!node) {
    process.stderr.write(
      'Error: Syntropy needs Node ' +
        NEEDED.join('.') +
        ' or newer, and this is Node ' +
        process.versions.node +
        '.\n' +
        'Install Node 24, or install Syntropy with its optional dependencies.\n',
    );
    process.exit(EXIT_UNSUPPORTED);
  }
  var child = require('child_process').spawn(node, ['--'].concat(process.argv.slice(1)), {
    stdio: 'inherit',
  });
  // Ctrl-C reaches both of us through the terminal. Passed on, it would count there as a second one.
  var interrupts = hasTerminal() ? function () {} : passOn('SIGINT');
  process.on('SIGINT', interrupts);
  process.on('SIGTERM', passOn('SIGTERM'));
  process.on('SIGHUP', passOn('SIGHUP'));
  child.on('error', function (error) {
    process.stderr.write('Error: ' + node + ' cannot be started: ' + error.message + '\n');
    process.exit(EXIT_UNSUPPORTED);
  });
  child.on('exit', function (status, signal) {
    if (!signal) process.exit(status);
    // Ends by the same signal, so that the caller sees what happened.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });

  function passOn(signal) {
    return function () {
      child.kill(signal);
    };
  }
}

function packagedNode() {
  var os = process.platform === 'win32' ? 'win' : process.platform;
  try {
    var manifest = require.resolve('node-' + os + '-' + process.arch + '/package.json');
    return path.join(path.dirname(manifest), 'bin', os === 'win' ? 'node.exe' : 'node');
  } catch {
    return undefined;
  }
}

function hasTerminal() {
  var fs = require('fs');
  try {
    fs.closeSync(fs.openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
