import type { ObjectBinding, ObjectKind, Operation } from '../contract/operation.js';
import type { Permission } from '../core/types/constants/permissions.js';
import type { Subject } from './subject.js';

import { AppError } from '../core/types/errors/app-error.js';

/** An object that a call names, and whose it is. */
export interface FoundObject {
  readonly id: string;
  readonly ownerId: string;
}

/** How objects of one kind are found, and who may touch those of others. */
export interface ObjectRule {
  /** @throws {AppError} when there is none. */
  find(ref: string, subject: Subject): Promise<FoundObject>;
  /** Allows what belongs to any member. */
  readonly any: Permission;
  /** Whether the objects of others are not even seen: the refusal is then the same as for one that does not exist. */
  readonly hidden?: (ref: string) => AppError;
}

/** Kinds without a rule belong to nobody: the permission alone decides. */
export type ObjectRules = Partial<Record<ObjectKind, ObjectRule>>;

/**
 * May this subject touch this object? Answers the input with the object's id in place of whatever named it, so that what was checked
 * is what is acted on, also when names change in between.
 * @throws {AppError} PERMISSION_DENIED, or not found.
 */
export async function requireObject(
  rules: ObjectRules,
  operation: Operation,
  subject: Subject,
  input: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const binding = operation.object;
  const rule = binding && !binding.isNew ? rules[binding.kind] : undefined;
  if (!binding || !rule) return input;
  const ref = refOf(binding, input);
  const { id, ownerId } = await rule.find(ref, subject);
  if (ownerId !== subject.id && !subject.permissions.has(rule.any)) {
    throw (
      rule.hidden?.(ref) ??
      new AppError(
        'PERMISSION_DENIED',
        `This ${binding.kind} belongs to another member; ${subject.name} lacks ${rule.any}.`,
        { permission: rule.any },
      )
    );
  }
  return { ...input, [binding.field]: id };
}

/** What the input names, as it was given. */
export function refOf(binding: ObjectBinding, input: Readonly<Record<string, unknown>>): string {
  const ref = input[binding.field];
  return typeof ref === 'string' ? ref : '';
}
