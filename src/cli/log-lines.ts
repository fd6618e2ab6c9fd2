import { clean } from './text.js';

/** pino's levels by their numbers. */
const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** One line of the daemon's log. */
export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Takes a line of the log apart; one that is no JSON was written by something in the daemon that does not know its log. */
export function parseLogLine(text: string): LogLine {
  const value = safeJson(text);
  if (typeof value !== 'object' || value === null) {
    return { time: '', level: 'info', message: text, fields: {} };
  }
  const { level, time, msg, pid: _, ...fields }: Record<string, unknown> = { ...value };
  return {
    time: typeof time === 'string' ? time : '',
    level: levelOf(level),
    message: typeof msg === 'string' ? msg : '',
    fields,
  };
}

/** pino says a number, an agent a name. */
function levelOf(level: unknown): string {
  return LEVELS[Number(level)] ?? logLevels.find((known) => known === level) ?? 'info';
}

export function atLeast(line: LogLine, level: LogLevel): boolean {
  return logLevels.findIndex((name) => name === line.level) >= logLevels.indexOf(level);
}

/** For people: time, level, message, and the rest as `key=value`. */
export function showLogLine({ time, level, message, fields }: LogLine): string {
  const rest = Object.entries(fields).map(([key, value]) =>
    typeof value === 'string' ? `${key}=${value}` : `${key}=${JSON.stringify(value)}`,
  );
  return clean([time, level.toUpperCase().padEnd(5), message, ...rest].filter(Boolean).join(' '));
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
