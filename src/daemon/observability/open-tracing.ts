import type { Logger } from 'pino';

import type { Tracing } from './tracing.js';

import { AppError } from '../../core/types/errors/app-error.js';

/**
 * Sends a span of each call to a collector, when the environment names one (`OTEL_EXPORTER_OTLP_ENDPOINT`, and the other variables of
 * OpenTelemetry beside it). Nothing of OpenTelemetry is loaded otherwise.
 * @throws {AppError} CONFIG_INVALID when that is no address; it is not quoted, for it may hold a password.
 */
export async function openTracing(
  env: Readonly<Record<string, string | undefined>>,
  facts: { readonly daemonId: string; readonly version: string; readonly log: Logger },
): Promise<Tracing | undefined> {
  const endpoint = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '';
  if (endpoint === '' || env['OTEL_SDK_DISABLED'] === 'true') return undefined;
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw new AppError(
      'CONFIG_INVALID',
      'OTEL_EXPORTER_OTLP_ENDPOINT must be like http://collector.example:4318.',
      { key: 'OTEL_EXPORTER_OTLP_ENDPOINT' },
    );
  }
  const { openOtlpTracing } = await import('./otlp-tracing.js');
  return openOtlpTracing(env, facts);
}
