import { pino } from 'pino';
import { describe, expect, it } from 'vitest';

import { openTracing } from '../../../src/daemon/observability/open-tracing.js';
import { parseTraceParent } from '../../../src/daemon/observability/tracing.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const facts = { daemonId: 'd', version: '0', log: pino({ level: 'silent' }) };

// Goal: a call belongs to its caller's trace when that is well said, and nobody's header can do more than that.
describe('a traceparent', () => {
  it.each([
    ['the usual', `00-${TRACE}-${SPAN}-01`, { traceId: TRACE, spanId: SPAN, flags: 1 }],
    ['one not sampled', `00-${TRACE}-${SPAN}-00`, { traceId: TRACE, spanId: SPAN, flags: 0 }],
    ['a later version', `01-${TRACE}-${SPAN}-01-more`, { traceId: TRACE, spanId: SPAN, flags: 1 }],
    ['none', undefined, undefined],
    ['version ff', `ff-${TRACE}-${SPAN}-01`, undefined],
    ['version 00 with more', `00-${TRACE}-${SPAN}-01-more`, undefined],
    ['capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`, undefined],
    ['no trace', `00-${'0'.repeat(32)}-${SPAN}-01`, undefined],
    ['no span', `00-${TRACE}-${'0'.repeat(16)}-01`, undefined],
    ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`, undefined],
    ['a second line', `00-${TRACE}-${SPAN}-01\n`, undefined],
    ['a long one', `01-${TRACE}-${SPAN}-01-${'x'.repeat(300)}`, undefined],
  ])('%s is read so', (_, text, expected) => {
    expect(parseTraceParent(text)).toEqual(expected);
  });
});

describe('tracing', () => {
  it.each([
    ['nothing is set', {}],
    ['the address is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    [
      'it is switched off',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_SDK_DISABLED: 'true' },
    ],
  ])('is not opened when %s', async (_, env) => {
    await expect(openTracing(env, facts)).resolves.toBeUndefined();
  });

  it('refuses what is no address, without quoting it', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'user:hunter2@collector' };

    const refusal = openTracing(env, facts);

    await expect(refusal).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(refusal).rejects.not.toThrow('hunter2');
  });
});
