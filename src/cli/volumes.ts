import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';

/** A volume as it is asked for. */
export interface VolumeWish {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

const SOURCE = /^(?:[A-Za-z0-9][A-Za-z0-9_.-]{0,62}|\/[^\p{C}:]*)$/u;
const TARGET = /^\/[^\p{C}:]+$/u;

/**
 * Reads `name-or-path:/target[:ro|rw]`. A name is a volume of the container's own; a path is a folder of the node.
 * @param where - what the text was said at, for the error.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseVolume(text: string, where = '--volume'): VolumeWish {
  const [source = '', target = '', mode = 'rw', ...more] = text.split(':');
  const isMode = mode === 'ro' || mode === 'rw';
  if (SOURCE.test(source) && TARGET.test(target) && isMode && more.length === 0) {
    return { source, target, readOnly: mode === 'ro' };
  }
  throw new AppError(
    'USAGE_INVALID',
    `${where} ${quoted(text)} is no volume; write it as data:/var/lib/app or /srv/data:/data:ro. A folder of the node is an absolute path.`,
    { flag: where },
  );
}

/** The same as it is typed. */
export function formatVolume({ source, target, readOnly }: VolumeWish): string {
  return `${source}:${target}${readOnly ? ':ro' : ''}`;
}
