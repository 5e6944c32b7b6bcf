import { describe, expect, it } from '@jest/globals';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { problems } from './errors.ts';
import { eventTypes, makeEvent, parseEvent } from './events.ts';
import { plainClientFrames, v1ClientFrames } from './frames.ts';
import { documentPeerRoutes } from './http/document-peer.ts';
import { documentRoutes } from './http/document.ts';
import { Email, Password, Title } from './http/common.ts';
import { realtimePeerRoutes } from './http/realtime.ts';
import { userPeerRoutes, userRoutes } from './http/user.ts';
import { openApi } from './openapi.ts';
import type { Route } from './route.ts';
import { emailKey, normalizeEmail, textProblem, utf8Length } from './text.ts';
import { bindings, exchanges, policies, queues } from './topology.ts';

const id = '7f3c1a52-0d7e-4b1c-9a3f-6f2d8b1e4c55';

describe('text', () => {
  it('[CN1] is refused with what no document may have', () => {
    for (const text of ['a\r\n', '\u0000', '\ud800', 'x\udc00y'])
      expect(textProblem(text)).toMatch(/^must not contain/);
    for (const text of ['', 'a\n\tb', '\u{1f600}', 'e\u0301\ufeff']) expect(textProblem(text)).toBeNull();
  });

  it('[CN1] is counted in bytes of UTF-8', () => {
    for (const text of ['', 'abc', 'äöü', '€', '\u{1f600}x', '\u07ff\u0800\uffff'])
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
  });
});

describe('addresses', () => {
  it('[CN2] are one whatever their case and composition', () => {
    expect(normalizeEmail(' E\u0301.X@Example.org\n')).toBe('\u00c9.X@Example.org');
    expect(emailKey(' E\u0301.X@Example.org')).toBe(emailKey('\u00e9.x@EXAMPLE.ORG'));
    expect(emailKey('a@b.c')).not.toBe(emailKey('a@b.d'));
  });

  it('[CN2] have one @ and no white space or control characters inside', () => {
    const email = Compile(Email);
    for (const good of ['a@b', ' a+b@c.example ', 'ü@ü.de']) expect(email.Check(good)).toBe(true);
    for (const bad of ['a', '@b', 'a@', 'a@b@c', 'a b@c', 'a@b\nc', 'a\u0000@b', `${'x'.repeat(65)}@b`])
      expect(email.Check(bad)).toBe(false);
  });

  it('[CN2] passwords and titles are counted in characters, not in code units', () => {
    expect(Compile(Password).Check('\u{1f511}'.repeat(7))).toBe(false);
    expect(Compile(Password).Check('\u{1f511}'.repeat(1024))).toBe(true);
    expect(Compile(Title).Check('\u{1f511}'.repeat(300))).toBe(true);
    for (const bad of ['', '  ', 'x'.repeat(301), 'a\nb', '\ud800']) expect(Compile(Title).Check(bad)).toBe(false);
  });
});

describe('events', () => {
  const event = makeEvent({
    id,
    time: new Date(0),
    type: 'user.deleted',
    source: '/collabeditor/user',
    subject: id,
    data: { userId: id },
  });

  it('[CN3] are the same after the wire', () => {
    expect(parseEvent(JSON.stringify(event))).toEqual(event);
    expect(parseEvent(JSON.stringify({ ...event, more: 1, data: { ...event.data, more: 2 } }))?.type).toBe(
      'user.deleted',
    );
    expect(eventTypes).toHaveLength(11);
  });

  it.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['an unknown type', JSON.stringify({ ...event, type: 'user.promoted' })],
    ['an inherited name as type', JSON.stringify({ ...event, type: 'toString' })],
    ['other data', JSON.stringify({ ...event, data: { userId: 'x' } })],
    ['another version', JSON.stringify({ ...event, specversion: '0.3' })],
  ])('[CN3] are not: %s', (_, text) => {
    expect(parseEvent(text)).toBeNull();
  });
});

const groups: readonly Readonly<Record<string, Route>>[] = [
  userRoutes,
  userPeerRoutes,
  documentRoutes,
  documentPeerRoutes,
  realtimePeerRoutes,
];
const distinct = [...new Set(groups.flatMap((group) => Object.values(group)))];

describe('routes', () => {
  it('[CN5] have ids of their own', () => {
    expect(new Set(distinct.map((route) => route.id)).size).toBe(distinct.length);
    expect(new Set(distinct.map((route) => `${route.method} ${route.path}`)).size).toBe(distinct.length);
  });

  it.each(distinct.map((route) => [route.id, route] as const))(
    '[CN5] %s names its parameters and answers',
    (_, route) => {
      const named = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const properties = route.params && Type.IsObject(route.params) ? Object.keys(route.params.properties) : [];
      expect(properties).toEqual(named);
      const statuses = Object.keys(route.answers).map(Number);
      expect(statuses.some((status) => status < 300)).toBe(true);
      if (route.access === 'user') expect(statuses).toContain(401);
      if (route.body) expect(route.method).not.toBe('get');
    },
  );

  it('[CN4] tell errors whose status is their code’s', () => {
    const document = JSON.stringify(openApi('0.0.0'));
    for (const [code, { status }] of Object.entries(problems)) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(document).toContain(`"${code}"`);
    }
  });
});

it('[CN6] the topology names only what it has', () => {
  const names = new Set(queues.map(({ name }) => name));
  for (const { queue, exchange } of bindings) {
    expect(names).toContain(queue);
    expect(exchanges.map(({ name }) => name)).toContain(exchange);
  }
  for (const { pattern, definition } of policies) {
    expect([...names].some((name) => new RegExp(pattern).test(name))).toBe(true);
    const target = definition['dead-letter-routing-key'];
    if (target !== undefined) expect(names).toContain(target);
  }
});

it('[CN7] frames are told by their type', () => {
  const insert = Compile(plainClientFrames.insert);
  const frame = { type: 'insert', pos: 0, text: '', version: 0 };
  expect(insert.Check(frame)).toBe(true);
  for (const wrong of [
    { version: -1 },
    { version: 0.5 },
    { pos: -1 },
    { text: 1 },
    { id: '' },
    { id: 'x'.repeat(65) },
    { type: 'delete' },
  ]) {
    expect(insert.Check({ ...frame, ...wrong })).toBe(false);
  }
  expect(Compile(v1ClientFrames.edits).Check({ type: 'edits', version: 0, edits: [{ changes: [] }] })).toBe(false);
});
