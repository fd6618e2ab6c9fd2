import type { ErrorDetails } from '../../../types/errors/app-error.js';
import type { ErrorCode } from '../../../types/errors/codes.js';
import type { WriteProgress, WriteReport } from '../../../types/models/stick.js';

/** What the writer process says, one JSON object a line on stdout. */
export type WriterMessage =
  | { readonly type: 'progress'; readonly progress: WriteProgress }
  /** The first byte is about to be written. */
  | { readonly type: 'touched' }
  | { readonly type: 'done'; readonly report: WriteReport; readonly maxRssBytes: number }
  | {
      readonly type: 'failed';
      readonly failure: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly details: ErrorDetails;
      };
    };
