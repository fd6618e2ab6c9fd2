/**
 * The name that a daemon's own certificate always carries, whatever its address: who trusts the grid's authority verifies this one, and
 * so may reach it through an address, a tunnel or a port that no certificate could know.
 */
export const GRID_SERVER_NAME = 'daemon.syntropy.internal';
