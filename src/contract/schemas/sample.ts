import { type TProperties, Type } from 'typebox';

import { sampleRanges } from '../../core/types/models/sample.js';
import { Timestamp } from './common.js';

const value = (name: keyof typeof sampleRanges, description: string) => {
  const [minimum, maximum] = sampleRanges[name];
  return Type.Optional(Type.Number({ minimum, maximum, description }));
};

const values = {
  cpuPercent: value('cpuPercent', 'Of all cores together, since the sample before.'),
  load1: value('load1', 'Load of the last minute.'),
  load5: value('load5', 'Load of the last five minutes.'),
  load15: value('load15', 'Load of the last quarter of an hour.'),
  memoryUsedBytes: value('memoryUsedBytes', 'Without what can be given up at once.'),
  memoryTotalBytes: value('memoryTotalBytes', 'Bytes.'),
  swapUsedBytes: value('swapUsedBytes', 'Bytes.'),
  swapTotalBytes: value('swapTotalBytes', 'Bytes.'),
  diskUsedBytes: value('diskUsedBytes', 'Of the file system that holds `/`.'),
  diskTotalBytes: value('diskTotalBytes', 'Bytes.'),
  networkRxBytesPerSecond: value('networkRxBytesPerSecond', 'Received by all cards.'),
  networkTxBytesPerSecond: value('networkTxBytesPerSecond', 'Sent by all cards.'),
  temperatureCelsius: value('temperatureCelsius', 'Of the hottest sensor.'),
  uptimeSeconds: value('uptimeSeconds', 'Since the machine was started.'),
} satisfies TProperties;

/** How a machine fares, as its agent says it. What is negative, or more than any machine has, is refused. */
export const Sample = Type.Object(values, { additionalProperties: false });

/** As it is kept; of several, the mean. */
export const SampleAt = Type.Object({ at: Timestamp, ...values });
