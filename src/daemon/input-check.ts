import type { TObject } from 'typebox';

import { Compile } from 'typebox/compile';

import { AppError } from '../core/types/errors/app-error.js';

type Input = Readonly<Record<string, unknown>>;

/** Checks an input against its schema, with the defaults of its fields filled in. @throws {AppError} INPUT_INVALID, naming the field. */
export function inputValidator(schema: TObject): (input: unknown) => Input {
  const validator = Compile(schema);
  const defaults = Object.entries(schema.properties).flatMap(([name, field]) =>
    'default' in field ? [[name, field.default] as const] : [],
  );
  return (input) => {
    const value = withDefaults(input ?? {}, defaults);
    if (!validator.Check(value) || !isRecord(value)) throw invalid(validator.Errors(value));
    requireStorable(value, '');
    return value;
  };
}

function withDefaults(input: unknown, defaults: readonly (readonly [string, unknown])[]): unknown {
  if (defaults.length === 0 || !isRecord(input)) return input;
  const missing = defaults.filter(([name]) => input[name] === undefined);
  return missing.length === 0 ? input : { ...input, ...Object.fromEntries(missing) };
}

function isRecord(value: unknown): value is Input {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** No database takes a NUL in a text, or half of a character that is written as two. @throws {AppError} INPUT_INVALID. */
function requireStorable(value: unknown, field: string): void {
  if (typeof value === 'string') {
    if (!value.includes('\0') && value.isWellFormed()) return;
    throw new AppError('INPUT_INVALID', `"${field}" holds a character that is none.`, { field });
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, part] of Object.entries(value)) {
    requireStorable(name, field);
    requireStorable(part, field === '' ? name : `${field}.${name}`);
  }
}

interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message: string;
}

/** The deepest complaint is the one that names the field a person got wrong. */
function invalid(errors: readonly SchemaError[]): AppError {
  const real = errors.filter((error) => error.keyword !== 'boolean' && error.keyword !== 'anyOf');
  const unknownFields = errors.filter((error) => error.keyword === 'boolean');
  const unknown = unknownFields[0];
  if (unknown) {
    const field = fieldOf(unknown.instancePath);
    return new AppError('INPUT_INVALID', `There is no field "${field}".`, { field });
  }
  const first = real[0] ?? errors[0];
  const field = fieldOf(first?.instancePath ?? '');
  const what = first?.message ?? 'does not fit the contract';
  return new AppError(
    'INPUT_INVALID',
    field === '' ? `The input ${what}.` : `"${field}" ${what}.`,
    { field },
  );
}

function fieldOf(instancePath: string): string {
  return instancePath.slice(1, 201).replaceAll('/', '.');
}
