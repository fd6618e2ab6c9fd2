import type { Logger } from 'pino';

import type { Config } from '../core/config/load.js';
import type { SampleSink } from '../core/services/node/sample.ports.js';

import { InfluxSampleSink } from '../core/storage/influx/sample-sink.js';
import { influxTarget } from '../core/storage/influx/target.js';
import { InfluxWriter } from '../core/storage/influx/writer.js';

/** Where samples go beside the database. */
export interface ComposedSink {
  readonly writer: InfluxWriter;
  readonly samples: SampleSink;
}

/** Undefined when nobody wants any. @throws {AppError} CONFIG_INVALID. */
export function composeSink(config: Config, log: Logger): ComposedSink | undefined {
  const target = influxTarget(config);
  if (!target) return undefined;
  const writer = new InfluxWriter({
    target,
    onTrouble: (what, details) => log.warn(details, what),
  });
  return { writer, samples: new InfluxSampleSink(writer) };
}
