/** How daemons are found on a network: DNS-based service discovery (RFC 6763) over multicast DNS (RFC 6762). */
export const SERVICE_TYPE = 'syntropy';
export const SERVICE_NAME = `_${SERVICE_TYPE}._tcp.local`;

/** Key of the TXT record that says of which grid a daemon is. */
export const HINT_KEY = 'ca';

/** What it says. To choose among several grids, and for nothing else: everybody can say it. */
export function gridHint(caSha256: string): string {
  return caSha256.slice(0, 16);
}
