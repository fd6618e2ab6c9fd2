import type { NotedSample, SampleSink } from '../../services/node/sample.ports.js';
import type { InfluxWriter } from './writer.js';

import { lineOf } from './line-protocol.js';

const MEASUREMENT = 'syntropy_node';

/** Samples of nodes as points of InfluxDB: the measurement `syntropy_node`, tags `node_id` and `node`, a field for each value. */
export class InfluxSampleSink implements SampleSink {
  readonly #writer: Pick<InfluxWriter, 'add'>;

  constructor(writer: Pick<InfluxWriter, 'add'>) {
    this.#writer = writer;
  }

  add(samples: readonly NotedSample[], at: Date): void {
    this.#writer.add(
      samples.flatMap(({ node, sample }) => {
        const fields = Object.entries(sample).map(([name, value]) => [snake(name), value] as const);
        const line = lineOf({
          measurement: MEASUREMENT,
          tags: { node_id: node.id, node: node.name },
          fields: Object.fromEntries(fields),
          at,
        });
        return line === undefined ? [] : [line];
      }),
    );
  }
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
