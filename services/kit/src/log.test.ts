import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { boundedOutput } from './log-output.ts';
import { createLogger } from './log.ts';

function writing(): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, log: createLogger({ service: 's', pod: 'p', level: 'debug', destination }) };
}

function lineOf(fields: Record<string, unknown>): string {
  const { lines, log } = writing();
  log.info({ ...fields, event: 'tested' }, 'Tested');
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}
const parsed = (line: string) => JSON.parse(line) as Record<string, unknown>;

it('[KI80] a line has an event in snake_case and a sentence without variable parts, or does not compile', () => {
  const { lines, log } = writing();
  const name = 'Ada';
  log.info({ event: 'user_came', name }, 'A user came');
  // @ts-expect-error -- no event
  log.info({ name }, 'A user came');
  // @ts-expect-error -- no sentence
  log.info({ event: 'user_came' }, 'a user came');
  // @ts-expect-error -- no name for machines
  log.info({ event: 'UserCame' }, 'A user came');
  expect(parsed(lines[0] ?? '')).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    service: 's',
    pod: 'p',
    event: 'user_came',
    name: 'Ada',
    msg: 'A user came',
  });
});

describe('a secret', () => {
  it('[KI40] under its name is masked at any depth, and of an error only the safe parts are taken', () => {
    const deep = { a: { b: [{ c: { Authorization: 'secret-1', 'x-service-token': 'secret-2' } }] } };
    const row = { invitationToken: 'secret-3', passwordHash: 'secret-4', 'set-cookie': ['secret-5'] };
    const document = { content: 'secret-6', changes: [['secret-7']], text: { x: 'secret-8' }, body: 'secret-9' };
    const err = Object.assign(new Error('broken'), { detail: 'secret-10', code: '23505', parameters: ['secret-11'] });
    const line = lineOf({ deep, row, document, err, cause: new Error('outer', { cause: err }) });
    expect(line).not.toContain('secret-');
    expect(parsed(line)).toMatchObject({
      err: { type: 'Error', message: 'broken', code: '23505', stack: expect.stringContaining('at ') },
      cause: { cause: { code: '23505' } },
    });
  });

  it('[KI84] within a text is masked: users of URIs, tokens of queries, bearers, assignments', () => {
    const jwt = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0';
    const texts = [
      'connect to postgresql://collab:secret-1@db:5432/collab failed',
      'amqp://user:sec/ret@-1@broker/vhost',
      'rediss://:secret-2@cache',
      '/ws/doc/7?client=x&token=secret-3&since=4',
      `a frame of ${jwt}`,
      'Authorization: Bearer secret-secret-4',
      "password='secret-5' host=db",
      '{"accessToken":"secret-6"}',
    ];
    for (const text of texts) {
      const error = new Error(text, { cause: new Error(text) });
      const line = lineOf({ reason: text, list: [text], err: error, [`name`]: { [text]: 1 } });
      expect(line).not.toMatch(/secret-|ret@-1|c2VjcmV0/);
    }
    expect(parsed(lineOf({ reason: texts[0] }))['reason']).toBe(
      'connect to postgresql://[redacted]@db:5432/collab failed',
    );
    const plain = 'see https://host/path: error=timeout at file:///app/node_modules/@scope/x.js';
    expect(parsed(lineOf({ reason: plain }))['reason']).toBe(plain);
  });

  it('[KI84] that a cut would split is masked as a whole', () => {
    const padding = 'x'.repeat(1_000);
    expect(lineOf({ reason: `${padding} postgres://u:secret-secret-secret-secret@h/d` })).not.toContain('secret');
  });

  it('[KI84] in a text that is no JSON is not cited', () => {
    let caught: unknown;
    try {
      JSON.parse('{"title": secret words of a document');
    } catch (error) {
      caught = error;
    }
    expect(lineOf({ err: caught })).not.toContain('secret');
  });
});

/** Ends of lines, commands to terminals, changes of direction, and what is not even a character. */
const hostile = fc.constantFrom(
  '\n',
  '\r\n',
  '\u0000',
  '\u001b[2J',
  '\u007f',
  '\u0085',
  '\u2028',
  '\u202e',
  '\u2066',
  '\ufeff',
  '\ud800',
  '\udc00',
  '\u{e0041}',
  '"',
  '\\',
  '%s',
  '😀',
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 3_000 }),
  fc.array(fc.oneof(hostile, fc.string({ maxLength: 20 })), { maxLength: 200 }).map((parts) => parts.join('')),
);
const value = fc.oneof(
  text,
  fc.anything({
    maxDepth: 8,
    withBigInt: true,
    withDate: true,
    withMap: true,
    withTypedArray: true,
    withNullPrototype: true,
    values: [text, fc.integer()],
    key: text,
  }),
);

