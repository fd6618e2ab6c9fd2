import type { Config } from '../../config/load.js';

import { AppError } from '../../types/errors/app-error.js';

/** Where points are written to, and what opens it. */
export interface InfluxTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * What the settings `influx.*` name: a database of InfluxDB 1 (https://docs.influxdata.com/influxdb/v1/tools/api/#write-http-endpoint), or
 * a bucket of InfluxDB 2 (https://docs.influxdata.com/influxdb/v2/api/#operation/PostWrite). Undefined when there is to be none.
 * @throws {AppError} CONFIG_INVALID.
 */
export function influxTarget(config: Pick<Config, 'get'>): InfluxTarget | undefined {
  const url = config.get('influx.url');
  if (url === undefined) return undefined;
  const [database, bucket] = [config.get('influx.database'), config.get('influx.bucket')];
  if (database !== undefined && bucket === undefined) return version1(config, base(url), database);
  if (bucket !== undefined && database === undefined) return version2(config, base(url), bucket);
  throw new AppError(
    'CONFIG_INVALID',
    'influx.url needs influx.database (InfluxDB 1) or influx.bucket (InfluxDB 2), and one of them only.',
    { key: 'influx.url' },
  );
}

function version1(config: Pick<Config, 'get'>, root: URL, database: string): InfluxTarget {
  const [name, password] = [config.get('influx.username'), config.get('influx.password') ?? ''];
  const secret = Buffer.from(`${name}:${password}`).toString('base64');
  return {
    url: withPath(root, 'write', { db: database, precision: 'ms' }),
    headers: name === undefined ? {} : { authorization: `Basic ${secret}` },
  };
}

function version2(config: Pick<Config, 'get'>, root: URL, bucket: string): InfluxTarget {
  const [org, token] = [config.get('influx.org'), config.get('influx.token')];
  if (org === undefined || token === undefined) {
    throw new AppError('CONFIG_INVALID', 'influx.bucket needs influx.org and influx.token.', {
      key: 'influx.bucket',
    });
  }
  return {
    url: withPath(root, 'api/v2/write', { org, bucket, precision: 'ms' }),
    headers: { authorization: `Token ${token}` },
  };
}

function base(text: string): URL {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search) {
    return url;
  }
  throw new AppError('CONFIG_INVALID', 'influx.url is no address like http://127.0.0.1:8086.', {
    key: 'influx.url',
  });
}

function withPath(root: URL, path: string, query: Readonly<Record<string, string>>): URL {
  const url = new URL(`${root.pathname.replace(/\/$/, '')}/${path}`, root);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  return url;
}
