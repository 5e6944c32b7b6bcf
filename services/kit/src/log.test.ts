import { Writable } from 'node:stream';
import { expect, it } from '@jest/globals';
import { createLogger } from './log.ts';

it('[KI40] masks tokens, passwords and bodies, and takes only the safe parts of an error', () => {
  let out = '';
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      out += chunk.toString();
      done();
    },
  });
  const log = createLogger({ service: 's', pod: 'p', level: 'info', destination });
  log.info(
    {
      event: 'a',
      token: 'secret-1',
      headers: { authorization: 'secret-2', 'x-service-token': 'secret-3' },
      user: { password: 'secret-4' },
    },
    'X',
  );
  log.error({ event: 'b', err: Object.assign(new Error('broken'), { detail: 'secret-5', code: '23505' }) }, 'Y');
  expect(out).not.toContain('secret');
  expect(out).toContain('"code":"23505"');
});
