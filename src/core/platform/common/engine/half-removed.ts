import type { EngineHttp } from './engine-http.js';

import { listedContainer } from './container-facts.js';
import { listOf } from './json.js';

/** What every Podman from 4.0 on speaks beside Docker's API. */
const LIBPOD = '/v4.0.0/libpod';

/**
 * Podman that is killed in the midst of removing a container knows it still, has it no more, and lists none of a node's because of that one. Its own API lists it
 * all the same; removing it once more is what it needs. Answers whether it was one of the grid, and is gone.
 * @throws {AppError} ENGINE_UNREACHABLE, TIMED_OUT.
 */
export async function removeHalfRemoved(http: EngineHttp, id: string): Promise<boolean> {
  const query = { all: 'true', filters: JSON.stringify({ id: [id] }) };
  const { body } = await http.call('GET', '/containers/json', { query, prefix: LIBPOD });
  const found = listOf(body).map(listedContainer);
  if (!found.some((container) => container?.id === id)) return false;
  const answer = await http.call('DELETE', `/containers/${id}`, { query: { force: '1', v: '1' } });
  return answer.status < 300 || answer.status === 404;
}
