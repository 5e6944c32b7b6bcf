import { atMostEvery, type Logger } from '@collabeditor/kit';
import type { Context } from './context.ts';
import { deleteExpired } from './store/tokens.ts';

const INTERVAL_MS = 600_000;

/** Forgets expired tokens now and then; every check looks at the expiry itself. */
export function startSweeping(context: Context, log: Logger): Disposable {
  const report = atMostEvery(INTERVAL_MS, (err) =>
    log.warn({ event: 'tokens_not_swept', err }, 'Expired tokens were not swept'),
  );
  const timer = setInterval(() => void deleteExpired(context.db, context.now()).catch(report), INTERVAL_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
