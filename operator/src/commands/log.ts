import { pino, stdTimeFunctions, type Logger } from 'pino';

/** One JSON object a line. */
export function createLogger(level: string, write: (text: string) => void): Logger {
  return pino(
    {
      level,
      base: { service: 'operator' },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
}
