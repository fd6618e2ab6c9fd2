import { AppError } from '../../core/types/errors/app-error.js';

/**
 * Asks at most once at a time and at most once in a while, and answers everyone else with what was found: whoever asks often must not
 * load what is asked about. A question that takes too long fails for those who wait; while it goes on, nobody asks again.
 */
export function boundedAnswer<T>(
  ask: () => Promise<T>,
  limits: { readonly timeoutMs: number; readonly keepMs: number; readonly now?: () => number },
): () => Promise<T> {
  const { timeoutMs, keepMs, now = () => performance.now() } = limits;
  let kept: { readonly answer: Promise<T>; readonly until: number } | undefined;
  let asking: Promise<T> | undefined;
  return () => {
    if (kept && now() < kept.until) return kept.answer;
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    const answer = within(asking, timeoutMs);
    // Also what could not be found out is kept, or a database in trouble would be asked without a pause.
    const settled = () => {
      kept = { answer, until: now() + keepMs };
    };
    answer.then(settled, settled);
    return answer;
  };
}

async function within<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new AppError('DATABASE_UNAVAILABLE', `No answer within ${timeoutMs} ms.`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
