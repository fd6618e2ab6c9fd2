/**
 * Every failure a caller may act on has one code from this table, and the table is the only place
 * where a code becomes an HTTP status, a gRPC status or a process exit status.
 * `docs/reference/errors.md` is generated from it.
 *
 * gRPC statuses are those of https://grpc.github.io/grpc/core/md_doc_statuscodes.html.
 */
export interface ErrorSpec {
  readonly httpStatus: number;
  readonly grpcStatus: number;
  readonly exitCode: number;
  /** What to do next: a full sentence, shown under the message. */
  readonly hint: string;
}

const GRPC = {
  cancelled: 1,
  invalid: 3,
  deadline: 4,
  notFound: 5,
  exists: 6,
  denied: 7,
  precondition: 9,
  aborted: 10,
  outOfRange: 11,
  exhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const usage = (hint: string): ErrorSpec => ({
  httpStatus: 400,
  grpcStatus: GRPC.invalid,
  exitCode: 2,
  hint,
});
const denied = (hint: string): ErrorSpec => ({
  httpStatus: 403,
  grpcStatus: GRPC.denied,
  exitCode: 3,
  hint,
});
const unauthenticated = (hint: string): ErrorSpec => ({
  httpStatus: 401,
  grpcStatus: GRPC.unauthenticated,
  exitCode: 3,
  hint,
});
const notFound = (hint: string): ErrorSpec => ({
  httpStatus: 404,
  grpcStatus: GRPC.notFound,
  exitCode: 4,
  hint,
});
const refused = (hint: string): ErrorSpec => ({
  httpStatus: 409,
  grpcStatus: GRPC.precondition,
  exitCode: 5,
  hint,
});
const failed = (hint: string): ErrorSpec => ({
  httpStatus: 422,
  grpcStatus: GRPC.precondition,
  exitCode: 1,
  hint,
});
const unavailable = (hint: string): ErrorSpec => ({
  httpStatus: 503,
  grpcStatus: GRPC.unavailable,
  exitCode: 6,
  hint,
});

export const errorCodes = {
  // Usage
  USAGE_INVALID: usage('Run the command with --help to see what it takes.'),
  INPUT_INVALID: usage('Correct the named field and try again.'),
  NAME_INVALID: usage(
    'Use 1 to 63 lower-case letters, digits and inner hyphens, such as "node-01".',
  ),
  CONFIG_INVALID: usage('Correct the named key; `syntropy config list` shows every key.'),
  CONFIRMATION_REQUIRED: usage('Repeat the command with the named flag.'),
  PAYER_REQUIRED: usage('Name one of your nodes with --pay-from; `syntropy node list` shows them.'),
  APP_FILE_INVALID: usage(
    'Correct the named line; `syntropy container apply --help` says what the file may hold.',
  ),
  POLICY_INVALID: usage('Correct the named line; nothing was changed.'),
  DEVICE_NOT_BLOCK: usage('Name a whole disk from `syntropy usb list`, such as /dev/sdb.'),
  DEVICE_IS_PARTITION: usage('Name the whole disk instead of one of its partitions.'),

  // Who calls
  AUTH_REQUIRED: unauthenticated('Sign in with `syntropy login`, or set SYNTROPY_TOKEN.'),
  TOKEN_INVALID: unauthenticated('Sign in again with `syntropy login`, or use another token.'),
  SESSION_ENDED: unauthenticated('Sign in again with `syntropy login`.'),
  LOGIN_FAILED: unauthenticated('Check the name and the password, or ask for a new invitation.'),
  INVITATION_INVALID: unauthenticated(
    'Ask an administrator for a new one: `syntropy member update <member> --invite`.',
  ),
  JOIN_TOKEN_INVALID: unauthenticated(
    'Copy the whole token, or make a new one with `syntropy node token create`.',
  ),
  JOIN_TOKEN_EXPIRED: unauthenticated('Make a new one with `syntropy node token create`.'),
  JOIN_TOKEN_REVOKED: unauthenticated('Make a new one with `syntropy node token create`.'),
  JOIN_TOKEN_SPENT: unauthenticated(
    'Make a new one with `syntropy node token create`; --reusable makes one for several machines.',
  ),
  JOIN_PROOF_INVALID: unauthenticated('Remove the agent’s state directory and join again.'),
  AGENT_UNKNOWN: unauthenticated(
    'Its node was deleted, or the machine joined anew. Join again with a new token.',
  ),

  // Who may
  PERMISSION_DENIED: denied('Ask an administrator of this daemon for the named permission.'),
  NODE_NOT_APPROVED: denied('Let it in with `syntropy node approve`.'),
  NODE_REJECTED: denied('Ask whoever runs the grid; then join again with a new token.'),
  ORIGIN_REFUSED: denied(
    'Use one of the daemon’s own names; others are allowed with api.allowedHosts, pages of browsers with api.corsOrigins.',
  ),
  DEVICE_PERMISSION: denied(
    'The daemon needs the right to open this: stop it and run it as root, with `sudo syntropy daemon start`.',
  ),
  TUNNEL_DENIED: denied(
    'Run the agent as root: `sudo syntropy agent install` makes it a service that is.',
  ),
  SOCKET_PERMISSION: denied(
    'Use the account that started this daemon, or another --state-dir for one of your own.',
  ),

  // Not there
  ROUTE_NOT_FOUND: notFound('See `GET /v1/openapi.json` for every route.'),
  NODE_NOT_FOUND: notFound('List the nodes with `syntropy node list`.'),
  CONTAINER_NOT_FOUND: notFound('List the containers with `syntropy container list`.'),
  REPLICA_NOT_FOUND: notFound('See the replicas with `syntropy container status`.'),
  REVISION_NOT_FOUND: notFound('See the revisions with `syntropy container history`.'),
  SECRET_NOT_FOUND: notFound('Set it with `syntropy container secret set`.'),
  CONTAINER_IMAGE_NOT_FOUND: notFound(
    'Check the name and the tag of the image; one of a private registry needs --registry-auth.',
  ),
  RUNTIME_NOT_FOUND: notFound('It is gone from the engine of its node.'),
  MEMBER_NOT_FOUND: notFound('List the members with `syntropy member list`.'),
  ROLE_NOT_FOUND: notFound('List the roles with `syntropy role list`.'),
  TOKEN_NOT_FOUND: notFound('List the tokens with `syntropy token list`.'),
  CONTEXT_NOT_FOUND: notFound('List the contexts with `syntropy context list`.'),
  OPERATION_NOT_FOUND: notFound('List the operations with `syntropy operation list`.'),
  AGENT_NOT_INSTALLED: notFound('Install it with `syntropy agent install`.'),
  AGENT_RELEASE_NOT_FOUND: notFound(
    'Name a version that the daemon has, or `latest`; more come from `agents.releases`.',
  ),
  DEVICE_NOT_FOUND: notFound('List the drives with `syntropy usb list --all`.'),
  IMAGE_NOT_FOUND: notFound('Check the path of the image.'),
  FILE_NOT_FOUND: notFound('Check the path.'),
  CONFIG_KEY_NOT_FOUND: notFound('`syntropy config list` shows every key.'),

  // Refused as things stand
  NODE_NAME_TAKEN: refused('Choose another name, or delete the node that has it.'),
  NODE_BUSY: refused(
    'Wait for its operation to end, or cancel it with `syntropy operation cancel`.',
  ),
  NODE_OFFLINE: refused(
    'Wait for it with `syntropy node wait <node> --for online`; one that never comes back is deleted with --force.',
  ),
  NODE_PAYS: refused(
    'Remove these containers, or have another node pay for them with payFrom in `syntropy container apply`; --force deletes the node all the same.',
  ),
  OFFER_EXCEEDS_HARDWARE: refused('Offer less; `syntropy node status` shows what it has.'),
  CONTAINER_NAME_TAKEN: refused(
    'Choose another name, or change the container that has it with `syntropy container update`.',
  ),
  CONTAINER_NOT_RUNNING: refused('Start it with `syntropy container start`.'),
  NO_PLACE: refused(
    'The message says why each node was passed over; ask for less, or have a node offer more with `syntropy node update --offer`.',
  ),
  OFFER_TOO_SMALL: refused(
    'Ask for less with --cpus and --memory, or have the owner offer more with `syntropy node update --offer`.',
  ),
  NODE_DRAINED: refused('Choose another node, or give it work again with `syntropy node undrain`.'),
  NODE_NOT_SELECTED: refused('Choose other labels with --selector, or another node.'),
  ENGINE_MISSING: refused(
    'Install Docker or Podman on that machine (`apt-get install docker.io`); its agent finds it within half a minute.',
  ),
  PORT_TAKEN: refused('Publish another port, or let the node choose one: --publish <port>.'),
  BIND_NOT_ALLOWED: refused(
    'The owner of the node allows folders with `agent run --allow-bind <folder>`; a volume with a name needs no leave.',
  ),
  VOLUME_REQUIRED: refused(
    'Name a volume for that path with `--volume <name>:<path>`; without one its data would go with the next update.',
  ),
  SECRET_IN_USE: refused('Remove the containers that use it first.'),
  RUNTIME_CONFLICT: refused('Something else on the engine of that node is in the way.'),
  NODE_NOT_PENDING: refused('It waits for nobody; see `syntropy node status`.'),
  AGENT_JOINED: refused('Leave the grid first, with `syntropy agent leave`.'),
  AGENT_NOT_JOINED: refused('Join with `syntropy agent join <token>`.'),
  AGENT_RUNNING: refused(
    'Stop it first: Ctrl-C where it runs, `kill <pid>`, or `systemctl stop syntropy-agent` for the service. Or use another state directory.',
  ),
  AGENT_MACHINE_CHANGED: refused(
    'If its disk was moved on purpose, let it in with `syntropy node approve`.',
  ),
  AGENT_CLONED: refused(
    'Two machines have the same identity: wipe the copy and join it with a token of its own.',
  ),
  AGENT_SUPERSEDED: refused('A newer connection of the same agent has taken its place.'),
  AGENT_PROTOCOL_UNSUPPORTED: refused('Bring the agent and the daemon to the same version.'),
  INTERFACE_TAKEN: refused(
    'Remove that interface, or let the mesh have another name: it never takes over what is not its own.',
  ),
  TUNNEL_CONFLICT: refused(
    'Remove it from this machine, or change the prefix or the port of the mesh.',
  ),
  MEMBER_NAME_TAKEN: refused('Choose another name.'),
  MEMBER_BUILT_IN: refused('The built-in member stays as it is; add one of your own.'),
  MEMBER_OWNS_NODES: refused('Give its nodes and containers to another member with --transfer-to.'),
  ROLE_BUILT_IN: refused('Built-in roles stay as they are; make one of your own.'),
  ROLE_IN_USE: refused('Take it from its members first, with `syntropy member update --role`.'),
  TOKEN_NAME_TAKEN: refused('Choose another name, or revoke the token that has it.'),
  CONTEXT_NAME_TAKEN: refused('Choose another name, or remove that context first.'),
  SERVER_UNTRUSTED: refused(
    'Compare the fingerprint with `syntropy daemon status` on that host; if it is right, add the context again, or join with a new token.',
  ),
  CLOCK_WRONG: refused('Set the clock of this machine, and try again.'),
  ADDRESSES_EXHAUSTED: refused(
    'Delete nodes that are gone for good, or give the grid a wider prefix.',
  ),
  MESH_DUPLICATE: refused(
    'Each node has a key and addresses of its own: have one of them join anew.',
  ),
  ROUTE_OVERLAPS: refused('Choose a prefix that nothing else has, or remove what has it first.'),
  ROUTE_LOOPS: refused('Let another node forward, or remove the route that leads back.'),
  ROUTE_CUTS_OFF: refused(
    'Choose a prefix without the address of the daemon: its agents could not be told to undo it.',
  ),
  TRANSIT_REFUSED: refused('Ask the owner of that node to let it forward for others.'),
  VERSION_CONFLICT: {
    httpStatus: 412,
    grpcStatus: GRPC.aborted,
    exitCode: 5,
    hint: 'Someone changed it meanwhile: read it again, and repeat with its present version.',
  },
  OPERATION_ENDED: refused('It has ended; `syntropy operation show` tells how.'),
  OUTPUT_EXISTS: refused('Choose another file, or allow it to be replaced with --yes.'),
  DEVICE_SYSTEM: refused(
    'This disk holds the running system and is never written. Choose another.',
  ),
  DEVICE_MOUNTED: refused('Unmount it, or let the daemon do it with --unmount.'),
  DEVICE_IN_USE: refused('Stop what uses it (swap, RAID, LVM, another holder) and try again.'),
  DEVICE_BUSY: refused('Another program or operation has it open. Wait or stop that one.'),
  DEVICE_READ_ONLY: refused('Slide the write-protect switch, or use another stick.'),
  DEVICE_TOO_SMALL: refused('Use a larger stick or a smaller image.'),
  DEVICE_NOT_REMOVABLE: refused(
    'If this is the right disk, accept the risk with --accept-risk not-removable.',
  ),
  DEVICE_CHANGED: refused('Another stick is in its place. List the drives again.'),
  DAEMON_ALREADY_RUNNING: refused(
    'One daemon runs per state directory; see `syntropy daemon status`.',
  ),
  RESTORE_REFUSED: refused('Allow the existing state to be replaced with --yes.'),
  SCHEMA_TOO_NEW: refused('Run the newer version of Syntropy that wrote this database.'),
  DATABASE_UNSUPPORTED: refused('Use PostgreSQL 15 or newer.'),
  IDEMPOTENCY_MISMATCH: refused('Use a new idempotency key for a different request.'),
  IDEMPOTENCY_IN_PROGRESS: refused(
    'The first request with this key still runs. Try again shortly.',
  ),
  API_VERSION_MISMATCH: refused('Bring the command and the daemon to the same version.'),
  LIMIT_REACHED: refused('Wait until earlier work has ended and try again.'),

  // Tried and failed
  IMAGE_UNSUPPORTED: failed('Unpack it, or use a raw, gz, xz, zst, bz2 or zip image.'),
  IMAGE_AMBIGUOUS: failed('Use a zip file that holds exactly one image.'),
  IMAGE_EMPTY: failed('The image holds no bytes. Download or build it again.'),
  IMAGE_CORRUPT: failed('The image is damaged or cut short. Download or build it again.'),
  IMAGE_CHECKSUM_MISMATCH: failed(
    'The file is not the one the checksum was made of. Download it again.',
  ),
  IMAGE_WITHOUT_CIDATA: failed(
    'Use an image with a FAT partition labelled CIDATA, or write it without an identity with --no-config.',
  ),
  WRITE_FAILED: failed('Try another port or another stick.'),
  VERIFY_FAILED: failed(
    'What was written cannot be read back, or reads back different. Do not use this stick.',
  ),
  DEVICE_GONE: failed(
    'The stick was unplugged or failed. Plug it in again and repeat the command.',
  ),
  DISK_FULL: failed('Free some space, or use a larger stick, and repeat the command.'),
  OPERATION_FAILED: failed('See its reason with `syntropy operation show`.'),
  NODE_ORDER_FAILED: failed('See what to do with `syntropy node health <node>`.'),
  AGENT_RELEASE_INVALID: failed('Nothing was changed. Tell whoever runs the daemon.'),
  AGENT_FAILED: failed('See what it says: run `syntropy agent run`.'),
  CONTAINER_START_FAILED: failed(
    'Check the words of the command, and that the image holds that program.',
  ),
  CONTAINER_FAILED: failed('Its last words are above; see more with `syntropy container logs`.'),
  CONTAINER_UNHEALTHY: failed(
    'Its health check has not succeeded; see `syntropy container logs`, or allow more time.',
  ),
  CONTAINER_ROLLED_BACK: failed(
    'The revision before runs again; see `syntropy container history`.',
  ),
  TUNNEL_FAILED: failed('The message has what the system said; the mesh goes on as it was.'),
  REGISTRY_DENIED: failed(
    'Check the user and the password: `syntropy container secret set` and --registry-auth.',
  ),
  REGISTRY_UNREACHABLE: failed('Check the name of the registry, and the network of the node.'),
  POLICY_TEST_FAILED: failed('Correct the rules or the tests; nothing was changed.'),
  BACKUP_INVALID: failed('This is no complete Syntropy backup. Use another file.'),
  DAEMON_START_FAILED: failed('See why with `syntropy daemon logs`.'),
  CURSOR_EXPIRED: {
    httpStatus: 410,
    grpcStatus: GRPC.outOfRange,
    exitCode: 1,
    hint: 'Read the present state again, then follow from its cursor.',
  },
  OPERATION_CANCELLED: {
    httpStatus: 409,
    grpcStatus: GRPC.cancelled,
    exitCode: 130,
    hint: 'Repeat the command to start again.',
  },
  OPERATION_INTERRUPTED: {
    httpStatus: 409,
    grpcStatus: GRPC.aborted,
    exitCode: 1,
    hint: 'The daemon ended while it ran. Repeat the command.',
  },

  RATE_LIMITED: {
    httpStatus: 429,
    grpcStatus: GRPC.exhausted,
    exitCode: 1,
    hint: 'Wait as long as the message says, then try again.',
  },

  // Cannot be reached, took too long, cannot be done here
  DAEMON_UNREACHABLE: unavailable('Start it with `syntropy daemon start`.'),
  DAEMON_NOT_FOUND: unavailable(
    'Say where it is with --url https://<host>:<port>; it is found by itself only on the same network, and only when it listens there.',
  ),
  DAEMON_BUSY: unavailable('Wait as long as the message says, then try again.'),
  ENGINE_UNREACHABLE: unavailable(
    'Start the container engine of that machine: `systemctl start docker` or `systemctl start podman.socket`.',
  ),
  ENGINE_FAILED: unavailable(
    'The container engine of that node is there and fails at it; its log says more: `journalctl -u docker` or `journalctl -u podman` on that machine.',
  ),
  DATABASE_UNAVAILABLE: unavailable('See `syntropy daemon logs`; check DATABASE_URL if it is set.'),
  TIMED_OUT: {
    httpStatus: 504,
    grpcStatus: GRPC.deadline,
    exitCode: 7,
    hint: 'Allow more time with --timeout.',
  },
  CAPABILITY_MISSING: {
    httpStatus: 501,
    grpcStatus: GRPC.unimplemented,
    exitCode: 8,
    hint: 'Run the daemon on a host that can do this.',
  },

  TUNNEL_UNSUPPORTED: {
    httpStatus: 501,
    grpcStatus: GRPC.unimplemented,
    exitCode: 8,
    hint: 'Install what the message names; on Debian `apt-get install wireguard-go nftables iproute2 procps`.',
  },

  INTERNAL: {
    httpStatus: 500,
    grpcStatus: GRPC.internal,
    exitCode: 70,
    hint: 'This is a bug: report it with the request id and `syntropy daemon logs`.',
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errorCodes;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code);
}
