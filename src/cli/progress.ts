import type { Progress } from '../contract/schemas/operation.js';

import { DOCUMENT_VERSION } from './machine-command.js';
import { formatBytes, formatRate, formatSeconds } from './format.js';

/** Tells how far long work is, on stderr. */
export interface ProgressTeller {
  tell(progress: Progress): void;
  /** Leaves the terminal as it was, so that what follows begins a line. */
  end(): void;
}

/**
 * @param mode - `auto` (a line that moves on a terminal, one line a phase otherwise; nothing under --json), `json` (NDJSON),
 *   `plain` (one line a phase) or `none`.
 */
export function progressTeller(mode: string, json: boolean): ProgressTeller {
  if (mode === 'json') return { tell: tellJson, end: () => undefined };
  if (mode === 'plain') return linePerPhase();
  if (mode === 'none' || json) return { tell: () => undefined, end: () => undefined };
  return process.stderr.isTTY ? movingLine() : linePerPhase();
}

function tellJson(progress: Progress): void {
  process.stderr.write(`${JSON.stringify({ schemaVersion: DOCUMENT_VERSION, ...progress })}\n`);
}

function movingLine(): ProgressTeller {
  let shown = false;
  return {
    tell(progress) {
      shown = true;
      process.stderr.write(`\r\u001b[2K${describe(progress)}`);
    },
    end() {
      if (shown) process.stderr.write('\r\u001b[2K');
      shown = false;
    },
  };
}

function linePerPhase(): ProgressTeller {
  let phase = '';
  return {
    tell(progress) {
      if (progress.phase === phase) return;
      phase = progress.phase;
      process.stderr.write(`${phase}…\n`);
    },
    end: () => undefined,
  };
}

function describe({ phase, doneBytes, totalBytes, bytesPerSecond, etaSeconds }: Progress): string {
  const share = totalBytes ? ` ${Math.floor((doneBytes / totalBytes) * 100)} %` : '';
  const done =
    totalBytes === undefined
      ? formatBytes(doneBytes)
      : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
  const speed = bytesPerSecond > 0 ? `, ${formatRate(bytesPerSecond)}` : '';
  const left = etaSeconds === undefined ? '' : `, ${formatSeconds(etaSeconds)} left`;
  return `${phase}${share} (${done}${speed}${left})`;
}
