import type { ErrorCode } from '../../core/types/errors/codes.js';
import type { CallContext } from '../dispatch.js';

/** One call, as others see it in their traces. */
export interface CallSpan {
  /** @param code - why it was not done; absent when it was. */
  end(code?: ErrorCode): void;
}

export interface Tracing {
  begin(operation: string, context: CallContext): CallSpan;
  /** Sends what is still here, a bounded time. */
  close(): Promise<void>;
}

/** Where a trace comes from, by W3C Trace Context §3.2: what is not exactly so is no trace, and the call begins one. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

/** A later version may append fields, and is read by the rules of version 00; `ff` is never one. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

export function parseTraceParent(text: string | undefined): TraceParent | undefined {
  if (text === undefined || text.length > 255) return undefined;
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === '00' && rest !== undefined) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}
