/** Version of this program, from package.json; the build puts it here. */
declare const SYNTROPY_VERSION: string | undefined;

export const version = typeof SYNTROPY_VERSION === 'string' ? SYNTROPY_VERSION : '0.0.0-dev';
