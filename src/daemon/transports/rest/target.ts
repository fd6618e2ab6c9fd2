/** Where no route is, and never will be. */
const NOWHERE = '/unreadable';

/**
 * The target of a request as the router may have it. One whose escapes cannot be decoded goes nowhere: the router would answer it by
 * itself, before anybody has looked at who asks, how often, and by which name.
 */
export function readableTarget(target: string): string {
  const [path = ''] = target.split('?', 1);
  if (!path.includes('%')) return target;
  try {
    decodeURIComponent(path);
    return target;
  } catch {
    return NOWHERE;
  }
}
