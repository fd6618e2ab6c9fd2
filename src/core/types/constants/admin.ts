/**
 * The member that everyone who can open the local socket acts as. It is in every database from the first migration on, has no password,
 * and cannot be changed or removed.
 */
export const ADMIN_ID = '00000000-0000-4000-8000-000000000001';
export const ADMIN_NAME = 'admin';
