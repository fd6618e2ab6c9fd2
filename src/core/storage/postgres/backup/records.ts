import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

import { AppError } from '../../../types/errors/app-error.js';
import { invalid, readLines, verifySum } from './container.js';

/** Raised when a reader of before could misread what is written now. */
export const FORMAT_VERSION = 1;

/** Files of the state directory that a backup may hold; nothing else is ever written by a restore. */
export const BACKED_UP_FILES = ['master.key', 'config.toml'] as const;
export type BackedUpFile = (typeof BACKED_UP_FILES)[number];

const HeaderRecord = Type.Object({
  format: Type.Literal('syntropy-backup'),
  formatVersion: Type.Integer({ minimum: 1 }),
  schemaVersion: Type.Integer({ minimum: 1 }),
  createdAt: Type.String(),
});
const FileRecord = Type.Object({
  file: Type.Union(BACKED_UP_FILES.map((name) => Type.Literal(name))),
  content: Type.String(),
});
const TableRecord = Type.Object({
  table: Type.String({ minLength: 1 }),
  columns: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
});
const SequenceRecord = Type.Object({
  sequence: Type.String({ minLength: 1 }),
  lastValue: Type.String({ pattern: '^-?[0-9]+$' }),
  isCalled: Type.Boolean(),
});
const EndRecord = Type.Object({ end: Type.Literal(true), rows: Type.Integer({ minimum: 0 }) });

const isHeader = Compile(HeaderRecord);
const isFile = Compile(FileRecord);
const isTable = Compile(TableRecord);
const isSequence = Compile(SequenceRecord);
const isEnd = Compile(EndRecord);

export type Header = Static<typeof HeaderRecord>;
/** A row of the table before it: each value as Postgres writes it as text. */
export type Row = readonly (string | null)[];
/** What follows the header, in this order: files, then each table and its rows, then sequences. */
export type BackupRecord =
  | { readonly kind: 'file'; readonly name: BackedUpFile; readonly content: string }
  | { readonly kind: 'table'; readonly name: string; readonly columns: readonly string[] }
  | { readonly kind: 'row'; readonly row: Row }
  | {
      readonly kind: 'sequence';
      readonly name: string;
      readonly lastValue: string;
      readonly isCalled: boolean;
    };

/** What a verified backup holds. */
export interface Backup {
  readonly file: string;
  readonly header: Header;
  readonly files: ReadonlyMap<BackedUpFile, string>;
  readonly rows: number;
}

/**
 * Reads a backup from end to end without keeping it: sum, shape, order and count.
 * @throws {AppError} BACKUP_INVALID, FILE_NOT_FOUND, DEVICE_PERMISSION, SCHEMA_TOO_NEW.
 */
export async function verifyBackup(file: string, programSchemaVersion: number): Promise<Backup> {
  await verifySum(file);
  const header = await readHeader(file);
  if (header.schemaVersion > programSchemaVersion) {
    throw new AppError(
      'SCHEMA_TOO_NEW',
      `The backup has schema ${header.schemaVersion}; this program knows up to ${programSchemaVersion}.`,
      { schemaVersion: header.schemaVersion, programVersion: programSchemaVersion },
    );
  }
  const files = new Map<BackedUpFile, string>();
  let rows = 0;
  for await (const record of readRecords(file)) {
    if (record.kind === 'file') files.set(record.name, record.content);
    if (record.kind === 'row') rows += 1;
  }
  return { file, header, files, rows };
}

async function readHeader(file: string): Promise<Header> {
  for await (const line of readLines(file)) {
    const header = parse(file, line);
    if (!isHeader.Check(header)) break;
    if (header.formatVersion <= FORMAT_VERSION) return header;
    throw invalid(file, 'a newer version of Syntropy made it');
  }
  throw invalid(file, 'its header is missing');
}

/** All records after the header. @throws {AppError} BACKUP_INVALID at the first that is not as it must be. */
export async function* readRecords(file: string): AsyncGenerator<BackupRecord> {
  let width = 0;
  let rows = 0;
  let lineNumber = 0;
  let ended = false;
  for await (const line of readLines(file)) {
    lineNumber += 1;
    if (lineNumber === 1) continue;
    if (ended) throw invalid(file, 'it goes on after its end');
    const value = parse(file, line);
    if (isEnd.Check(value)) {
      if (value.rows !== rows) throw invalid(file, 'rows are missing');
      ended = true;
      continue;
    }
    const record = toRecord(value, width);
    if (!record) throw invalid(file, `line ${lineNumber} is not as it must be`);
    if (record.kind === 'table') width = record.columns.length;
    if (record.kind === 'row') rows += 1;
    yield record;
  }
  if (!ended) throw invalid(file, 'its end is missing');
}

function toRecord(value: unknown, width: number): BackupRecord | undefined {
  if (Array.isArray(value)) return isRow(value, width) ? { kind: 'row', row: value } : undefined;
  if (isTable.Check(value)) return { kind: 'table', name: value.table, columns: value.columns };
  if (isFile.Check(value)) return { kind: 'file', name: value.file, content: value.content };
  if (isSequence.Check(value)) {
    const { sequence, lastValue, isCalled } = value;
    return { kind: 'sequence', name: sequence, lastValue, isCalled };
  }
  return undefined;
}

function isRow(values: readonly unknown[], width: number): values is Row {
  return (
    width > 0 &&
    values.length === width &&
    values.every((item) => item === null || typeof item === 'string')
  );
}

function parse(file: string, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw invalid(file, 'a line of it cannot be read');
  }
}
