import type { Draft, ServiceInput } from './draft.js';
import type { Item, Keys, Place } from './items.js';

import { parseCapabilities, parseRestart } from '../container-words.js';
import { given } from '../given.js';
import { labelsOf } from '../labels.js';
import { parsePort } from '../ports.js';
import { parseVolume } from '../volumes.js';
import { deployKeys } from './deploy-section.js';
import { durationOf } from './durations.js';
import { environmentOf, pairsOf } from './environment.js';
import { healthOf } from './healthcheck.js';
import { booleanOf, choiceOf, itemsOf, parsed, readKeys, refused, textOf } from './items.js';
import { secretOf } from './secrets.js';
import { wordsOf } from './words.js';

/** What a service may refer to, and where it reads files. */
export interface Surroundings {
  /** Names under the top-level `volumes` and `secrets`. */
  readonly volumes: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Told of each named volume, to refuse one that two services share. */
  readonly useVolume: (name: string, at: Place) => void;
  /** Content of a file whose path is said in this one. */
  readonly readFile: (path: string, at: Place) => string;
}

/**
 * A service as it is asked for at the daemon.
 * @throws {AppError} APP_FILE_INVALID.
 */
export function serviceOf(item: Item, path: string, around: Surroundings): ServiceInput {
  const draft: Draft = {};
  readKeys(item, path, keysOf(draft, around));
  const { image, ...rest } = draft;
  if (image === undefined)
    throw refused(item.at, `${path} needs an image; building one is not supported.`);
  return given({ image, ...rest });
}

function keysOf(draft: Draft, around: Surroundings): Keys {
  return {
    image: (item, path) => (draft.image = textOf(item, path)),
    // What Compose calls the command are the arguments of the entrypoint.
    command: (item, path) => (draft.args = wordsOf(item, path)),
    entrypoint: (item, path) => (draft.command = wordsOf(item, path)),
    environment: (item, path) =>
      (draft.env = { ...draft.env, ...environmentOf(item, path, around.variables) }),
    env_file: (item, path) => {
      const files = item.kind === 'list' ? item.items : [item];
      const read = files.map((file, index) => {
        const name = textOf(file, `${path}[${index}]`);
        return pairsOf(around.readFile(name, file.at), name, file.at, around.variables);
      });
      // What `environment` says wins, wherever it stands.
      draft.env = Object.assign({}, ...read, draft.env);
    },
    secrets: (item, path) =>
      (draft.secrets = itemsOf(item, path).map((one, index) =>
        secretOf(one, `${path}[${index}]`, around.secrets),
      )),
    ports: (item, path) =>
      (draft.ports = itemsOf(item, path).map((one, index) => {
        const where = `${path}[${index}]`;
        return parsed(one, where, (text) => parsePort(text, where));
      })),
    volumes: (item, path) =>
      (draft.volumes = itemsOf(item, path).map((one, index) =>
        volumeOf(one, `${path}[${index}]`, around),
      )),
    labels: (item, path) => (draft.labels = labels(item, path)),
    restart: (item, path) => {
      // What deploy.restart_policy says wins, as Compose has it.
      if (draft.restart === undefined) {
        Object.assign(
          draft,
          parsed(item, path, (text) => parseRestart(text, path)),
        );
      }
    },
    healthcheck: (item, path) => (draft.health = healthOf(item, path)),
    ...confinementKeys(draft),
    working_dir: (item, path) => (draft.workingDir = textOf(item, path)),
    // Less than a second is no order to end it by force at once.
    stop_grace_period: (item, path) =>
      (draft.stopSeconds = Math.ceil(durationOf(item, path) / 1_000)),
    pull_policy: (item, path) =>
      (draft.pull = choiceOf(item, path, {
        missing: 'missing',
        if_not_present: 'missing',
        always: 'always',
        never: 'never',
      })),
    deploy: (item, path) => readKeys(item, path, deployKeys(draft)),
    'x-syntropy': (item, path) =>
      readKeys(item, path, {
        node: (value, where) => (draft.node = textOf(value, where)),
        payFrom: (value, where) => (draft.payFrom = textOf(value, where)),
        lostAfter: (value, where) =>
          (draft.lostAfterSeconds = Math.ceil(durationOf(value, where) / 1_000)),
        registryAuth: (value, where) => (draft.registryAuth = textOf(value, where)),
      }),
  };
}

function confinementKeys(draft: Draft): Keys {
  const set = (part: NonNullable<Draft['confinement']>) => {
    draft.confinement = { ...draft.confinement, ...part };
  };
  return {
    user: (item, path) => set({ user: textOf(item, path) }),
    cap_add: (item, path) =>
      set({
        capAdd: itemsOf(item, path).flatMap((one) => [
          ...parsed(one, path, (text) => parseCapabilities(text, path)),
        ]),
      }),
    read_only: (item, path) => set({ writableRoot: !booleanOf(item, path) }),
  };
}

function volumeOf(item: Item, path: string, around: Surroundings) {
  const volume = parsed(item, path, (text) => parseVolume(text, path));
  if (volume.source.startsWith('/')) return volume;
  if (!around.volumes.has(volume.source)) {
    throw refused(item.at, `${path}: volume ${volume.source} is not named under volumes.`);
  }
  around.useVolume(volume.source, item.at);
  return volume;
}

/** As a map, or as a list of `key=value`. */
function labels(item: Item, path: string): Record<string, string> {
  if (item.kind !== 'map') {
    return Object.assign(
      {},
      ...itemsOf(item, path).map((one, index) =>
        parsed(one, `${path}[${index}]`, (text) => labelsOf([text])),
      ),
    );
  }
  return Object.assign(
    {},
    ...item.entries.map(({ key, value }) => {
      const text = value.kind === 'nothing' ? '' : textOf(value, `${path}.${key}`);
      return parsed({ kind: 'text', at: value.at, text: `${key}=${text}` }, path, (pair) =>
        labelsOf([pair]),
      );
    }),
  );
}
