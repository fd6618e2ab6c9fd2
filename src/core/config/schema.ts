import { type Static, type TSchema, Type } from 'typebox';

/** One setting: its shape, where else it may come from, and what it is when nobody says. */
export interface Setting<S extends TSchema = TSchema> {
  readonly schema: S;
  readonly env: string;
  readonly default: Static<S> | undefined;
  readonly secret?: boolean;
  readonly summary: string;
}

function setting<S extends TSchema>(schema: S, rest: Omit<Setting<S>, 'schema'>): Setting<S> {
  return { schema, ...rest };
}

/** Every setting there is. The reference, `config list` and validation are made from this table. */
export const settings = {
  'database.url': setting(Type.String({ minLength: 1, maxLength: 4096 }), {
    env: 'DATABASE_URL',
    default: undefined,
    secret: true,
    summary: 'PostgreSQL server, 15 or newer. Unset: the daemon runs its own.',
  }),
  'redis.url': setting(Type.String({ minLength: 1, maxLength: 4096 }), {
    env: 'REDIS_URL',
    default: undefined,
    secret: true,
    summary: 'Redis server through which replicas share limits. Unset: each counts by itself.',
  }),
  publicUrl: setting(Type.String({ minLength: 1, maxLength: 2048, pattern: '^https?://' }), {
    env: 'SYNTROPY_PUBLIC_URL',
    default: undefined,
    summary: 'Address under which nodes reach this daemon; written on sticks.',
  }),
  'api.listen': setting(
    Type.String({ maxLength: 300, pattern: '^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}$' }),
    {
      env: 'SYNTROPY_API_LISTEN',
      default: undefined,
      summary: 'Address and port of the API for other machines, such as 0.0.0.0:8080. Unset: none.',
    },
  ),
  'api.tls': setting(Type.Union([Type.Literal('on'), Type.Literal('off')]), {
    env: 'SYNTROPY_API_TLS',
    default: 'on',
    summary: 'Whether that address speaks TLS; `off` only behind something that does.',
  }),
  'api.tlsCert': setting(Type.String({ minLength: 1, maxLength: 4096 }), {
    env: 'SYNTROPY_API_TLS_CERT',
    default: undefined,
    summary: 'File with a certificate chain in PEM. Unset: the grid’s own authority issues one.',
  }),
  'api.tlsKey': setting(Type.String({ minLength: 1, maxLength: 4096 }), {
    env: 'SYNTROPY_API_TLS_KEY',
    default: undefined,
    summary: 'File with the private key of that certificate, in PEM.',
  }),
  'api.allowedHosts': setting(Type.String({ maxLength: 4096 }), {
    env: 'SYNTROPY_API_ALLOWED_HOSTS',
    default: '',
    summary: 'Further host names that requests may be for, comma separated.',
  }),
  'api.corsOrigins': setting(Type.String({ maxLength: 4096 }), {
    env: 'SYNTROPY_API_CORS_ORIGINS',
    default: '',
    summary:
      'Origins of browsers that may call, such as https://grid.example.org, comma separated.',
  }),
  'api.trustedProxies': setting(Type.String({ maxLength: 4096 }), {
    env: 'SYNTROPY_API_TRUSTED_PROXIES',
    default: '',
    summary: 'Addresses or networks of proxies whose X-Forwarded-For is believed, comma separated.',
  }),
  'agents.releases': setting(Type.String({ minLength: 1, maxLength: 4096 }), {
    env: 'SYNTROPY_AGENT_RELEASES',
    default: undefined,
    summary:
      'Folder of more releases of the agent, each in a folder with the name of its version. Unset: only the daemon’s own.',
  }),
  'discovery.announce': setting(Type.Boolean(), {
    env: 'SYNTROPY_DISCOVERY_ANNOUNCE',
    default: true,
    summary:
      'Whether machines on the same network find this daemon by multicast DNS, where it listens for them over TLS.',
  }),
  'nodes.lostAfterSeconds': setting(Type.Integer({ minimum: 60, maximum: 31_536_000 }), {
    env: 'SYNTROPY_NODES_LOST_AFTER_SECONDS',
    default: 3_600,
    summary: 'After how long offline a node is lost: nobody waits for it any longer.',
  }),
  'samples.rawHours': setting(Type.Integer({ minimum: 1, maximum: 48 }), {
    env: 'SYNTROPY_SAMPLES_RAW_HOURS',
    default: 2,
    summary: 'How many hours the samples of nodes are kept as they came, one in ten seconds.',
  }),
  'samples.minuteDays': setting(Type.Integer({ minimum: 1, maximum: 90 }), {
    env: 'SYNTROPY_SAMPLES_MINUTE_DAYS',
    default: 7,
    summary: 'How many days their means over minutes are kept.',
  }),
  'samples.hourDays': setting(Type.Integer({ minimum: 1, maximum: 3_650 }), {
    env: 'SYNTROPY_SAMPLES_HOUR_DAYS',
    default: 400,
    summary: 'How many days their means over hours are kept.',
  }),
  'influx.url': setting(Type.String({ minLength: 1, maxLength: 2048, pattern: '^https?://' }), {
    env: 'SYNTROPY_INFLUX_URL',
    default: undefined,
    summary: 'InfluxDB that samples of nodes are written to as well. Unset: none.',
  }),
  'influx.database': setting(Type.String({ minLength: 1, maxLength: 255 }), {
    env: 'SYNTROPY_INFLUX_DATABASE',
    default: undefined,
    summary: 'Database of InfluxDB 1, which has to be there.',
  }),
  'influx.username': setting(Type.String({ minLength: 1, maxLength: 255, pattern: '^[^:]*$' }), {
    env: 'SYNTROPY_INFLUX_USERNAME',
    default: undefined,
    summary: 'User of InfluxDB 1 that may write to it.',
  }),
  'influx.password': setting(Type.String({ minLength: 1, maxLength: 1024 }), {
    env: 'SYNTROPY_INFLUX_PASSWORD',
    default: undefined,
    secret: true,
    summary: 'Password of that user.',
  }),
  'influx.bucket': setting(Type.String({ minLength: 1, maxLength: 255 }), {
    env: 'SYNTROPY_INFLUX_BUCKET',
    default: undefined,
    summary: 'Bucket of InfluxDB 2, in the place of a database.',
  }),
  'influx.org': setting(Type.String({ minLength: 1, maxLength: 255 }), {
    env: 'SYNTROPY_INFLUX_ORG',
    default: undefined,
    summary: 'Organisation of InfluxDB 2 that the bucket belongs to.',
  }),
  'influx.token': setting(
    Type.String({ minLength: 1, maxLength: 1024, pattern: '^[\\x21-\\x7e]+$' }),
    {
      env: 'SYNTROPY_INFLUX_TOKEN',
      default: undefined,
      secret: true,
      summary: 'Token of InfluxDB 2 that may write to the bucket.',
    },
  ),
  'limits.perAddressPerMinute': setting(Type.Integer({ minimum: 1, maximum: 10_000_000 }), {
    env: 'SYNTROPY_LIMIT_PER_ADDRESS',
    default: 1_200,
    summary: 'How many requests a minute an address may send before it has said who it is.',
  }),
  'limits.perSubjectPerMinute': setting(Type.Integer({ minimum: 1, maximum: 10_000_000 }), {
    env: 'SYNTROPY_LIMIT_PER_SUBJECT',
    default: 3_000,
    summary: 'How much a caller may ask a minute: a reading call weighs 1, a changing one 5.',
  }),
  'ops.listen': setting(
    Type.String({ maxLength: 255, pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:\\s]+):[0-9]{1,5}$' }),
    {
      env: 'SYNTROPY_OPS_LISTEN',
      default: '127.0.0.1:0',
      summary:
        'Address and port of probes and metrics, as `/livez`, `/readyz` and `/metrics`. Port 0: a free one.',
    },
  ),
  'ops.allowedHosts': setting(Type.String({ maxLength: 4096 }), {
    env: 'SYNTROPY_OPS_ALLOWED_HOSTS',
    default: '',
    summary: 'Host names by which probes and metrics may be asked for, comma separated.',
  }),
  'audit.maxAgeDays': setting(Type.Integer({ minimum: 1, maximum: 36_500 }), {
    env: 'SYNTROPY_AUDIT_MAX_AGE_DAYS',
    default: 365,
    summary: 'How many days the audit log is kept.',
  }),
  'auth.keyRotationDays': setting(Type.Integer({ minimum: 1, maximum: 3650 }), {
    env: 'SYNTROPY_KEY_ROTATION_DAYS',
    default: 90,
    summary: 'After how many days access tokens are signed with a new key.',
  }),
  'log.level': setting(
    Type.Union([
      Type.Literal('trace'),
      Type.Literal('debug'),
      Type.Literal('info'),
      Type.Literal('warn'),
      Type.Literal('error'),
    ]),
    { env: 'SYNTROPY_LOG_LEVEL', default: 'info', summary: 'What is worth a line in the log.' },
  ),
  'log.maxSizeMiB': setting(Type.Integer({ minimum: 1, maximum: 1024 }), {
    env: 'SYNTROPY_LOG_MAX_SIZE_MIB',
    default: 10,
    summary: 'Size at which the log is rotated, in MiB.',
  }),
  'log.maxFiles': setting(Type.Integer({ minimum: 1, maximum: 100 }), {
    env: 'SYNTROPY_LOG_MAX_FILES',
    default: 5,
    summary: 'How many rotated logs are kept.',
  }),
  'events.maxRows': setting(Type.Integer({ minimum: 1000, maximum: 10_000_000 }), {
    env: 'SYNTROPY_EVENTS_MAX_ROWS',
    default: 100_000,
    summary: 'How many events are kept for those who resume.',
  }),
  'events.maxAgeDays': setting(Type.Integer({ minimum: 1, maximum: 3650 }), {
    env: 'SYNTROPY_EVENTS_MAX_AGE_DAYS',
    default: 30,
    summary: 'How many days events are kept.',
  }),
  'usb.maxConcurrentWrites': setting(Type.Integer({ minimum: 1, maximum: 64 }), {
    env: 'SYNTROPY_USB_MAX_CONCURRENT_WRITES',
    default: 8,
    summary: 'How many sticks are written at once.',
  }),
} as const satisfies Record<string, Setting>;

export type SettingKey = keyof typeof settings;

export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(settings, key);
}
