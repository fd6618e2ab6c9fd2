/** What the key of a label may be, as a regular expression: a schema of the contract and the command line both hold to it. */
export const LABEL_KEY = '^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$';