it('[KI83] whatever a field holds, a line is one line of JSON, bounded and free of control characters', () => {
  fc.assert(
    fc.property(text, value, fc.dictionary(text, value, { maxKeys: 20 }), (title, inner, rest) => {
      const line = lineOf({ ...rest, title, inner, err: new Error(title, { cause: inner }) });
      expect(line.endsWith('}\n')).toBe(true);
      expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      expect(Buffer.byteLength(line)).toBeLessThan(16_384);
      expect(parsed(line)).toMatchObject({ level: 'info', service: 's', pod: 'p', event: 'tested', msg: 'Tested' });
    }),
    { numRuns: 300 },
  );
});

it('[KI83] a text says what it said, up to 1 kB', () => {
  const title = '“Плохо” \u202egpj.exe\n{"level":"fatal"} 😀';
  expect(parsed(lineOf({ title }))['title']).toBe(title);
  expect(parsed(lineOf({ title: 'x'.repeat(5_000) }))['title']).toBe(`${'x'.repeat(1_024)}…`);
});

it('[KI83] values that can’t be read, or never end, do no harm', () => {
  const circle: Record<string, unknown> = { name: 'circle' };
  circle['self'] = circle;
  const trap = {
    get poison() {
      throw new Error('poisoned');
    },
    toJSON: () => {
      throw new Error('poisoned');
    },
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const line = lineOf({
    circle,
    trap,
    revoked: revoked.proxy,
    bytes: Buffer.from('secret'),
    f: () => 1,
    s: Symbol('x'),
  });
  expect(parsed(line)).toMatchObject({ bytes: '[bytes]', circle: { name: 'circle' } });
});

describe('a log that nobody reads', () => {
  /** Stands for a pipe: it is full or has room as the test says. */
  function pipe() {
    const listeners = { error: () => undefined, drain: () => undefined } as Record<string, () => void>;
    const state = { writableLength: 0, written: [] as string[] };
    return Object.assign(state, {
      write: (line: string) => {
        state.written.push(line);
        return true;
      },
      on: (event: string, listener: () => void) => (listeners[event] = listener),
      emit: (event: string) => listeners[event]?.(),
    });
  }

  it('[KI85] loses lines beyond 4 MiB and tells how many', () => {
    const sink = pipe();
    const dropped: number[] = [];
    const output = boundedOutput(sink, (lines) => dropped.push(lines));
    output.write('kept');
    sink.writableLength = 4 * 1024 * 1024 + 1;
    output.write('lost');
    output.write('lost');
    sink.writableLength = 0;
    sink.emit('drain');
    sink.emit('drain');
    output.write('kept');
    expect(sink.written).toEqual(['kept', 'kept']);
    expect(dropped).toEqual([2]);
  });

  it('[KI85] that is closed takes nothing more', () => {
    const sink = pipe();
    const output = boundedOutput(sink, () => undefined);
    sink.emit('error');
    output.write('nowhere');
    expect(sink.written).toEqual([]);
  });

  const script = (body: string) => `
    import { createLogger } from './log.ts';
    const log = createLogger({ service: 's', pod: 'p', level: 'info' });
    ${body}`;
  const start = (body: string) => {
    const args = ['--no-warnings', '--input-type=module', '--eval', script(body)];
    return spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'pipe'] });
  };

  it('[KI85] never stops the process, nor keeps it from ending', async () => {
    const child = start(`
      for (let count = 0; count < 20_000; count++) log.info({ event: 'flood', filler: 'x'.repeat(500) }, 'A line');
      setTimeout(() => { process.stderr.write('alive'); process.exit(7); }, 50);`);
    child.stdout.pause();
    let alive = '';
    child.stderr.on('data', (chunk: Buffer) => (alive += chunk.toString()));
    expect(await once(child, 'exit')).toEqual([7, null]);
    expect(alive).toBe('alive');
  });

  it('[KI85] whose reader has gone is no reason to end', async () => {
    const child = start(`
      setInterval(() => log.info({ event: 'beat' }, 'A line'), 5);
      setTimeout(() => { process.stderr.write('alive'); process.exit(7); }, 500);`);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await once(child, 'exit')).toEqual([7, null]);
  });

  it('[KI85] loses no line at an exit as long as it is read', async () => {
    const child = start(`
      for (let count = 0; count < 200; count++) log.info({ event: 'last_words', count }, 'A line');
      process.exit(0);`);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close');
    expect(output.trim().split('\n')).toHaveLength(200);
  });
});
