import type { Static, TSchema } from 'typebox';

import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';

import { AppError } from '../core/types/errors/app-error.js';

/** Checks an input against its schema, with defaults filled in. @throws {AppError} INPUT_INVALID, naming the field. */
export function inputValidator<S extends TSchema>(schema: S): (input: unknown) => Static<S> {
  const validator = Compile(schema);
  return (input) => {
    const value: unknown = Value.Default(schema, structuredClone(input ?? {}));
    if (!validator.Check(value)) throw invalid(validator.Errors(value));
    requireStorable(value, '');
    return value;
  };
}

/** No database takes a NUL in a text, or half of a character that is written as two. @throws {AppError} INPUT_INVALID. */
function requireStorable(value: unknown, field: string): void {
  if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())) {
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
